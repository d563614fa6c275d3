"""Reporting: what an ensemble came to, as `metrics.json` holds it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import number, words
from dlrun.ensembles import diversity
from dlrun.ensembles.advice import advise
from dlrun.ensembles.choice import Choice
from dlrun.ensembles.judge import Judge, Scores, baseline, test_baseline
from dlrun.ensembles.members.members import Member
from dlrun.ensembles.members.stack import Places, Stack
from dlrun.ensembles.methods.combination import WeightedMean
from dlrun.ensembles.methods.objective import Objective
from dlrun.ensembles.settings import Ensemble
from dlrun.experiment.evaluation.evaluation import mean_scores
from dlrun.experiment.evaluation.metrics import higher_is_better
from dlrun.experiment.evaluation.run_metrics import DiagnosisMetrics, Metrics

_MOST_COMPARED = 60
"""Members that are compared with each other; of more, those with the highest weights."""


@dataclass(frozen=True)
class Outcome:
    """What an ensemble came to.

    Args:
        settings: Resolved.
        candidates: All members that fit together.
        choice: Which of them count, and how.
        metric: What weights were fitted to.
        best: Position of the member that is best by itself on the validation rows.
        validation: Scores predictions for the validation rows.
        in_sample: Predictions for the validation rows with the weights that were fitted on them.
        test: Scores predictions for the test rows; None without a test set.
        test_predictions: Predictions for the test rows.
    """

    settings: Ensemble
    candidates: tuple[Member, ...]
    choice: Choice
    metric: str
    best: int
    validation: Judge
    in_sample: NDArray[np.float64]
    test: Judge | None
    test_predictions: NDArray[np.float64]

    @property
    def members(self) -> tuple[Member, ...]:
        """Those that count, in the order of the combination."""
        return tuple(self.candidates[place] for place in self.choice.places)

    @property
    def cross_fitted(self) -> NDArray[np.float64]:
        """Predictions for the validation rows by methods and weights that were chosen without them."""
        return self.choice.predictions

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of every candidate, shape (candidates,)."""
        weights = np.zeros(len(self.candidates))
        weights[self.choice.places] = self.choice.combination.weights
        return weights

    @functools.cached_property
    def compared(self) -> Places:
        """Positions of the candidates whose diversity is looked at."""
        order = np.argsort(-self.weights, kind="stable")[:_MOST_COMPARED]
        return np.sort(order)


def metrics(outcome: Outcome, looks: int | None) -> Metrics:
    """Return what `metrics.json` holds: what every run tells, and what is an ensemble's own.

    Args:
        outcome: All predictions.
        looks: Looks at the test set so far; None without one.
    """
    judge, test = outcome.validation, outcome.test
    folds = judge.by_fold(outcome.cross_fitted)
    cross_fitted, facts = mean_scores(folds), outcome.candidates[0].facts
    tested = None if test is None else test.scores(outcome.test_predictions)
    found: Metrics = {
        "task": judge.stack.task,
        **({"positive_class": outcome.settings.positive_class} if judge.stack.task == "binary" else {}),
        "monitor": "val_loss" if outcome.metric == "log_loss" else f"val_{outcome.metric}",
        "best_epoch": None,
        "train": None,
        "validation": dict(cross_fitted),
        "test": tested,
        "test_looks": looks,
        "intervals": {
            "validation": judge.intervals(outcome.cross_fitted),
            "test": None if test is None else test.intervals(outcome.test_predictions),
        },
        "baseline": {
            "kind": "mean" if judge.stack.task == "regression" else "majority",
            "validation": judge.scores(baseline(facts, judge.stack)),
            "test": None if test is None else test.scores(test_baseline(facts, test.stack)),
        },
        "folds": [{"validation": scores, "best_epoch": None, "epochs": None} for scores in folds],
        "refit": None,
        "num_parameters": _num_parameters(outcome.members),
        "ensemble": _ensemble(outcome, cross_fitted),
        "diversity": _diversity(outcome),
    }
    found["diagnosis"] = _diagnosis(outcome, found)
    return _without_twin(found, outcome)


