"""The configs to begin with, each with its title."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


QUICKSTART = Path(__file__).parents[2] / "config" / "quickstart.yaml"
"""The config that `dlrun train` takes where there is none."""


@dataclass(frozen=True)
class Template:
    """A config to begin with.

    Args:
        name: What it is called.
        title: Its first comment.
        text: All of it.
    """

    name: str
    title: str
    text: str


def templates() -> list[Template]:
    """Return all templates, the quickstart first."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (QUICKSTART, *sorted(FOLDER.glob("*.yaml")))}
    return [Template(name, text.partition("\n")[0].removeprefix("# "), text) for name, text in texts.items()]
