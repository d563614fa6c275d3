"""Undefined scores: which parts lack what a score needs, known from the true values before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.metric import Lack, Values
from dlrun.experiment.evaluation.metrics import metrics_for


@dataclass(frozen=True)
class Undefined:
    """Scores that are undefined in some parts for one reason.

    Args:
        metrics: Their names.
        parts: Names of the parts.
        lack: What the rows of each of these parts lack.
    """

    metrics: tuple[str, ...]
    parts: tuple[str, ...]
    lack: Lack

    def __str__(self) -> str:
        """Return a sentence without its stop."""
        verb = "is" if len(self.metrics) == 1 else "are"
        may = verb if self.lack.is_certain else "may be"
        return f"{_and(self.metrics)} {may} undefined in {_and(self.parts)}: there is {self.lack.words}"


def find_undefined(
    task: Task, parts: Mapping[str, Values], names: Sequence[str], metrics: Sequence[str], positive: int = 1
) -> list[Undefined]:
    """Find the scores that parts are too poor for.

    Args:
        task: What is predicted.
        parts: True values of the rows of each part by its name, as in `metric.Values`; empty parts are not scored.
        names: Names of the classes or labels, in the order of their codes.
        metrics: Names of scores; those that the task does not have, such as `loss`, are passed over.
        positive: Code of the positive class of a binary task.

    Returns:
        What is undefined, scores and parts of one reason together.
    """
    known = metrics_for(task)
    found: dict[tuple[Lack, tuple[str, ...]], list[str]] = {}
    for metric in (name for name in metrics if name in known):
        reasons: dict[Lack, list[str]] = {}
        for part, y_true in parts.items():
            lack = known[metric].lack(y_true, names, positive) if len(y_true) else None
            if lack is not None:
                reasons.setdefault(lack, []).append(part)
        for lack, where in reasons.items():
            found.setdefault((lack, tuple(where)), []).append(metric)
    return [Undefined(tuple(of), where, lack) for (lack, where), of in found.items()]


def _and(words: Sequence[str]) -> str:
    """Write words as `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
