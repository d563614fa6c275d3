"""Signals: the first Ctrl-C or SIGTERM asks the command to stop, the second ends it at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType

from dlrun.base.interruption import arrive, forget

_STOPPING = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Raises `Interrupted` in the main thread when a signal arrives, once; later ones take their default effect.

    Where interrupts are held back, the first one waits.

    A signal that the parent process has told this one to ignore, as `nohup` and shells without job control do, stays
    ignored. `received` is the number of the signal that arrived, or None.

    Python hears of a signal between two steps of the main thread, which may be minutes away while TensorFlow computes
    or compiles. A thread of its own counts them in the meantime, so that the second ends the process even then.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, object] = {}
        self._told: int | None = None

    def __enter__(self) -> Signals:
        for number in _STOPPING:
            handler = signal.getsignal(number)
            if handler in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = handler
                signal.signal(number, self._receive)
        if self._before and os.name != "nt":
            self._count()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        forget()
        if self._told is not None:
            signal.set_wakeup_fd(-1)
            os.close(self._told)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        for stopping in self._before:
            signal.signal(stopping, signal.SIG_DFL)
        self.received = number
        arrive(number)

    def _count(self) -> None:
        """Have the system tell each signal to a thread as well, as a byte that holds its number."""
        heard, self._told = os.pipe()
        os.set_blocking(self._told, False)
        signal.set_wakeup_fd(self._told, warn_on_full_buffer=False)
        threading.Thread(target=_end_at_second, args=(heard, set(self._before)), name="signals", daemon=True).start()


def _end_at_second(heard: int, numbers: set[int]) -> None:
    """End the process at once when the second of these signals is told; return when the other end is closed."""
    count = 0
    while told := os.read(heard, 1):
        count += told[0] in numbers
        if count > 1:
            os._exit(128 + told[0])
    os.close(heard)
