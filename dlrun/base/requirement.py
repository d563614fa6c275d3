"""Requirement: a package that only some members of dlrun's families need, and that may not be installed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class Requirement:
    """An optional package.

    Args:
        package: Its name, as it is installed.
        extra: Extra of dlrun that installs it; `pyproject.toml` names its versions there.
        module: What is imported of it; the package's own name unless given.
    """

    package: str
    extra: str
    module: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the package is there; it is not imported."""
        return find_spec(self.module or self.package.replace("-", "_")) is not None

    @property
    def version(self) -> str | None:
        """Version of the package; None if it is not installed."""
        from importlib import metadata  # slow to load

        try:
            return metadata.version(self.package) if self.is_met else None
        except metadata.PackageNotFoundError:
            return "unknown"

    @property
    def command(self) -> str:
        """What installs it."""
        return install(self.extra)


def install(extra: str) -> str:
    """Return the command that installs an extra of dlrun."""
    return f'pip install "dlrun[{extra}]"'
