"""Stacking: a small model learns from out-of-fold predictions how to combine members."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dlrun.ensembles.members.stack import Stack
from dlrun.ensembles.methods.combination import SMALLEST, Array, Combination, WeightedMean, floats, normalized
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.objective import Objective
from dlrun.errors import UsageError
from dlrun.experiment.datasets.dataset import Task

Learner = Literal["nonnegative", "logistic", "ridge"]
"""What learns to combine: non-negative least squares, logistic regression, or ridge regression."""

_RULED_OUT = -30.0
"""Logarithm of the odds of a class that no row had."""


class LinearStack(Combination):
    """A linear model of members' predictions, or of their logarithms, with softmax or logistic outputs.

    Args:
        task: What is predicted.
        factors: Shape (outputs, members, inputs); inputs are all classes for a multi-class task, else the output alone.
        offsets: Shape (outputs,).
    """

    kind: Literal["linear_stack"] = "linear_stack"
    task: Task
    factors: tuple[tuple[tuple[float, ...], ...], ...]
    offsets: tuple[float, ...]

    @property
    def weights(self) -> NDArray[np.float64]:
        return normalized(np.abs(self.factors).sum(axis=(0, 2)))

    def combine(self, y_pred: Array) -> NDArray[np.float64]:
        inputs, factors = features(self.task, y_pred), np.array(self.factors)
        joined = "omi,mri->ro" if self.task == "multiclass" else "omi,mro->ro"
        combined = np.einsum(joined, factors, inputs, optimize=True) + np.array(self.offsets)
        if self.task == "regression":
            return np.asarray(combined)
        if self.task == "multiclass":
            powers = np.exp(combined - combined.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        return np.asarray(1 / (1 + np.exp(-np.clip(combined, -500, 500))))

    def of_members(self, places: NDArray[np.int64]) -> "LinearStack":
        factors = tuple(tuple(output[place] for place in places) for output in self.factors)
        return self.model_copy(update={"factors": factors})


class Stacking(Method):
    """Let a small linear model learn from validation predictions how to combine members.

    Wolpert, "Stacked generalization", Neural Networks 5, 1992; Breiman, "Stacked regressions", Machine Learning 24,
    1996, for factors that are not negative.
    """

    kind: Literal["stacking"] = "stacking"
    learner: Learner = "nonnegative"
    """What learns: nonnegative (least squares, any task), logistic (classes and labels), or ridge (numbers)."""
    l2: float = Field(default=1.0, gt=0)
    """Penalty on squared factors, for logistic (as 1/C of scikit-learn) and ridge (as its alpha)."""

    @property
    def title(self) -> str:
        return f"stacking ({self.learner})"

    @property
    def margin(self) -> float:
        """Logistic regression is so sure of few rows that four times the loss came of it on other rows."""
        return 2.0 if self.learner == "logistic" else super().margin

    def check(self, task: Task) -> None:
        suits = {"nonnegative": True, "logistic": task != "regression", "ridge": task == "regression"}
        if not suits[self.learner]:
            raise UsageError(
                f"method.learner {self.learner} does not suit a {task} task",
                remedy=f"Set method.learner={'ridge' if task == 'regression' else 'logistic'}, or nonnegative.",
            )

    def fit(self, objective: Objective, seed: int) -> Combination:  # noqa: ARG002 - what all methods take
        self.check(objective.stack.task)
        if self.learner == "nonnegative":
            return _nonnegative(objective.stack)
        return _logistic(objective.stack, self.l2) if self.learner == "logistic" else _ridge(objective.stack, self.l2)


def features(task: Task, y_pred: Array) -> NDArray[np.float64]:
    """Return what a linear model learns from: log-probabilities of classes, log-odds of labels, or numbers.

    Args:
        task: What is predicted.
        y_pred: Shape (members, rows, outputs).
    """
    values = np.asarray(y_pred, dtype=np.float64)
    if task == "regression":
        return values
    clipped = np.clip(values, SMALLEST, 1 - SMALLEST)
    if task == "multiclass":
        logarithms = np.log(clipped)
        centered: NDArray[np.float64] = logarithms - logarithms.mean(axis=2, keepdims=True)
        return centered
    odds: NDArray[np.float64] = np.log(clipped) - np.log1p(-clipped)
    return odds


def _nonnegative(stack: Stack) -> WeightedMean:
    """Fit by least squares of all outputs together; probabilities get factors that sum to 1."""
    from scipy.optimize import nnls

    columns = np.asarray(stack.y_pred, dtype=np.float64).reshape(stack.num_members, -1).T
    targets = stack.targets()
    if stack.task == "regression":
        scales = np.maximum(targets.std(axis=0), np.finfo(float).tiny)
        columns, targets = columns / np.tile(scales, stack.num_rows)[:, None], targets / scales
    if stack.weights is not None:
        roots = np.sqrt(np.repeat(stack.weights, stack.num_outputs))
        columns, targets = columns * roots[:, None], targets.reshape(-1) * roots
    triangle = np.asarray(np.linalg.qr(np.column_stack([columns, targets.reshape(-1)]), mode="r"))
    factors, _ = nnls(triangle[:, :-1], triangle[:, -1])
    if not factors.any():
        raise UsageError(
            "no member adds anything by non-negative least squares: predictions and true values go apart",
            remedy="Choose another --method, or leave these members out.",
        )
    return WeightedMean(factors=floats(factors if stack.task == "regression" else normalized(factors)))


def _logistic(stack: Stack, l2: float) -> LinearStack:
    inputs = features(stack.task, stack.y_pred)
    num_members, _, num_outputs = inputs.shape
    if stack.task == "multiclass":
        table = inputs.transpose(1, 0, 2).reshape(stack.num_rows, -1)
        found, flat, offsets = _fit_logistic(table, stack.y_true, stack.weights, l2)
        factors = np.zeros((num_outputs, num_members, num_outputs))
        all_offsets = np.full(num_outputs, _RULED_OUT)
        if len(found) == 2:  # one row of factors stands for the second class against the first
            flat, offsets = np.concatenate([-flat, flat]) / 2, np.concatenate([-offsets, offsets]) / 2
        factors[found] = flat.reshape(len(found), num_members, num_outputs)
        all_offsets[found] = offsets
        return _stack_of(stack.task, factors, all_offsets)
    labels = stack.targets() > 0
    fits = [
        _fit_logistic(inputs[:, :, output].T, labels[:, output], stack.weights, l2) for output in range(num_outputs)
    ]
    by_label = np.stack([flat.T for _, flat, _ in fits])
    return _stack_of(stack.task, by_label, np.concatenate([offset for *_, offset in fits]))


def _fit_logistic(
    table: NDArray[np.float64], y_true: NDArray[np.generic], weights: NDArray[np.float64] | None, l2: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(y_true)) < 2:
        raise UsageError(
            "logistic stacking needs rows with and without each class or label, and one has only one kind",
            remedy="Choose another --method, or auto.",
        )
    model = LogisticRegression(C=1 / l2, max_iter=2000, tol=1e-6).fit(table, y_true, weights)
    return model.classes_.astype(np.int64), model.coef_, model.intercept_


def _ridge(stack: Stack, l2: float) -> LinearStack:
    """Fit each target by ridge regression, with both sides measured in standard deviations of the target."""
    targets = stack.targets()
    centers = stack.mean(targets)
    scales = np.where(targets.std(axis=0) > 0, targets.std(axis=0), 1.0)
    factors = np.empty((stack.num_outputs, stack.num_members, 1))
    offsets = np.empty(stack.num_outputs)
    for output in range(stack.num_outputs):
        inputs = np.asarray(stack.y_pred[:, :, output], dtype=np.float64).T
        means = stack.mean(inputs)
        table = (inputs - means) / scales[output]
        weighted = table.T if stack.weights is None else table.T * stack.weights
        gram = weighted @ table + l2 * np.eye(stack.num_members)
        found = np.linalg.solve(gram, weighted @ ((targets[:, output] - centers[output]) / scales[output]))
        factors[output, :, 0] = found
        offsets[output] = centers[output] - means @ found
    return _stack_of(stack.task, factors, offsets)


def _stack_of(task: Task, factors: NDArray[np.float64], offsets: NDArray[np.float64]) -> LinearStack:
    plain = tuple(tuple(tuple(member) for member in output) for output in factors.tolist())
    return LinearStack(task=task, factors=plain, offsets=floats(offsets))
