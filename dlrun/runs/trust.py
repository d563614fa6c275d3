"""Trust: code that a config names runs for the user who wrote the config, not for one who was handed a run folder."""

from __future__ import annotations

from pathlib import Path

from dlrun.base.text import printable
from dlrun.experiment.datasets.trust import decide, require_trusted
from dlrun.experiment.experiment import Experiment
from dlrun.records.folder import RunFolder

_RECORDS = ("status.json", "environment.json", "study.json", "source.yaml")
"""Files that lie beside the config of a run or a study, and hardly beside one that a user writes."""


def require_trust(experiment: Experiment, where: str, *, trusted: bool) -> None:
    """Refuse to go on if loading the data would run code that nobody vouches for.

    What is decided here holds until it is decided anew, for all that is loaded then: a study may name further code in
    its space or its journal, which is stopped at the door.

    Args:
        experiment: What is about to be carried out, from a run folder.
        where: What the message calls the source of the config, such as `the run 20260101-120000-digits-ab12`.
        trusted: Whether the user vouches for it.

    Raises:
        UsageError: It would.
    """
    decide(None if trusted else printable(where))
    if experiment.dataset.runs_code:
        require_trusted(printable(str(getattr(experiment.dataset, "path", ""))))


def require_trust_in(experiment: Experiment, config: Path | None, *, trusted: bool) -> None:
    """Refuse as `require_trust` a config that names code and was not written by the user.

    Args:
        experiment: What is about to be carried out.
        config: Its file; what lies in the folder of a run or a study may have come from elsewhere. None if the user
            has handed over its values.
        trusted: Whether the user vouches for it in any case.

    Raises:
        UsageError: As `require_trust`.
    """
    own = config is None or not _from_record(config)
    require_trust(experiment, f"the config '{config}' lies in a run folder and", trusted=trusted or own)


def require_own_file(config: Path) -> None:
    """Refuse a config in the folder of a run or a study that is a link: its words would be told, and recorded anew.

    Args:
        config: The file that is about to be read.

    Raises:
        StorageError: It is one.
    """
    folder = config.absolute().parent
    if _is_record(folder):
        RunFolder.at(folder).file(config.name).info()


def _from_record(config: Path) -> bool:
    """Tell whether a config lies in the folder of a run or a study."""
    return any(map(_is_record, {config.absolute().parent, config.resolve().parent}))


def _is_record(folder: Path) -> bool:
    return any((folder / name).exists() for name in _RECORDS)
