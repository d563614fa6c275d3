"""Diagnosis: where an experiment stands on the way from not training to overfitting, and what to try next.

The way is the one of Chollet, "Deep Learning with Python" (second edition, 2021, chapter 5): get training to start,
beat the baseline, become able to overfit, and then regularize.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, Literal

from dlrun.base.words import number, words
from dlrun.experiment.evaluation.curves import Curve, curves
from dlrun.experiment.evaluation.facts import Facts, Scores
from dlrun.experiment.evaluation.metrics import LOSS
from dlrun.experiment.evaluation.run_metrics import DiagnosisMetrics
from dlrun.experiment.evaluation.suggestions import Finding, ModelFacts, suggest

_NETWORK = ModelFacts()

_NOT_LEARNED = 0.98
"""Share of the baseline's loss above which training has not got anywhere."""

_HALF_WAY = 0.5
_NEARLY_PERFECT = 0.95
_MUCH_BETTER = 0.5
"""Share of the validation loss below which the training loss is much better."""

_AS_GOOD = 0.8
"""Share of the validation loss above which the training loss is hardly better, so that there is room to overfit."""

_GENERALIZES = frozenset({"underfits", "gap", "balanced", "good"})
"""Findings that say that it generalizes."""


@dataclass(frozen=True)
class Diagnosis:
    """What the scores and curves of an experiment say.

    Args:
        finding: Name for other programs.
        summary: The finding as one sentence.
        evidence: The numbers that it rests on.
        suggestions: What to try next, the most promising first.
        epoch: Epoch after which the curves turn, where there is one.
    """

    finding: Finding
    summary: str
    evidence: tuple[str, ...]
    suggestions: tuple[str, ...]
    epoch: int | None = None

    def to_json(self) -> DiagnosisMetrics:
        """Return the diagnosis as `metrics.json` holds it."""
        return {
            "finding": self.finding,
            "summary": self.summary,
            "epoch": self.epoch,
            "evidence": list(self.evidence),
            "suggestions": list(self.suggestions),
        }


def diagnose(
    *,
    metric: str,
    train: Scores,
    validation: Scores,
    baseline: Scores,
    intervals: Mapping[str, Sequence[float]] | None = None,
    history: Sequence[Mapping[str, Any]] = (),
    monitor: str | None = None,
    mode: Literal["min", "max"] = "min",
    num_epochs_allowed: int | None = None,
    model: ModelFacts = _NETWORK,
    refit: bool = False,
    weighted: bool = False,
    test: Scores | None = None,
    test_baseline: Scores | None = None,
    unseen: Mapping[str, Sequence[str]] | None = None,
) -> Diagnosis:
    """Find where an experiment stands.

    Args:
        metric: Name of the main metric.
        train: Scores on the training rows; may be empty.
        validation: Scores on the validation rows.
        baseline: Scores of the baseline on the validation rows.
        intervals: Intervals of the validation scores.
        history: Rows of `history.csv`; empty for learners without epochs.
        monitor: Name of the value that early stopping watches, such as `val_loss`.
        mode: Whether lower or higher values of the monitor are better.
        num_epochs_allowed: Most epochs that a fit could have taken.
        model: What is known of the model's kind.
        refit: Whether the learner is refitted on training and validation rows already.
        weighted: Whether rows weigh differently in the training loss, so that the baseline's is no measure of it.
        test: Scores on the test rows, if they were looked at.
        test_baseline: Scores of the baseline on the test rows.
        unseen: Classes that no training row held, by the part that holds them, such as `test`.
    """
    facts = Facts(
        metric,
        train,
        validation,
        baseline,
        intervals or {},
        curves(history, monitor, mode),
        num_epochs_allowed,
        weighted,
        test or {},
        test_baseline or {},
        unseen or {},
    )
    finding, summary, evidence, epoch = _checked(facts, _find(facts))
    rates = [curve.learning_rate for curve in facts.curves if curve.learning_rate is not None]
    suggestions = suggest(
        finding,
        model=model,
        learning_rate=rates[0] if rates else None,
        num_epochs=num_epochs_allowed,
        too_fast=any(curve.is_jagged(facts.baseline_loss) for curve in facts.curves),
        refit=refit,
        memorizes=(facts.skill(train) or 0) > _HALF_WAY,
    )
    return Diagnosis(finding, summary, evidence, suggestions, epoch)


