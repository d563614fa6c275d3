"""resume_run(): a run that was stopped goes on where it stood, and ends with the bytes of one that was not."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from dlrun.base import files
from dlrun.base.text import json_text
from dlrun.config.write import to_yaml
from dlrun.errors import DataError, DlrunError, StorageError, UsageError
from dlrun.experiment.load import load_text
from dlrun.experiment.validation.describe import describe
from dlrun.learners.listener import Listener
from dlrun.learners.make import backend_of
from dlrun.records.arrays import decode_arrays
from dlrun.records.environment import environment_changes
from dlrun.records.folder import RunFolder, check_ledger
from dlrun.records.index import is_trial
from dlrun.records.kinds import require_run
from dlrun.records.ledger import home
from dlrun.records.lock import locked
from dlrun.records.status import State, Status, read_status
from dlrun.runs.clock import Clock
from dlrun.runs.kept import Kept
from dlrun.runs.record import present_environment
from dlrun.runs.run import AsTrial, Ready, Run, carry_out, make_ready, settled
from dlrun.runs.trust import require_trust

if TYPE_CHECKING:
    from dlrun.experiment.datasets.dataset import Dataset

LOG = "resumed.jsonl"
"""One line for every time a run was resumed."""

_MAX_DIFF_LINES = 40

_MOST_COMPARED_LINES = 20_000
"""Lines of two texts that are compared one by one, which takes memory and may take long."""


def resume_run(
    folder: RunFolder,
    *,
    force: bool = False,
    trust: bool = False,
    argv: Sequence[str] = (),
    listener: Listener | None = None,
    dataset: Dataset | None = None,
    trial: AsTrial | None = None,
    pruned: bool = False,
) -> Run:
    """Go on with a run from its last checkpoint. The test rows of a study's trial are not scored, as in the study.

    Args:
        folder: The run.
        force: Whether to go on although config or data have changed since; the record then says so.
        trust: Whether the recorded config may name code to run.
        argv: The command line, for the record.
        listener: Hears of the progress.
        dataset: What the run's `dataset` section loads, if that has been done already.
        trial: As in `run_experiment`; a run inside a study is a trial even without it.
        pruned: Whether a run that its study has stopped early may go on too.

    Raises:
        UsageError: The run is over, is being carried out, has changed (the message holds the differences), or is not
            to be trusted.
        ConfigError, DataError, ModelError, StorageError: What the run needs is not there any more, or damaged.
        RunFailed, Interrupted: As `run_experiment`.
    """
    clock = Clock(listener or Listener())
    check_ledger(home(folder))
    with locked(folder):
        status = _resumable(folder, ended={"finished"} if pruned else {"finished", "pruned"})
        folder.content.discard_temporaries()
        ready = _ready(folder, clock, dataset, trust=trust)
        kept = Kept.read(folder)
        changes = [*_config_changes(kept, ready), *_data_changes(folder, kept, ready)]
        if changes and not force:
            raise UsageError(
                "\n".join([f"the run {folder.id} is not what it was when it was stopped:", *_shortened(changes)]),
                remedy="Put it back as it was, train anew with `dlrun train`, or go on all the same with --force.",
            )
        environment = _note_resume(folder, ready, kept, argv, changes)
        clock.listener.note(f"going on from {kept.place}")
        if environment:
            clock.listener.note(f"the environment is another one, so bits may differ: {'; '.join(environment)}")
        trial = trial or (AsTrial() if is_trial(folder) else None)
        return carry_out(ready, folder, kept, clock, earlier=status, trial=trial)


def _resumable(folder: RunFolder, ended: AbstractSet[State]) -> Status | None:
    """Return the status of a run that can go on; None if it was stopped before it had one.

    Args:
        folder: The run.
        ended: States of runs that cannot.
    """
    require_run(folder)
    if not folder.file("config.yaml").is_file():
        raise UsageError(
            f"the run {folder.id} cannot be resumed: it was stopped before its config was written",
            remedy=f"Nothing is lost: train anew, and remove the folder with `dlrun rm {folder.id}`.",
        )
    if not folder.file("status.json").is_file():
        return None
    status = read_status(folder)
    if status.state in ended:
        raise UsageError(f"the run {folder.id} is {status.state}: there is nothing to resume")
    return status


def _ready(folder: RunFolder, clock: Clock, dataset: Dataset | None, *, trust: bool) -> Ready:
    loaded = load_text(folder.read_text("config.yaml"), str(folder.file("config.yaml")))
    if dataset is None:
        require_trust(loaded.experiment, f"the run {folder.id}", trusted=trust)
    try:
        return make_ready(loaded.experiment, clock, dataset)
    except DataError as error:
        directory = _recorded(folder, "environment.json").get("directory")
        if not isinstance(directory, str) or directory == os.getcwd():  # noqa: PTH109 - compared as it was recorded
            raise
        remedy = f"The run began in {directory}: paths of data files count from there."
        raise DataError(error.message, remedy=f"{error.remedy}\n{remedy}" if error.remedy else remedy) from error


def _config_changes(kept: Kept, ready: Ready) -> list[str]:
    """Compare the config that the checkpoints were made with to the one that would go on."""
    now = ready.identity.config
    others = (str(one.facts.get("config")) for one in kept.checkpoints if one.facts.get("config") != now)
    before = next((config for config in others if _as_of_now(config, ready.dataset) != now), now)
    return _diff(before, now, "config of the stored state", "config.yaml now")


def _as_of_now(config: str, dataset: Dataset) -> str:
    """Return a stored config with the settings that dlrun has gained since; itself if it cannot be read any more."""
    try:
        return to_yaml(settled(load_text(config, "config.yaml").experiment, dataset))
    except DlrunError:
        return config


def _data_changes(folder: RunFolder, kept: Kept, ready: Ready) -> list[str]:
    """Compare fingerprint, description and split of the data with what is recorded."""
    now = ready.identity.fingerprint
    stored = next((one for one in kept.checkpoints if one.facts.get("fingerprint") != now), None)
    recorded = _recorded(folder, "dataset.json")
    if stored is not None or (recorded and recorded.get("fingerprint") != now):
        present = json.loads(json_text(describe(ready.dataset, ready.plan, ready.report)))
        if not recorded or recorded.get("fingerprint") == now:
            recorded = {"fingerprint": None if stored is None else stored.facts.get("fingerprint")}
            present = {"fingerprint": now}
        return _diff(json_text(recorded), json_text(present), "dataset.json", "the data now")
    if folder.file("split.npz").is_file() and not _same_split(folder, ready):
        return ["--- split.npz", "+++ the split now", "the rows are divided otherwise than before"]
    return []


def _same_split(folder: RunFolder, ready: Ready) -> bool:
    content = folder.file("split.npz").read_bytes()
    if content == files.npz_bytes(ready.plan.arrays()):
        return True
    now = ready.plan.arrays()
    try:
        stored = decode_arrays(content, "split.npz")
    except DataError as error:
        raise StorageError(
            f"{folder.file('split.npz')} is damaged: {error.message}", remedy="Remove the file: it is written again."
        ) from error
    return set(stored) == set(now) and all(np.array_equal(stored[name], now[name]) for name in now)


def _diff(before: str, now: str, before_name: str, now_name: str) -> list[str]:
    if before == now:
        return []
    longest = max(text.count("\n") for text in (before, now))
    if longest > _MOST_COMPARED_LINES:
        return [f"--- {before_name}", f"+++ {now_name}", f"they differ, in up to {longest:,} lines"]
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), before_name, now_name, n=1, lineterm="")
    return [*lines]


def _shortened(lines: Sequence[str]) -> list[str]:
    cut = [f"  {line}" for line in lines[:_MAX_DIFF_LINES]]
    return cut if len(lines) <= _MAX_DIFF_LINES else [*cut, f"  and {len(lines) - _MAX_DIFF_LINES} more lines"]


def _recorded(folder: RunFolder, name: str) -> dict[str, Any]:
    return folder.read_object(name) if folder.file(name).is_file() else {}


def _note_resume(folder: RunFolder, ready: Ready, kept: Kept, argv: Sequence[str], changes: list[str]) -> list[str]:
    """Add a line to resumed.jsonl; a config that was changed by force becomes the recorded one.

    Returns:
        What differs from the environment that the run began in.
    """
    present = present_environment(ready.experiment, backend_of(ready.experiment).devices(), argv)
    environment = environment_changes(_recorded(folder, "environment.json"), present)
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "from": kept.place,
        "argv": list(argv),
        "environment": environment,
        "forced": changes,
    }
    folder.file(LOG).append_line(json_text(entry, indent=None))
    if changes:
        folder.write_text("config.yaml", ready.identity.config)
    return [change for change in environment if not change.startswith("git")]