def _without_twin(found: Metrics, outcome: Outcome) -> Metrics:
    """Leave out the score that the loss of an ensemble is by definition, unless members were asked for it."""
    twin = "mse" if outcome.validation.stack.task == "regression" else "log_loss"
    if any(twin in member.metrics["validation"] for member in outcome.candidates):
        return found
    folds = [fold["validation"] for fold in found["folds"]]
    base = found["baseline"]
    for own in (*folds, found["validation"], found["test"], base["validation"], base["test"]):
        (own or {}).pop(twin, None)
    for bounds in found["intervals"]["validation"], found["intervals"]["test"]:
        (bounds or {}).pop(twin, None)
    return found


def _num_parameters(members: tuple[Member, ...]) -> int | None:
    numbers = [member.metrics.get("num_parameters") for member in members]
    known = [number for number in numbers if isinstance(number, int)]
    return sum(known) if len(known) == len(numbers) else None


def _ensemble(outcome: Outcome, cross_fitted: Scores) -> dict[str, Any]:
    """Return the scores beside which the cross-fitted one stands.

    Of validation rows all but the in-sample ones are cross-fitted: `uniform` averages the members that the other rows
    admit, `best_member` is the one that is best on the other rows.
    """
    judge, test, choice = outcome.validation, outcome.test, outcome.choice
    return {
        "method": choice.method.title,
        "why": choice.why,
        "metric": outcome.metric,
        "num_members": len(outcome.members),
        "num_candidates": len(outcome.candidates),
        "best_member": outcome.candidates[outcome.best].id,
        "validation": {
            "cross_fitted": cross_fitted,
            "in_sample": judge.scores(outcome.in_sample),
            "uniform": judge.scores(choice.uniform),
            "best_member": judge.scores(choice.best),
            "best_member_in_sample": judge.scores(judge.stack.y_pred[outcome.best]),
            "gain_over_best_member": judge.difference(outcome.cross_fitted, choice.best),
        },
        "test": None
        if test is None
        else {
            "ensemble": test.scores(outcome.test_predictions),
            "uniform": test.scores(_mean(test.stack)),
            "best_member": test.scores(test.stack.y_pred[outcome.best]),
            "gain_over_best_member": test.difference(outcome.test_predictions, test.stack.y_pred[outcome.best]),
        },
        "methods": choice.scores,
    }


def _mean(stack: Stack) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = stack.y_pred.mean(axis=0, dtype=np.float64)
    return mean


def _diversity(outcome: Outcome) -> dict[str, Any]:
    """Return the pairwise measures, the decomposition, gains and near copies of the members compared."""
    compared = outcome.compared
    stack = outcome.validation.stack.of_members(compared)
    members = [outcome.candidates[place] for place in compared]
    weights = outcome.weights[compared]
    errors, predictions = diversity.error_correlation(stack), diversity.prediction_correlation(stack)
    copies, groups = diversity.near_copies(
        predictions, errors, [member.config_hash for member in members], outcome.settings.near_copy
    )
    pairs = {
        "disagreement": diversity.disagreement(stack),
        "error_correlation": errors,
        "q_statistic": diversity.q_statistic(stack),
    }
    total = weights.sum()
    decomposition = diversity.decompose(
        stack, weights / total if total > 0 else np.full(len(weights), 1 / len(weights))
    )
    return {
        "members": [member.id for member in members],
        "means": {name: diversity.mean_of_pairs(matrix) for name, matrix in pairs.items()},
        "pairs": pairs,
        "ambiguity": asdict(decomposition),
        "gains": _gains(outcome),
        "near_copies": [
            {"members": [members[place].id for place in group.members], "reason": group.reason} for group in copies
        ],
        "num_different": len(np.unique(groups)),
        "effective_number": diversity.effective_number(errors),
        "advice": advise(members, len(np.unique(groups)), diversity.mean_of_pairs(errors)),
    }


