"""The one door in front of code that a config names: it opens only for whoever was asked and has vouched for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from dlrun.errors import UsageError

_UNKNOWN = "a config that nobody was asked about"

_doubted: ContextVar[str | None] = ContextVar("doubted", default=_UNKNOWN)
"""What is not trusted, in words; None if the code that configs name may run. Nothing is trusted unasked."""


def decide(doubted: str | None) -> None:
    """Settle for the rest of this process, or of the block of `deciding`, whether code may run.

    Args:
        doubted: What names the code and is not trusted, such as `the run 20260101-120000-digits-ab12`; None if the
            user vouches for it.
    """
    _doubted.set(doubted)


@contextmanager
def deciding(doubted: str | None = _UNKNOWN) -> Iterator[None]:
    """Settle whether code may run as long as the block lasts.

    Args:
        doubted: As for `decide`.
    """
    token = _doubted.set(doubted)
    try:
        yield
    finally:
        _doubted.reset(token)


def is_trusted() -> bool:
    """Tell whether code may run."""
    return _doubted.get() is None


def require_trusted(code: str | Path) -> None:
    """Refuse to go on unless code may run; to be called where it is about to be imported.

    Args:
        code: The file.

    Raises:
        UsageError: Nobody vouches for it.
    """
    doubted = _doubted.get()
    if doubted is not None:
        raise UsageError(
            f"{doubted} loads its data by running the code in '{code}'",
            remedy="If you know what that code does, add --trust (in Python, trust=True). It runs with your rights.",
        )
