"""Evaluating: a stored run scored on labelled rows that are given to it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import counted
from dlrun.errors import DataError, DlrunError
from dlrun.experiment.datasets.readers.new_rows import Data, located
from dlrun.experiment.datasets.row_hashes import row_hashes
from dlrun.experiment.evaluation.baselines import Baseline
from dlrun.experiment.evaluation.evaluation import evaluate
from dlrun.experiment.evaluation.intervals import intervals
from dlrun.predictions.description import Description
from dlrun.predictions.labels import encode
from dlrun.predictions.predictor import Predictor
from dlrun.predictions.unseen import Unseen
from dlrun.records import ledger
from dlrun.records.folder import TEST_ROWS
from dlrun.records.stored import Stored, StoredFolder

_Predictions = tuple[NDArray[Any], NDArray[Any], NDArray[np.floating[Any]], NDArray[np.uint64]]


@dataclass(frozen=True)
class Evaluated:
    """The scores of a run on labelled rows.

    Args:
        num_rows: Rows that were scored.
        scores: By metric; None where one is undefined.
        intervals: `[low, high]` by metric.
        baseline: Kind of the common-sense baseline, and its scores.
        test_looks: Number of looks at these rows so far, if they are a known test set.
        notes: What the user should know about these rows.
        positive_class: Class of two that f1 and the like speak of; None for other tasks.
    """

    num_rows: int
    scores: dict[str, float | None]
    intervals: dict[str, list[float]]
    baseline: dict[str, Any]
    test_looks: int | None
    notes: tuple[str, ...]
    positive_class: str | None = None


def evaluate_file(predictor: Predictor, stored: Stored, data: Data) -> Evaluated:
    """Score all rows of a file; a look at a known test set is written into the ledger first.

    Args:
        predictor: The run.
        stored: Its files.
        data: The file, opened with its targets.

    Raises:
        DataError: The file is damaged, has no rows, or holds values or labels that cannot be used.
        StorageError: The ledger cannot be written.
    """
    unseen = Unseen(predictor)
    (y_true, y_pred, losses, hashes), weights, unlabeled = _predictions(predictor, data, unseen)
    description = predictor.description
    looks, notes = _look(stored, description, y_true, hashes)
    if unlabeled:
        notes = (f"left out {counted(unlabeled, 'row')} without a label, as the run did", *notes)
    settings = description.experiment.evaluation
    metrics = [str(name) for name in settings.metrics] if settings.metrics != "auto" else []
    task = description.facts.task
    positive = settings.positive_code(description.class_names)
    baseline = _baseline(stored, predictor)
    return Evaluated(
        num_rows=len(y_true),
        scores=evaluate(task, y_true, y_pred, metrics, losses=losses, positive=positive, weights=weights),
        intervals=intervals(
            task,
            y_true,
            y_pred,
            metrics,
            losses=losses,
            weights=weights,
            positive=positive,
            draws=settings.bootstrap,
            confidence=settings.confidence,
            seed=description.experiment.seed,
        ),
        baseline={
            "kind": baseline.kind,
            **evaluate(task, y_true, baseline.predict(len(y_true)), metrics, positive=positive, weights=weights),
        },
        positive_class=description.class_names[positive] if task == "binary" else None,
        test_looks=looks,
        notes=(*unseen.notes, *notes),
    )


def _predictions(
    predictor: Predictor, data: Data, unseen: Unseen
) -> tuple[_Predictions, NDArray[np.float64] | None, int]:
    """Return true values, predictions, losses and hashes of all rows, their weights, and how many had no label.

    There are no weights if all weigh the same; rows without a label are left out.
    """
    parts: list[_Predictions] = []
    weights: list[NDArray[np.float64]] = []
    columns, unlabeled = tuple(predictor.description.columns), 0
    for chunk in data.chunks(predictor.rows_at_once):
        unlabeled += chunk.unlabeled
        if not len(chunk):
            continue
        try:
            if chunk.targets is None:
                raise DataError("the data were opened without their targets")
            y_true = encode(chunk.targets, predictor.description)
            parts.append((y_true, *predictor.predict_chunk(chunk.x, y_true), row_hashes(chunk.x, columns)))
        except DataError as error:
            raise located(error, data.path, chunk.first, len(chunk)) from error
        unseen.look_at(chunk.x)
        weights += [] if chunk.weights is None else [chunk.weights]
    if not parts:
        raise DataError(f"'{data.path}' has no rows", remedy="There is nothing to score.")
    y_true, y_pred, losses, hashes = (np.concatenate(part) for part in zip(*parts, strict=True))
    return (y_true, y_pred, losses, hashes), _weights(weights, data), unlabeled


def _weights(parts: list[NDArray[np.float64]], data: Data) -> NDArray[np.float64] | None:
    if not parts:
        return None
    weights = np.concatenate(parts)
    if not weights.any():
        raise DataError(f"'{data.path}': every row weighs 0", remedy="Score rows that count.")
    return None if (weights == weights[0]).all() else weights


def _look(
    stored: Stored, description: Description, y_true: NDArray[Any], hashes: NDArray[np.uint64]
) -> tuple[int | None, tuple[str, ...]]:
    """Note a look at a known test set, in whatever order and be it at a part; tell whether rows were trained on."""
    if not isinstance(stored, StoredFolder):
        return None, ()
    runs_dir = ledger.home(stored.folder)
    own_test = _labels(stored, "predictions/test.npz")
    class_names, test_hashes = description.class_names, _test_hashes(stored)
    scored = y_true
    notes: tuple[str, ...] = ()
    if learned := _num_learned(stored, y_true):
        notes = (
            f"these are the rows that the run was made of: {learned:,} of {len(y_true):,} were learned from or "
            "chosen by, so the scores flatter",
        )
        scored = y_true if own_test is None or learned == len(y_true) else own_test[1]
    elif note := overlap_note(stored, description, hashes, test_hashes):
        notes = (note,)
    fingerprint = ledger.fingerprint_of(scored, class_names)
    is_own = own_test is not None and ledger.fingerprint_of(own_test[1], class_names) == fingerprint
    known = int(np.isin(hashes, test_hashes).sum())
    if not is_own and known and own_test is not None:
        is_own, fingerprint = True, ledger.fingerprint_of(own_test[1], class_names)
        have = "has" if known == 1 else "have"
        notes = (*notes, f"{known:,} of these {len(y_true):,} rows {have} the inputs of test rows of the run")
    if not is_own and not ledger.looks(runs_dir, fingerprint):
        return None, notes
    number = ledger.append(runs_dir, fingerprint=fingerprint, run=stored.id, why="evaluate")
    return number, (*notes, f"a known test set: look {number:,} at it")


def _test_hashes(stored: Stored) -> NDArray[np.uint64]:
    """Return the hashes of the inputs of the run's test rows; none if it has kept none."""
    if not stored.has(TEST_ROWS):
        return np.empty(0, np.uint64)
    (own,) = stored.arrays(TEST_ROWS, "hash")
    return own


