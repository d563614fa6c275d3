"""Heard: what is told while an ensemble is made, for whoever listens and for its log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dlrun.base.text import printable
from dlrun.errors import DlrunError, Interrupted
from dlrun.records.folder import RunFolder
from dlrun.records.log import LogWriter

LOG = "output.log"


class Heard:
    """Passes on what it is told, and writes it into the log as soon as there is one.

    Args:
        tell: Hears everything.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._before: list[str] = []
        self._log: LogWriter | None = None

    def __call__(self, text: str) -> None:
        self._tell(text)
        self.note(text)

    def note(self, text: str) -> None:
        """Put a line into the log alone; raises StorageError."""
        if self._log is None:
            self._before.append(text)
        else:
            self._log.write(printable(text))

    @contextmanager
    def logged(self, folder: RunFolder) -> Iterator[None]:
        """Write into the log of the ensemble what was told before and what is told in the block, an error included.

        Args:
            folder: The ensemble.

        Raises:
            StorageError: The log cannot be written.
        """
        with LogWriter(folder.file(LOG)) as self._log:
            try:
                for text in self._before:
                    self.note(text)
                yield
            except (DlrunError, Interrupted) as error:
                self.note(error.message if isinstance(error, Interrupted) else f"error: {error.message}")
                raise
            finally:
                self._log = None
