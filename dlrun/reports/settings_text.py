"""The settings of a trial in few words: short names, and only what differs from the config as written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_DOT = re.compile(r"\.(?![^\[]*\])")
"""A dot that parts a path; not one inside the brackets that name the option of a choice."""


def short_names(labels: Iterable[str]) -> dict[str, str]:
    """Return the shortest end of each path that no other path ends with.

    Args:
        labels: Paths of settings, such as `model.layers.0.dense.units`; each once.
    """
    parts = {label: _DOT.split(label) for label in labels}
    ends: dict[str, int] = {}
    for path in parts.values():
        for length in range(1, len(path) + 1):
            end = ".".join(path[-length:])
            ends[end] = ends.get(end, 0) + 1
    return {label: _shortest(path, ends) for label, path in parts.items()}


def _shortest(path: list[str], ends: Mapping[str, int]) -> str:
    candidates = (".".join(path[-length:]) for length in range(1, len(path) + 1))
    return next((end for end in candidates if ends[end] == 1), ".".join(path))


def changes_text(params: Mapping[str, Any], written: Mapping[str, Any], names: Mapping[str, str], *, most: int) -> str:
    """Write on one line what a trial changes.

    Args:
        params: Its values by label.
        written: The values of the config as written, which are left out where they are the same.
        names: Short names of the labels.
        most: Settings to write before the rest is counted.
    """
    changed = {label: value for label, value in params.items() if label not in written or written[label] != value}
    told = [f"{names.get(label, label)} {value_text(value)}" for label, value in list(changed.items())[:most]]
    more = f" and {len(changed) - most} more" if len(changed) > most else ""
    return ", ".join(told) + more or "as written"


def value_text(value: Any) -> str:
    """Write the value of a setting as a person would."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).lower() if isinstance(value, bool) else str(value)
