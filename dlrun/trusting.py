"""Trust: code that a config names runs for the user who wrote the config, not for one who was handed a run folder."""

from __future__ import annotations

from pathlib import Path

from dlrun.errors import UsageError
from dlrun.experiment import Experiment
from dlrun.records.text import printable

_RECORDS = ("status.json", "environment.json", "study.json", "source.yaml")
"""Files that lie beside the config of a run or a study, and hardly beside one that a user writes."""


def require_trust(experiment: Experiment, where: str, *, trusted: bool) -> None:
    """Refuse to go on if loading the data would run code that nobody vouches for.

    Args:
        experiment: What is about to be carried out, from a run folder.
        where: What the message calls the source of the config, such as `the run 20260101-120000-digits-ab12`.
        trusted: Whether the user vouches for it.

    Raises:
        UsageError: It would.
    """
    if trusted or not experiment.dataset.runs_code:
        return
    code = printable(str(getattr(experiment.dataset, "path", "")))
    raise UsageError(
        f"{printable(where)} loads its data by running the code in '{code}'",
        remedy="If you know what that code does, add --trust. It runs with your rights.",
    )


def from_record(config: Path) -> bool:
    """Tell whether a config lies in the folder of a run or a study."""
    folder = config.absolute().parent
    return any((folder / name).exists() for name in _RECORDS)
