"""Suggestions: what to try next after each finding, as settings where there are some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Finding = Literal[
    "does_not_train",
    "does_not_generalize",
    "unseen_classes",
    "improving",
    "underfits",
    "overfits",
    "gap",
    "balanced",
    "good",
]
"""Where an experiment stands on the way from not training to overfitting."""


@dataclass(frozen=True)
class ModelFacts:
    """What suggestions need to know of the kind of a model.

    Args:
        has_epochs: Whether it is trained epoch by epoch.
        is_simplest: Whether there is no smaller one worth comparing with.
        others: Other kinds that a config needs but to name.
    """

    has_epochs: bool = True
    is_simplest: bool = False
    others: tuple[str, ...] = ()


def suggest(
    finding: Finding,
    *,
    model: ModelFacts,
    learning_rate: float | None,
    num_epochs: int | None,
    too_fast: bool,
    memorizes: bool,
    refit: bool,
) -> tuple[str, ...]:
    """Return what to try next, the most promising first.

    Args:
        finding: Where the experiment stands.
        model: What is known of the model's kind.
        learning_rate: Highest learning rate of the fit, if known.
        num_epochs: Most epochs that a fit may take, if known.
        too_fast: Whether the training loss leaps about.
        memorizes: Whether the training rows are predicted well.
        refit: Whether the learner is refitted on training and validation rows already.
    """
    if model.has_epochs:
        found = _for_network(finding, learning_rate, num_epochs, too_fast, memorizes)
    else:
        found = _for_estimator(finding, model)
    return tuple(suggestion for suggestion in found if not (refit and suggestion == _REFIT))


def _for_network(
    finding: Finding, learning_rate: float | None, num_epochs: int | None, too_fast: bool, memorizes: bool
) -> tuple[str, ...]:
    if finding == "does_not_train":
        return (_change_rate(learning_rate, too_fast), *_FOR_NETWORKS[finding])
    if finding == "improving":
        longer = f"Train longer: training.epochs={2 * num_epochs}" if num_epochs else "Train longer: training.epochs"
        return (f"{longer}, with training.early_stopping.patience to end in time.", *_FOR_NETWORKS[finding])
    slower = (_change_rate(learning_rate, too_fast),) if too_fast and finding != "good" else ()
    if finding == "does_not_generalize" and memorizes:
        return (*slower, *_BY_HEART, *_FOR_NETWORKS[finding])
    return (*slower, *_FOR_NETWORKS[finding])


def _for_estimator(finding: Finding, model: ModelFacts) -> tuple[str, ...]:
    others = ", ".join(f"model={kind}" for kind in model.others)
    smaller = () if finding == "good" and model.is_simplest else _FOR_OTHERS[finding]
    return (*(text.format(others=others) for text in smaller), *((_REFIT,) if finding == "good" else ()))


def _change_rate(learning_rate: float | None, too_fast: bool) -> str:
    if learning_rate is None:
        return f"{'Lower' if too_fast else 'Change'} optimizer.learning_rate by factors of 10."
    if too_fast:
        return f"Lower the learning rate: optimizer.learning_rate={learning_rate / 10:.3g}"
    return (
        f"Change the learning rate: optimizer.learning_rate={learning_rate * 10:.3g}, "
        f"then optimizer.learning_rate={learning_rate / 10:.3g}"
    )


_REFIT = "Once settled, let it learn from the validation rows too: training.refit=true"

_BY_HEART = (
    "It knows the training rows by heart: check that labels and rows belong together.",
    "With batch_norm and few steps an epoch its averages lag behind: `batch_norm: {momentum: 0.9}`.",
)

_UNSEEN_CLASSES = (
    "Divide the rows so that all parts hold all classes: validation.stratify=true, or validation.shuffle=true.",
    "Leave out classes of a few rows, or put them together.",
)

_FOR_NETWORKS: dict[Finding, tuple[str, ...]] = {
    "does_not_train": (
        "Change training.batch_size: larger batches give steadier steps.",
        "Give the layers `batch_norm: true`, or another `initializer`, such as he_normal before relu.",
    ),
    "does_not_generalize": (
        "See whether the inputs predict the target at all: model=random_forest or model=linear.",
        "Choose layers that suit the data: convolutions for images, embeddings for tokens.",
    ),
    "unseen_classes": _UNSEEN_CLASSES,
    "improving": ("Or raise optimizer.learning_rate by a factor of 3.",),
    "underfits": (
        "Make the layers wider or add layers, until it overfits.",
        "Lower dropout and l2, if there are any.",
        "Choose layers that suit the data: convolutions for images, embeddings for tokens.",
    ),
    "overfits": (
        "Regularize: `dropout` from 0.2 to 0.5, or `l2` from 1e-5 to 1e-3, on the larger layers.",
        "Or give it fewer or smaller layers, or more rows.",
        _REFIT,
    ),
    "gap": (
        "More rows would help most; then `dropout` or `l2` on the larger layers, or smaller layers.",
        _REFIT,
    ),
    "balanced": (
        "See which way to go: more epochs and larger layers until it overfits, or smaller layers that do as well.",
        _REFIT,
    ),
    "good": ("Compare with a smaller model, which may do as well.", _REFIT),
}

_FOR_OTHERS: dict[Finding, tuple[str, ...]] = {
    "does_not_train": ("Look at the inputs: scales, missing values, columns that are constant.",),
    "does_not_generalize": (
        "Check that labels and rows belong together, and that the inputs can predict the target.",
        "Try another kind: {others} or a network.",
    ),
    "unseen_classes": _UNSEEN_CLASSES,
    "improving": ("Allow more iterations.",),
    "underfits": ("Try a kind with another or more capacity: {others} or a network.",),
    "overfits": ("Regularize more strongly, or try another kind: {others}.",),
    "gap": (
        "More rows would help most; then stronger regularization, or smaller trees.",
        "Compare with another kind: {others} or a network.",
    ),
    "balanced": (
        "See which way to go: a model with more capacity, or one with less that does as well.",
        "Compare with another kind: {others} or a network.",
    ),
    "good": ("Compare with a smaller model, which may do as well.",),
}