def _gains(outcome: Outcome) -> dict[str, float | None]:
    """Return by how much the score is worse without each member; None where that would take too long to find."""
    choice = outcome.choice
    if len(choice.places) > _MOST_COMPARED and not isinstance(choice.combination, WeightedMean):
        return {}
    if len(choice.places) > _MOST_COMPARED * 5:
        return {}
    stack = outcome.validation.stack.of_members(choice.places)
    found = diversity.gains(Objective(stack, outcome.metric), choice.combination)
    return {
        member.id: float(gain) if np.isfinite(gain) else None
        for member, gain in zip(outcome.members, found, strict=True)
    }


def _diagnosis(outcome: Outcome, found: Metrics) -> DiagnosisMetrics:
    """Say in words what the ensemble is worth, in the form of a run's diagnosis."""
    metric, scores = outcome.metric, found["ensemble"]["validation"]
    guess = found["baseline"]["validation"].get(metric)
    ours, best, uniform, inside = (
        scores[name][metric] for name in ("cross_fitted", "best_member", "uniform", "in_sample")
    )
    finding, verdict = _verdict(metric, ours, best, guess)
    names = f"{words(metric)} {number(ours)}, best member {number(best)}, uniform {number(uniform)}"
    evidence = [f"Cross-fitted {names}, baseline {number(guess)}; the ensemble in-sample {number(inside)}."]
    evidence += _difference_of("validation rows, cross-fitted,", metric, found["ensemble"]["validation"])
    evidence += _difference_of("the test set", metric, found["ensemble"]["test"])
    evidence += _copies_evidence(found["diversity"])
    return {
        "finding": finding,
        "summary": f"{verdict} on validation rows that none of its choices has seen.",
        "evidence": evidence,
        "suggestions": found["diversity"]["advice"],
    }


def _verdict(metric: str, ours: float | None, best: float | None, guess: float | None) -> tuple[str, str]:
    """Return the name of the finding, and the beginning of the sentence that tells it."""
    sign = 1 if higher_is_better(metric) else -1
    if ours is not None and guess is not None and sign * (ours - guess) <= 0:
        return "no_better_than_baseline", "The ensemble is no better than the baseline"
    if ours is not None and best is not None and sign * (ours - best) > 0:
        return "better_than_best_member", "The ensemble is better than its best member"
    return "no_better_than_best_member", "The ensemble is no better than its best member"


def _copies_evidence(found: dict[str, Any]) -> list[str]:
    """Say how many members say nearly the same as others; a list of them all is for programs."""
    copies = found["near_copies"]
    if not copies:
        return []
    number_of = sum(len(group["members"]) for group in copies)
    groups = "one group" if len(copies) == 1 else f"{len(copies)} groups"
    reasons = "; ".join(dict.fromkeys(group["reason"].partition("; they correlate")[0] for group in copies))
    return [
        f"{number_of} of {len(found['members'])} members are near copies of each other, in {groups} ({reasons}): "
        "diversity.near_copies in metrics.json lists them."
    ]


def _difference_of(rows: str, metric: str, scores: Mapping[str, Any] | None) -> list[str]:
    """Say whether some rows tell the ensemble from its best member.

    Args:
        rows: Which ones, in words.
        metric: Name of the main metric.
        scores: Those of the ensemble on them; None if there are none.
    """
    bounds = None if scores is None else scores["gain_over_best_member"].get(metric)
    if bounds is None:
        return []
    low, high = bounds
    if low == high == 0:
        return [f"On {rows} {words(metric)} is the same as the best member's."]
    verdict = "which may be luck" if low <= 0 <= high else "more than luck"
    return [f"On {rows} {words(metric)} differs from the best member's by [{low:.3g}, {high:.3g}], {verdict}."]
