"""Interruption: a signal stops a run where nothing is half done.

A signal handler runs between any two instructions. Raised there, an interrupt could find a network whose weights are
of one step and whose optimizer is of another; so training holds interrupts back and looks for them where its state is
whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dlrun.errors import Interrupted


@dataclass
class _Pending:
    """Signals belong to the process, and so does this."""

    held_back: bool = False
    signal_number: int | None = None


_pending = _Pending()


def arrive(signal_number: int) -> None:
    """Take in a signal; called by its handler.

    It is remembered even where it raises at once: code in between may swallow what a handler raises, as destructors
    and callbacks do, and then the next `check` raises again.

    Args:
        signal_number: The signal, such as `signal.SIGINT`.

    Raises:
        Interrupted: At once, unless interrupts are held back.
    """
    _pending.signal_number = signal_number
    if not _pending.held_back:
        raise Interrupted(signal_number)


def forget() -> None:
    """Forget a signal that has been dealt with."""
    _pending.signal_number = None


@contextmanager
def held_back() -> Iterator[None]:
    """Let signals wait for `check`, or for the end of the block.

    Raises:
        Interrupted: The block ended well and a signal has come meanwhile.
    """
    outer, _pending.held_back = _pending.held_back, True
    try:
        yield
    except BaseException:
        _pending.signal_number = None
        raise
    finally:
        _pending.held_back = outer
    check()


def check() -> None:
    """Stop here if a signal waits.

    Raises:
        Interrupted: It does.
    """
    number, _pending.signal_number = _pending.signal_number, None
    if number is not None:
        raise Interrupted(number)


@contextmanager
def surfacing() -> Iterator[None]:
    """Raise the interrupt again that code in between has turned into another error, as native code does.

    Raises:
        Interrupted: A signal has come, and the block ended with another error.
    """
    try:
        yield
    except Exception as error:
        number, _pending.signal_number = _pending.signal_number, None
        if number is None:
            raise
        raise Interrupted(number) from error