_Found = tuple[Finding, str, tuple[str, ...], int | None]


def _checked(facts: Facts, found: _Found) -> _Found:
    """Take back that it generalizes where test rows or classes that training never saw speak against it."""
    finding, summary, evidence, epoch = found
    unseen = tuple(f"{part} holds {_listed(names)}, which no training row does" for part, names in facts.unseen.items())
    if finding not in _GENERALIZES:
        return finding, summary, (*evidence, *unseen), epoch
    if unseen:
        return "unseen_classes", "It cannot know classes that it has not been trained on.", (*unseen, *evidence), None
    if facts.fails_the_test():
        summary = "It does not generalize to the test rows: they are predicted no better than by the baseline."
        name = facts.metric if facts.test.get(facts.metric) is not None else LOSS
        tested = (
            f"test {words(name)}: {number(facts.test.get(name))}; baseline: {number(facts.test_baseline.get(name))}"
        )
        return "does_not_generalize", summary, (tested, *evidence), None
    return found


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more classes" if len(names) > 3 else ""
    return ", ".join(f"'{name}'" for name in names[:3]) + more


def _find(facts: Facts) -> _Found:
    shapes = [curve.shape(facts.num_epochs_allowed) for curve in facts.curves]
    shape = Counter(shapes).most_common(1)[0][0] if shapes else "flat"
    chosen = [curve for curve, found in zip(facts.curves, shapes, strict=True) if found == shape]
    if facts.curves and all(curve.num_epochs == 1 for curve in facts.curves):
        return "improving", "A single epoch tells little.", (_against_baseline(facts), *_gap(facts)), None
    if _does_not_train(facts):
        if shape == "improving" and all(curve.falls for curve in chosen):  # slowly, from far above the baseline
            return _improving(facts, chosen)
        losses = _mean_of(facts.curves, "late_training")
        reference = _loss_to_beat(facts)
        evidence = (f"training loss of the later epochs: {number(losses)}; to be beaten: {number(reference)}",)
        return "does_not_train", "Training does not start.", (*evidence, _against_baseline(facts)), None
    if not facts.beats_baseline():
        summary = "It trains, but does not generalize: validation is no better than the baseline."
        return "does_not_generalize", summary, (_against_baseline(facts), *_gap(facts)), None
    if shape == "overfits":
        return _overfits(facts, chosen)
    if shape == "improving":
        return _improving(facts, chosen)
    return _flat(facts)


def _does_not_train(facts: Facts) -> bool:
    reference = _loss_to_beat(facts)
    if not facts.curves or reference is None:
        return False
    if _mean_of(facts.curves, "late_training") < _NOT_LEARNED * reference:
        return False
    loss, baseline = facts.validation.get(LOSS), facts.baseline_loss  # without penalties, which those of epochs hold
    if loss is not None and baseline is not None and loss < _NOT_LEARNED * baseline:
        return False
    skill = facts.skill(facts.train or facts.validation)
    return skill is None or skill < _HALF_WAY


def _loss_to_beat(facts: Facts) -> float | None:
    if facts.baseline_loss is not None and not facts.weighted:
        return facts.baseline_loss
    firsts = [curve.training[0] for curve in facts.curves if curve.num_epochs > 1]
    return fmean(firsts) if firsts else None


def _overfits(facts: Facts, chosen: Sequence[Curve]) -> _Found:
    epoch = round(median(curve.best_epoch for curve in chosen))
    name = words(chosen[0].name)
    folds = f"in {len(chosen)} of {len(facts.curves)} folds, " if len(facts.curves) > 1 else ""
    turned = f"{folds}{name} is best at epoch {epoch} ({number(_mean_of(chosen, 'best'))})"
    ended = f"and ends at {number(_mean_of(chosen, 'last'))}, while training loss still falls"
    evidence = (f"{turned} {ended}", _against_baseline(facts), *_gap(facts))
    return "overfits", f"Overfitting begins at epoch {epoch}.", evidence, epoch


