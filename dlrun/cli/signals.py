"""Signals: the first Ctrl-C or SIGTERM asks the command to stop, the second ends it at once."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from dlrun.interruption import arrive

_STOPPING = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Raises `Interrupted` in the main thread when a signal arrives, once; later ones take their default effect.

    Where interrupts are held back, the first one waits.

    A signal that the parent process has told this one to ignore, as `nohup` and shells without job control do, stays
    ignored. `received` is the number of the signal that arrived, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Signals:
        for number in _STOPPING:
            handler = signal.getsignal(number)
            if handler in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = handler
                signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        for stopping in self._before:
            signal.signal(stopping, signal.SIG_DFL)
        self.received = number
        arrive(number)
