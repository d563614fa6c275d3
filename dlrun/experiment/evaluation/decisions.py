"""Scores of decisions: the class with the highest probability, and labels with a probability above one half."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.evaluation.metric import Scorer, Scores, Values, Weights, mean_of_defined, ratio, row_mean

THRESHOLD = 0.5
"""Probability above which a label, or class 1 of two, is decided for; one half itself is a no, as in Keras."""

_TOP = 5


def decide(y_pred: Values) -> NDArray[np.int64]:
    """Turn probabilities of classes into class codes.

    Args:
        y_pred: Probabilities of class 1, shape (rows, 1), or of all classes, shape (rows, classes).

    Returns:
        Codes of shape (rows,); the lowest code where probabilities are equal.
    """
    if y_pred.shape[1] == 1:
        return (y_pred[:, 0] > THRESHOLD).astype(np.int64)
    codes: NDArray[np.int64] = np.argmax(y_pred, axis=1)
    return codes


def decide_labels(y_pred: Values) -> NDArray[np.bool_]:
    """Turn probabilities of labels into decisions, both of shape (rows, labels)."""
    decisions: NDArray[np.bool_] = np.asarray(y_pred) > THRESHOLD
    return decisions


class _Sums:
    """Sums of columns by code."""

    def __init__(self, codes: NDArray[np.int64], num_codes: int) -> None:
        self._num_codes = num_codes
        self._order = np.argsort(codes, kind="stable")
        self.found, self._starts = np.unique(codes[self._order], return_index=True)

    def __call__(self, values: Scores) -> Scores:
        """Sum values of shape (draws, columns) to shape (draws, codes found)."""
        return np.add.reduceat(np.take(values, self._order, axis=1), self._starts, axis=1)

    def of_all(self, values: Scores) -> Scores:
        """Sum values of shape (draws, columns) to shape (draws, codes), with 0 for codes not found."""
        sums = np.zeros((len(values), self._num_codes))
        if len(self.found):
            sums[:, self.found] = self(values)
        return sums


class ClassCounts:
    """Weighted numbers of rows of each class: rightly decided, true, decided.

    Rows are summed by pair of true and decided class first, so that the time does not grow with the classes.
    """

    def __init__(self, y_true: Values, y_pred: Values) -> None:
        num_classes = max(2, y_pred.shape[1])
        self._by_pair = _Sums(y_true.astype(np.int64) * num_classes + decide(y_pred), num_classes**2)
        true, decided = np.divmod(self._by_pair.found, num_classes)
        self._is_right = true == decided
        self._right = _Sums(true[self._is_right], num_classes)
        self._true, self._decided = _Sums(true, num_classes), _Sums(decided, num_classes)

    def __call__(self, weights: Weights) -> tuple[Scores, Scores, Scores]:
        """Return three arrays of shape (draws, classes)."""
        by_pair = self._by_pair(weights)
        return (
            self._right.of_all(by_pair[:, self._is_right]),
            self._true.of_all(by_pair),
            self._decided.of_all(by_pair),
        )


def accuracy(y_true: Values, y_pred: Values) -> Scorer:
    """Share of rows whose class is decided rightly."""
    return row_mean(decide(y_pred) == y_true)


def balanced_accuracy(y_true: Values, y_pred: Values) -> Scorer:
    """Mean of the recalls of all classes that occur."""
    counts = ClassCounts(y_true, y_pred)

    def scores(weights: Weights) -> Scores:
        right, true, _ = counts(weights)
        return mean_of_defined(ratio(right, true))

    return scores


def precision(y_true: Values, y_pred: Values, positive: int = 1) -> Scorer:
    """Share of the positive class among rows decided as it; 0 if there are none."""
    return _of_class(positive, y_true, y_pred, lambda right, _, decided: np.nan_to_num(ratio(right, decided)))


def recall(y_true: Values, y_pred: Values, positive: int = 1) -> Scorer:
    """Share of the rows of the positive class that are found; undefined if there are none."""
    return _of_class(positive, y_true, y_pred, lambda right, true, _: ratio(right, true))


def f1(y_true: Values, y_pred: Values, positive: int = 1) -> Scorer:
    """Harmonic mean of precision and recall; undefined if the positive class neither occurs nor is decided for."""
    return _of_class(positive, y_true, y_pred, lambda right, true, decided: ratio(2 * right, true + decided))


def macro_f1(y_true: Values, y_pred: Values) -> Scorer:
    """Mean F1 of all classes that occur or are decided for."""
    counts = ClassCounts(y_true, y_pred)

    def scores(weights: Weights) -> Scores:
        right, true, decided = counts(weights)
        return mean_of_defined(ratio(2 * right, true + decided))

    return scores


def top_5_accuracy(y_true: Values, y_pred: Values) -> Scorer:
    """Share of rows whose class is among the five with the highest probabilities."""
    own = np.take_along_axis(y_pred, y_true[:, None], axis=1)
    before = np.arange(y_pred.shape[1]) < y_true[:, None]
    rank = (y_pred > own).sum(axis=1) + ((y_pred == own) & before).sum(axis=1)
    return row_mean(rank < _TOP)


def binary_accuracy(y_true: Values, y_pred: Values) -> Scorer:
    """Share of all labels of all rows that are decided rightly."""
    return row_mean((decide_labels(y_pred) == (y_true > THRESHOLD)).mean(axis=1))


def subset_accuracy(y_true: Values, y_pred: Values) -> Scorer:
    """Share of rows with all their labels decided rightly."""
    return row_mean((decide_labels(y_pred) == (y_true > THRESHOLD)).all(axis=1))


def micro_f1(y_true: Values, y_pred: Values) -> Scorer:
    """F1 over the labels of all rows together; undefined if no label occurs or is decided for."""
    means = _label_means(y_true, y_pred, by_label=False)

    def scores(weights: Weights) -> Scores:
        right, either = means(weights)
        return ratio(2 * right[:, 0], either[:, 0])

    return scores


def label_macro_f1(y_true: Values, y_pred: Values) -> Scorer:
    """Mean F1 of all labels that occur or are decided for."""
    means = _label_means(y_true, y_pred, by_label=True)

    def scores(weights: Weights) -> Scores:
        right, either = means(weights)
        return mean_of_defined(ratio(2 * right, either))

    return scores


def _of_class(code: int, y_true: Values, y_pred: Values, score: Callable[[Scores, Scores, Scores], Scores]) -> Scorer:
    counts = ClassCounts(y_true, y_pred)

    def scores(weights: Weights) -> Scores:
        right, true, decided = counts(weights)
        return score(right[:, code], true[:, code], decided[:, code])

    return scores


def _label_means(
    y_true: Values, y_pred: Values, *, by_label: bool
) -> Callable[[Weights], tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]]:
    true, decided = y_true > THRESHOLD, decide_labels(y_pred)
    right, either = (true & decided).astype(np.float32), true.astype(np.float32) + decided
    if not by_label:
        right, either = right.sum(axis=1, keepdims=True), either.sum(axis=1, keepdims=True)
    right_means, either_means = row_mean(right), row_mean(either)
    return lambda weights: (right_means(weights), either_means(weights))
