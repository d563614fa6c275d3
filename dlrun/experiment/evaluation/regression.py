"""Scores of predicted numbers, in original units; of several targets, their mean."""

from __future__ import annotations

import numpy as np

from dlrun.experiment.evaluation.metric import Scorer, Scores, Values, Weights, ratio, row_mean


def mae(y_true: Values, y_pred: Values) -> Scorer:
    """Mean absolute error."""
    return row_mean(np.abs(y_true - y_pred).mean(axis=1))


def mse(y_true: Values, y_pred: Values) -> Scorer:
    """Mean squared error."""
    return row_mean(np.square(y_true - y_pred).mean(axis=1))


def rmse(y_true: Values, y_pred: Values) -> Scorer:
    """Square root of the mean squared error of each target, averaged over targets."""
    means = row_mean(np.square(y_true - y_pred))
    return lambda weights: np.sqrt(means(weights)).mean(axis=1)


def r2(y_true: Values, y_pred: Values) -> Scorer:
    """Share of the variance explained, averaged over targets; undefined if a target is constant."""
    centered = y_true - y_true.mean(axis=0)
    errors, squares, means = row_mean(np.square(y_true - y_pred)), row_mean(np.square(centered)), row_mean(centered)

    def scores(weights: Weights) -> Scores:
        variance = squares(weights) - np.square(means(weights))
        negligible = variance <= 1e-6 * np.square(centered).mean(axis=0)
        unexplained = ratio(errors(weights), np.where(negligible, 0, variance))
        explained: Scores = (1 - unexplained).mean(axis=1)
        return explained

    return scores


def mape(y_true: Values, y_pred: Values) -> Scorer:
    """Mean absolute error as a share of the true value; undefined if a true value is 0."""
    absolute = np.abs(y_true)
    shares = np.divide(np.abs(y_true - y_pred), absolute, out=np.full(y_true.shape, np.nan), where=absolute > 0)
    return row_mean(shares.mean(axis=1))
