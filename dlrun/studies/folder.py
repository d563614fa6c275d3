"""StudyFolder: the run folder of a study, and which study a command means to go on with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.base.inside import TRIALS
from dlrun.base.text import json_text, printable
from dlrun.config.write import to_yaml
from dlrun.errors import StorageError, UsageError
from dlrun.records.environment import environment
from dlrun.records.find import find_run
from dlrun.records.folder import RunFolder
from dlrun.records.index import is_trial, run_folders
from dlrun.records.kinds import STUDY
from dlrun.records.status import read_status
from dlrun.runs.kept import Kept
from dlrun.studies.state.facts import StudyDiffers

if TYPE_CHECKING:
    from dlrun.experiment.experiment import Experiment
    from dlrun.experiment.load import LoadedConfig
    from dlrun.runs.run import AsTrial

FILE = STUDY
BEST = "best.yaml"
"""The winner's config, ready for `dlrun train`."""

_FORMAT = 1
_FREE = ("trials", "selection", "keep_weights", "weights_megabytes")
"""Settings of a tuner that may change while a study goes on."""


@dataclass(frozen=True)
class StudyFacts:
    """The content of study.json.

    Args:
        config: Digest of the config that the study belongs to.
        metric: Name of the validation score that is searched by.
        mode: Whether it is to be small or large.
        trials: Number of trials that were asked for.
        complete: Whether all of them are done and the report is written.
        data: Fingerprint of the dataset that the config as written loads; None until it has been loaded.
        models: Kinds of model that the trials have while the study goes on, then that of the winner; empty if unknown.
        done: Number of trials that were done when the last search ended; None before, and if it was killed.
    """

    config: str
    metric: str
    mode: str
    trials: int | None
    complete: bool = False
    data: str | None = None
    models: tuple[str, ...] = ()
    done: int | None = None

    def write(self, folder: RunFolder) -> None:
        """Put the facts into a study's folder; raises StorageError."""
        folder.write_json(FILE, {"format": _FORMAT, **vars(self)})


