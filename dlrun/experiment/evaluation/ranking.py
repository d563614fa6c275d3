"""Scores of the order that probabilities put rows in."""

from __future__ import annotations

import numpy as np

from dlrun.experiment.evaluation.metric import Scorer, Scores, Values, Weights, label_mean, mean_of_defined, ratio


def auc_of_one(positive: Values, score: Values) -> Scorer:
    """Area under the ROC curve of one class or label; undefined unless rows of both kinds occur.

    It is the share of pairs of a positive and a negative row in which the positive one scores higher, ties counted
    half (Mann and Whitney, 1947).

    Args:
        positive: Whether each row is of the class, shape (rows,).
        score: Probability of the class, shape (rows,).
    """
    is_positive = np.asarray(positive) > 0
    positives, negatives = np.flatnonzero(is_positive), np.flatnonzero(~is_positive)
    negatives = negatives[np.argsort(score[negatives], kind="stable")]
    below = np.searchsorted(score[negatives], score[positives], side="left")
    not_above = np.searchsorted(score[negatives], score[positives], side="right")

    def scores(weights: Weights) -> Scores:
        of_positives = np.take(weights, positives, axis=1)
        of_negatives = np.zeros((len(weights), len(negatives) + 1), dtype=weights.dtype)
        np.cumsum(np.take(weights, negatives, axis=1), axis=1, out=of_negatives[:, 1:])
        beaten = np.take(of_negatives, below, axis=1) + np.take(of_negatives, not_above, axis=1)
        pairs = of_positives.sum(axis=1, dtype=np.float64) * of_negatives[:, -1]
        return ratio((of_positives * beaten).sum(axis=1, dtype=np.float64) / 2, pairs)

    return scores


def average_precision_of_one(positive: Values, score: Values) -> Scorer:
    """Mean over the positive rows of the precision at their score; undefined without positive rows.

    Args:
        positive: Whether each row is of the class, shape (rows,).
        score: Probability of the class, shape (rows,).
    """
    order = np.argsort(-score, kind="stable")
    descending = -score[order]
    is_positive = np.asarray(positive)[order] > 0
    last_of_ties = np.searchsorted(descending, descending[is_positive], side="right") - 1

    def scores(weights: Weights) -> Scores:
        ordered = np.take(weights, order, axis=1)
        found = np.take(np.cumsum(ordered * is_positive, axis=1), last_of_ties, axis=1)
        looked_at = np.take(np.cumsum(ordered, axis=1), last_of_ties, axis=1)
        of_positives = ordered[:, is_positive]
        precision = np.divide(found, looked_at, out=np.zeros_like(found), where=looked_at > 0)
        return ratio((of_positives * precision).sum(axis=1, dtype=np.float64), of_positives.sum(axis=1))

    return scores


def auc(y_true: Values, y_pred: Values) -> Scorer:
    """Area under the ROC curve; for many classes the mean of each class against the rest."""
    if y_pred.shape[1] == 1:
        return auc_of_one(y_true, y_pred[:, 0])
    scorers = [auc_of_one(y_true == code, y_pred[:, code]) for code in range(y_pred.shape[1])]
    return lambda weights: mean_of_defined(np.stack([scorer(weights) for scorer in scorers], axis=-1))


def average_precision(y_true: Values, y_pred: Values, positive: int = 1) -> Scorer:
    """Average precision of the positive class."""
    if positive == 1:
        return average_precision_of_one(y_true, y_pred[:, 0])
    return average_precision_of_one(y_true == 0, -y_pred[:, 0])  # 1 - y_pred would round small probabilities away


label_auc = label_mean(auc_of_one)
label_average_precision = label_mean(average_precision_of_one)
