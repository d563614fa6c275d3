"""Facts: the scores and curves of an experiment, and what follows from them for its diagnosis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dlrun.experiment.evaluation.curves import Curve
from dlrun.experiment.evaluation.metrics import LOSS, higher_is_better

Scores = Mapping[str, float | None]

_ANY_GUESS_BEATS_CONSTANT = frozenset({"precision", "recall", "f1", "macro_f1", "micro_f1"})
"""Metrics in which random decisions beat the majority class; they do not show that anything was learned."""


@dataclass(frozen=True)
class Facts:
    """What a diagnosis is made from.

    Args:
        metric: Name of the main metric.
        train: Scores on the training rows; may be empty.
        validation: Scores on the validation rows.
        baseline: Scores of the baseline on the validation rows.
        intervals: Intervals of the validation scores.
        curves: The epochs of each fold; empty for learners without epochs.
        num_epochs_allowed: Most epochs that a fit could have taken.
        weighted: Whether rows weigh differently in the training loss.
        test: Scores on the test rows; empty if they were not looked at.
        test_baseline: Scores of the baseline on the test rows.
        unseen: Classes that no training row held, by part.
    """

    metric: str
    train: Scores
    validation: Scores
    baseline: Scores
    intervals: Mapping[str, Sequence[float]]
    curves: Sequence[Curve]
    num_epochs_allowed: int | None
    weighted: bool = False
    test: Scores = field(default_factory=dict)
    test_baseline: Scores = field(default_factory=dict)
    unseen: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def train_loss(self) -> float | None:
        return self.train.get(LOSS)

    @property
    def baseline_loss(self) -> float | None:
        return self.baseline.get(LOSS)

    def skill(self, scores: Scores) -> float | None:
        """Share of the way from the baseline to a perfect score; the main metric's, else the loss's."""
        for name in (self.metric, LOSS):
            score, baseline = scores.get(name), self.baseline.get(name)
            perfect = 1.0 if higher_is_better(name) else 0.0
            if score is not None and baseline is not None and baseline != perfect:
                return (score - baseline) / (perfect - baseline)
        return None

    def beats_baseline(self) -> bool:
        """Whether any score that a guess cannot raise is better than the baseline's beyond the luck of the rows."""
        comparable = _comparable(self.validation, self.baseline)
        return not comparable or any(self._beats(name) for name in comparable)

    def fails_the_test(self) -> bool:
        """Whether no score of the test rows is better than the baseline's, or the main one is at its lowest."""
        main = self.test.get(self.metric)
        if main is not None and higher_is_better(self.metric) and main <= 0:
            return True
        comparable = _comparable(self.test, self.test_baseline)
        signs = {name: 1 if higher_is_better(name) else -1 for name in comparable}
        return bool(comparable) and all(
            signs[name] * ((self.test[name] or 0) - (self.test_baseline[name] or 0)) <= 0 for name in comparable
        )

    def _beats(self, name: str) -> bool:
        baseline, score = self.baseline[name], self.validation[name]
        if baseline is None or score is None:
            return False
        low, high = self.intervals.get(name, (score, score))
        return low > baseline if higher_is_better(name) else high < baseline


def _comparable(scores: Scores, baseline: Scores) -> list[str]:
    """Return the scores that both have, and that a guess cannot raise."""
    return [
        name
        for name in scores
        if name not in _ANY_GUESS_BEATS_CONSTANT and None not in (scores[name], baseline.get(name))
    ]