def _num_learned(stored: Stored, y_true: NDArray[Any]) -> int:
    """Return how many rows the run learned from or was chosen by, if these are all rows of its dataset in their order.

    They may also be all but its own test part, which stands at the end. Known by the labels that the run has kept.
    """
    num_rows, last = stored.json("dataset.json").get("num_rows"), len(y_true)
    validation, test = (_labels(stored, f"predictions/{part}.npz") for part in ("validation", "test"))
    if num_rows == last:
        kept = [part for part in (validation, test) if part is not None]
        same = all(np.array_equal(y_true[rows], known) for rows, known in kept)
        return same * (last - (0 if test is None else len(test[0])))
    if validation is None or test is None or num_rows != last + len(test[0]) or test[0].min(initial=num_rows) != last:
        return 0
    return last if np.array_equal(y_true[validation[0]], validation[1]) else 0


def _labels(stored: Stored, name: str) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return the rows and true values of stored predictions; None if there are none."""
    if not stored.has(name):
        return None
    rows, y_true = stored.arrays(name, "row", "y_true")
    return rows, y_true


def _baseline(stored: Stored, predictor: Predictor) -> Baseline:
    """Return the common-sense baseline of the rows that the run learned from, from their distribution on record."""
    try:
        part = stored.json("dataset.json")["folds"][0]["training"]
        return Baseline.of_record(predictor.task, part, predictor.description.facts.num_outputs)
    except (LookupError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise stored.damaged("dataset.json", "it does not hold what dlrun writes") from error


_MOST_VALUES = 20_000_000
"""Values that are read again and compared; they take some seconds."""

_ROWS_AT_ONCE = 65_536


def overlap_note(stored: Stored, description: Description, hashes: NDArray[np.uint64], test: NDArray[np.uint64]) -> str:
    """Say how many rows have the inputs of rows that the run learned from or was chosen by; empty if none has.

    Args:
        stored: The run's files.
        description: What it predicts, from what.
        hashes: Hashes of the rows that were scored.
        test: Hashes of the test rows of the run, which it has not learned from.
    """
    facts, source = description.facts, description.experiment.dataset
    if source.runs_code:  # which nobody has vouched for here
        return ""
    name = getattr(source, "path", source.kind)
    if facts.num_rows * prod(facts.input_shape) > _MOST_VALUES:
        return _not_compared("they are too many")
    try:
        dataset = source.load()
    except DlrunError:
        return _not_compared(f"'{name}' cannot be read any more")
    if dataset.fingerprint != stored.json("dataset.json").get("fingerprint"):
        return _not_compared(f"'{name}' has changed since")
    (test_rows,) = stored.arrays("split.npz", "test")
    learned = np.setdiff1d(np.arange(dataset.num_rows), test_rows)
    known = np.zeros(len(hashes), bool)
    for first in range(0, len(learned), _ROWS_AT_ONCE):
        x = dataset.x[learned[first : first + _ROWS_AT_ONCE]]
        known |= np.isin(hashes, row_hashes(x, tuple(description.columns)))
    number = int((known & ~np.isin(hashes, test)).sum())
    if not number:
        return ""
    rows = f"{number:,} of these {len(hashes):,} rows {'has' if number == 1 else 'have'}"
    return f"{rows} the inputs of rows that the run learned from or was chosen by: scores on these flatter"


def _not_compared(why: str) -> str:
    return f"not compared with the rows that the run learned from: {why}"
