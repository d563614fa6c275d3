"""How far a run or a study is that has not ended, and how it goes on, as `dlrun show` tells it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlrun.cli.failure import going_on
from dlrun.records.kinds import plain_settings
from dlrun.records.log import fold_name, number

if TYPE_CHECKING:
    from dlrun.cli.screens.trials import StudyTrials
    from dlrun.records.folder import RunFolder
    from dlrun.records.status import Status

_STOPPED = ("interrupted", "lost", "failed")
_KEYS = ("fold", "epoch")


@dataclass(frozen=True)
class Progress:
    """How far something is.

    Args:
        lines: That in words, for people.
        facts: The same for programs.
        command: What goes on with it; None if nothing does, or if it is being carried out.
    """

    lines: Sequence[str] = ()
    facts: Mapping[str, Any] | None = None
    command: str | None = None


def progress_of(folder: RunFolder, status: Status, study: StudyTrials | None) -> Progress:
    """Tell how far a run or a study is; nothing of one that has ended.

    Args:
        folder: Any run.
        status: How it stands.
        study: Its trials; None if it is no study.

    Raises:
        StorageError: A file is damaged.
    """
    stopped = status.state in _STOPPED
    if study is not None:
        if study.complete and status.state == "finished":
            return Progress()
        lines, facts = _of_study(study, is_running=status.state == "running")
        command = None if status.state == "running" else going_on(folder)
    elif stopped or status.state == "running":
        lines, facts = _of_run(folder)
        command = going_on(folder) if stopped and folder.outer is None else None
    else:
        return Progress()
    return Progress([*lines, *([f"go on with: {command}"] if command else [])], facts, command)


def _of_study(study: StudyTrials, *, is_running: bool) -> tuple[list[str], dict[str, Any] | None]:
    """Say how many trials are done, which is the best, and what has been done since the search ended."""
    of = f" of {study.asked:,}" if study.asked else ""
    line = f"{study.num_done:,}{of} trials are done"
    best = study.best
    if best is not None:
        so_far = "" if study.asked and study.num_done >= study.asked else " so far"
        line += f", best{so_far} {study.metric} {number(float(best['value']))} (trial {best['trial']})"
    lines = [line, *_since(study.concluding or {})] if is_running else [line]
    found = None if best is None else {"trial": int(best["trial"]), "value": float(best["value"])}
    return lines, {"done": study.num_done, "asked": study.asked, "best": found, "concluding": study.concluding}


def _since(concluding: Mapping[str, Any]) -> list[str]:
    """Say what has been done since the search ended."""
    if not concluding:
        return []
    refitted = [f"trial {trial}" for trial in concluding.get("refitted") or []]
    parts = [f"re-scored {concluding.get('rescored')} of {concluding.get('rescorings')}"]
    parts += [f"refitted {', '.join(refitted)}"] if refitted else []
    return [f"re-scoring and refitting the best trials: {'; '.join(parts)}"]


def _of_run(folder: RunFolder) -> tuple[list[str], dict[str, Any] | None]:
    """Say which epoch was the last, what it scored, and which one is the best of its fold."""
    from dlrun.records.history import read_history

    rows = read_history(folder.file("history.csv")) if folder.file("history.csv").is_file() else []
    if not rows:
        return [], None
    config = folder.file("config.yaml")
    settings = plain_settings(config) if config.is_file() else {}
    last, num_epochs = rows[-1], settings.get(("training", "epochs"), "")
    fold, epoch = int(last["fold"]), int(last["epoch"])
    of = f"/{num_epochs}" if num_epochs else ""
    place = " ".join(part for part in (fold_name(fold, _num_folds(settings)), f"epoch {epoch}{of}") if part)
    scores = {name: value for name, value in last.items() if name not in _KEYS and name != "learning_rate"}
    lines = [f"{place}: {', '.join(f'{name} {number(value)}' for name, value in scores.items())}"]
    monitor = settings.get(("training", "monitor"), "val_loss")
    best = _best([row for row in rows if row["fold"] == last["fold"] and monitor in row], monitor)
    if best is not None:
        lines.append(f"best {monitor} {number(best[monitor])} at epoch {int(best['epoch'])}")
    found = None if best is None else {"monitor": monitor, "epoch": int(best["epoch"]), "value": best[monitor]}
    return lines, {"fold": fold, "epoch": epoch, "num_epochs": num_epochs or None, "values": scores, "best": found}


def _num_folds(settings: Mapping[tuple[str, ...], str]) -> int:
    """Return the number of fits that validation takes, by a resolved config."""
    numbers = (settings.get(("validation", name), "1") for name in ("folds", "repeats"))
    return math.prod(int(text) if text.isdecimal() and len(text) < 5 else 1 for text in numbers)


def _best(rows: Sequence[Mapping[str, float]], monitor: str) -> Mapping[str, float] | None:
    """Return the epoch with the best value, the first of equals; None if there is none, or no such metric."""
    from dlrun.experiment.evaluation.metrics import higher_is_better

    try:
        sign = -1.0 if higher_is_better(monitor.removeprefix("val_")) else 1.0
    except KeyError:
        return None
    finite = [row for row in rows if row[monitor] == row[monitor]]
    return min(finite, key=lambda row: sign * row[monitor], default=None)
