"""Facts: what a study is begun with, and must be continued with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlrun.errors import UsageError
from dlrun.tuning.search import Tuning
from dlrun.tuning.trial import Mode


class StudyDiffers(UsageError):
    """A folder holds a study of another search."""


def facts_of(tuner: Tuning, seed: int, mode: Mode, others: Mapping[str, Mode]) -> dict[str, Any]:
    """Return what a study is begun with and must be continued with."""
    may_change = {"trials", "pruner", "failures", "selection", "keep_weights", "weights_megabytes", "seed"}
    written = json.dumps(tuner.model_dump(mode="json", exclude=may_change), sort_keys=True)
    space = hashlib.sha256(written.encode()).hexdigest()
    return {"kind": tuner.kind, "seed": seed, "mode": mode, "others": dict(others), "space": space}


def require_same(found: Mapping[str, Any], expected: Mapping[str, Any], folder: Path) -> None:
    """Compare what a study was begun with with what it is to be continued with; raises StudyDiffers."""
    names = {"kind": "kind of search", "seed": "seed", "mode": "mode", "others": "list of objectives", "space": "space"}
    for name, words in names.items():
        if found.get(name) != expected[name]:
            raise StudyDiffers(
                f"the study {folder.name} was begun with another {words}",
                remedy="Continue it with the config that it was begun with, or begin a new one.",
            )