def _improving(facts: Facts, chosen: Sequence[Curve]) -> _Found:
    curve = chosen[0]
    evidence = f"{words(curve.name)} was best at epoch {curve.best_epoch} of {curve.num_epochs} and still improving"
    summary = "It was still improving when its epochs ran out."
    return "improving", summary, (evidence, _against_baseline(facts), *_gap(facts)), None


def _flat(facts: Facts) -> _Found:
    evidence = (*_gap(facts), _against_baseline(facts))
    if _is_worse_by_loss(facts):
        unfinished = [curve for curve in facts.curves if 1 < curve.num_epochs == curve.best_epoch]
        if unfinished:
            return _improving(facts, unfinished)
        loss = f"validation loss: {number(facts.validation.get(LOSS))}; baseline: {number(facts.baseline_loss)}"
        summary = "It beats the baseline by some scores, and not by its loss, in which large mistakes count most."
        return "does_not_generalize", summary, (loss, *evidence), None
    skill, train_skill = facts.skill(facts.validation), facts.skill(facts.train)
    if skill is not None and skill >= _NEARLY_PERFECT:
        return "good", "It generalizes, and little is left to gain.", evidence, None
    train_loss, validation_loss = facts.train_loss, facts.validation.get(LOSS)
    if train_loss is not None and validation_loss is not None and validation_loss > 0:
        much_better = train_loss < _MUCH_BETTER * validation_loss
    else:
        much_better = None not in (skill, train_skill) and 1 - (train_skill or 0) < _MUCH_BETTER * (1 - (skill or 0))
    rising = next((curve for curve in facts.curves if curve.rose), None)
    if much_better:
        return "gap", "It generalizes, but fits the training rows far better than the validation rows.", evidence, None
    if rising is not None:
        name = words(rising.name)
        summary = f"It generalizes; {name} has risen a little since epoch {rising.best_epoch}."
        risen = f"{name}: {number(rising.best)} at epoch {rising.best_epoch}, {number(rising.last)} at the end"
        return "balanced", summary, (risen, *evidence), rising.best_epoch
    if not _hardly_better(facts, skill, train_skill):
        summary = "It generalizes, and fits the training rows somewhat better than the validation rows."
        return "balanced", summary, evidence, None
    return "underfits", "It generalizes, but cannot overfit: it has too little capacity.", evidence, None


def _is_worse_by_loss(facts: Facts) -> bool:
    """Whether the loss is worse than that of the baseline, whatever other scores say."""
    loss, baseline = facts.validation.get(LOSS), facts.baseline_loss
    return loss is not None and baseline is not None and not facts.weighted and loss > baseline


def _hardly_better(facts: Facts, skill: float | None, train_skill: float | None) -> bool:
    """Whether the training rows are predicted hardly better than the validation rows, as if there were no more room."""
    train_loss, validation_loss = facts.train_loss, facts.validation.get(LOSS)
    if train_loss is not None and validation_loss is not None and validation_loss > 0:
        return train_loss >= _AS_GOOD * validation_loss
    if skill is None or train_skill is None:
        return False
    return 1 - train_skill >= _AS_GOOD * (1 - skill)


def _against_baseline(facts: Facts) -> str:
    name = facts.metric if facts.validation.get(facts.metric) is not None else LOSS
    interval = facts.intervals.get(name)
    between = f" [{number(interval[0])}, {number(interval[1])}]" if interval else ""
    score, baseline = facts.validation.get(name), facts.baseline.get(name)
    return f"validation {words(name)}: {number(score)}{between}; baseline: {number(baseline)}"


def _gap(facts: Facts) -> tuple[str, ...]:
    for name in (LOSS, facts.metric):
        train, validation = facts.train.get(name), facts.validation.get(name)
        if train is not None and validation is not None:
            return (f"{words(name)}: {number(train)} on training rows, {number(validation)} on validation rows",)
    return ()


def _mean_of(found: Sequence[Curve], attribute: str) -> float:
    return fmean(float(getattr(curve, attribute)) for curve in found)
