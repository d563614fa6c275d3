"""Selected: what a study has settled after its search, in `selection.json`, so that no kill loses any of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dlrun.base.text import printable
from dlrun.errors import StorageError
from dlrun.records.folder import RunFolder, check_id

FILE = "selection.json"

_FORMAT = 1


@dataclass
class Selected:
    """What is settled so far.

    Args:
        rescored: By trial, and by number of the division of the rows, the score on that division; None where it failed.
        finals: By trial, the id of its run under `final/`.
        reason: Why the last fit that failed did so; None if none has.
    """

    rescored: dict[str, dict[str, float | None]] = field(default_factory=dict)
    finals: dict[str, str] = field(default_factory=dict)
    reason: str | None = None

    @classmethod
    def read(cls, folder: RunFolder) -> Selected:
        """Read what an earlier session has settled; nothing if there was none.

        Args:
            folder: The study.

        Raises:
            StorageError: It is damaged, or names a run by what is no id.
        """
        if not folder.file(FILE).is_file():
            return cls()
        written = folder.read_json(FILE)
        try:
            rescored = {trial: _scores(scores) for trial, scores in written["rescored"].items()}
            finals = {trial: check_id(run) for trial, run in written["finals"].items()}
            reason = written.get("reason")
            if reason is not None and not isinstance(reason, str):
                raise TypeError("reason")
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise StorageError(
                f"{printable(str(folder.file(FILE)))} is damaged: it does not hold what a study has selected",
                remedy="Remove the file: what it holds is then computed again.",
            ) from error
        return cls(rescored, finals, reason)

    def write(self, folder: RunFolder) -> None:
        """Put it into the folder of the study; raises StorageError."""
        settled: dict[str, Any] = {"format": _FORMAT, "rescored": self.rescored, "finals": self.finals}
        folder.write_json(FILE, settled | ({} if self.reason is None else {"reason": self.reason}))


def _scores(written: Mapping[str, Any]) -> dict[str, float | None]:
    if not all(score is None or type(score) in (int, float) for score in written.values()):
        raise TypeError("score")
    return dict(written)