def read_facts(folder: RunFolder) -> StudyFacts | None:
    """Return the facts of a study; None if the folder is no study's.

    Raises:
        StorageError: They are damaged.
    """
    if not folder.file(FILE).is_file():
        return None
    written = folder.read_json(FILE)
    try:
        needed = {name: written[name] for name in ("config", "metric", "mode", "trials", "complete")}
        further = {"data": written.get("data"), "models": tuple(written.get("models", ())), "done": written.get("done")}
        return StudyFacts(**needed, **further)
    except (KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{printable(str(folder.file(FILE)))} is damaged: it holds no facts of a study") from error


def amend_facts(folder: RunFolder, **changes: Any) -> None:
    """Change some facts of a study and keep the others; raises StorageError."""
    facts = read_facts(folder)
    if facts is None:
        raise StorageError(f"{printable(str(folder.file(FILE)))} is gone", remedy="Begin a new study with --new.")
    replace(facts, **changes).write(folder)


def models_of(experiment: Experiment) -> tuple[str, ...]:
    """Return the kinds of model that a search tries, that of the config as written first.

    Args:
        experiment: As it was written, with a tuner.
    """
    tuner = experiment.tuner
    options = [] if tuner is None else [*tuner.options("model"), *tuner.options("model.kind")]
    found = [model_kind({"model": option}) for option in options]
    return tuple(dict.fromkeys([experiment.model.kind, *(kind for kind in found if kind is not None)]))


def model_kind(config: Mapping[str, Any]) -> str | None:
    """Return the kind of model in the plain values of a config; None if they do not say it."""
    model = config.get("model")
    kind = model.get("kind") if isinstance(model, Mapping) else model
    return kind if isinstance(kind, str) else None


def settle_data(folder: RunFolder, data: str | None) -> None:
    """Note which data a study is begun with, or compare the data with those.

    Args:
        folder: The study.
        data: Fingerprint of the dataset as it is now; None if nobody loaded it.

    Raises:
        StudyDiffers: The data have changed.
        StorageError: The facts are damaged or cannot be written.
    """
    facts = read_facts(folder)
    if data is None or facts is None or facts.data == data:
        return
    if facts.data is not None:
        raise StudyDiffers(
            f"the data have changed since the study {folder.id} was begun:"
            f" their fingerprint was {facts.data}, it is {data} now",
            remedy="Put the data back as they were, or begin a new study of them with `dlrun tune --new`.",
        )
    amend_facts(folder, data=data)


def digest_of(data: Mapping[str, Any]) -> str:
    """Return what tells a config from others: SHA-256 over its plain values, but for what may change meanwhile."""
    tuner = {name: value for name, value in (data.get("tuner") or {}).items() if name not in _FREE}
    return hashlib.sha256(json_text({**data, "tuner": tuner}, indent=None).encode()).hexdigest()


def claim_study(runs_dir: Path, loaded: LoadedConfig, facts: StudyFacts, argv: Sequence[str]) -> RunFolder:
    """Make the folder of a new study.

    Args:
        runs_dir: Folder of all runs.
        loaded: The config, with a tuner.
        facts: What is written into study.json.
        argv: The command line.

    Raises:
        StorageError: It cannot be written.
    """
    folder = RunFolder.claim(runs_dir, loaded.experiment.name)
    folder.write_text("config.yaml", to_yaml(loaded.experiment))
    folder.write_text("source.yaml", loaded.source_text)
    folder.write_json("overrides.yaml", list(loaded.overrides))
    folder.write_json("environment.json", environment(argv=argv))
    folder.file(TRIALS).make_folder()
    facts.write(folder)
    return folder


def config_of(folder: RunFolder) -> LoadedConfig:
    """Return the config of a study as it was written, with the overrides of the command that began it.

    Raises:
        ConfigError, StorageError: It cannot be read any more.
    """
    from dlrun.experiment.load import load_text

    overrides = folder.read_json("overrides.yaml")
    return load_text(folder.read_text("source.yaml"), f"{folder.id}/source.yaml", overrides)


def as_trial(run: RunFolder) -> AsTrial | None:
    """Return what a run is told as a trial of its study; None if it is none.

    A trial whose fit another process has ended is not timed: a study does it anew.

    Args:
        run: Any run.

    Raises:
        ConfigError, StorageError: The config of its study cannot be read any more.
    """
    from dlrun.runs.run import AsTrial

    study = run.outer
    if study is None or not is_trial(run):
        return None
    tuner = None if Kept.read(run).fits else config_of(study).experiment.tuner
    return AsTrial() if tuner is None else AsTrial(tuner.timed_rows)


def best_config(folder: RunFolder) -> str:
    """Return the config of a study's winner as YAML.

    Raises:
        UsageError: The run is no study, or one that is not done.
        StorageError: The file cannot be read.
    """
    if not folder.file(FILE).is_file():
        raise UsageError(
            f"{folder.id} is a run, not a study", remedy="`dlrun tune` makes studies; `dlrun ls` lists them."
        )
    if not folder.file(BEST).is_file():
        remedy = f"`dlrun tune --study {folder.id}` ends it."
        raise UsageError(f"{folder.id} has no winner yet: it is not done", remedy=remedy)
    return folder.read_text(BEST)


def find_study(runs_dir: Path, reference: str) -> RunFolder:
    """Find the study that a user names.

    Args:
        runs_dir: Folder of all runs.
        reference: An id, a unique part of it, `latest`, or the path of a study.

    Raises:
        UsageError: There is no such run, or it is no study.
    """
    if reference == "latest":
        studies = [folder for folder in run_folders(runs_dir) if folder.file(FILE).is_file()]
        if not studies:
            raise UsageError(f"there is no study in {printable(str(runs_dir))}", remedy="`dlrun tune` begins one.")
        return studies[-1]
    folder = find_run(runs_dir, reference, higher_is_better=lambda _: False)
    if read_facts(folder) is None:
        raise UsageError(f"{folder.id} is a run, not a study", remedy="`dlrun tune` without --study begins a study.")
    return folder


def unfinished_study(runs_dir: Path, config: str, num_trials: int | None) -> RunFolder | None:
    """Return the newest study of a config that has not done as many trials as are asked for; None if there is none.

    Args:
        runs_dir: Folder of all runs.
        config: Digest of the config.
        num_trials: Trials asked for; None for as many as there are points.
    """
    for folder in reversed(run_folders(runs_dir)):
        try:
            facts = read_facts(folder)
            if facts is None or facts.config != config:
                continue
            more = num_trials is not None and facts.trials is not None and num_trials > facts.trials
            if not facts.complete or more or read_status(folder).state != "finished":
                return folder
        except StorageError:
            continue
    return None
