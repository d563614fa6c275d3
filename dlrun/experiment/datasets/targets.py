"""Targets: from the values of a file to codes, labels or numbers, and the rule that infers the task.

The rule of `task: auto`, for one target: text and true/false are classes; whole numbers are classes if at most
`MAX_INFERRED_CLASSES` different values occur, else a regression; other numbers are a regression, unless they are only
0.0 and 1.0, which are two classes. For several targets: columns of 0 and 1 are labels, or, if every row holds exactly
one 1, one-hot classes; other numbers are a regression. Two classes make a binary task, more a multiclass one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.settings import Auto
from dlrun.base.words import counted, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Dataset, InputKind, Task
from dlrun.experiment.datasets.role import Role, RoleName
from dlrun.experiment.datasets.roles import notes_of
from dlrun.experiment.datasets.tables.text_columns import MAX_INFERRED_CLASSES

if TYPE_CHECKING:
    import polars as pl

_SET_TASK = "Set dataset.task to the task that is meant, or leave it at auto."


@dataclass(frozen=True)
class Targets:
    """What `Dataset` holds about its targets; see there.

    Args:
        task: What is predicted.
        y: Targets as `Dataset.y` describes them.
        class_names: Names of the classes or labels, in the order of the codes.
        target_names: Names of the targets.
        notes: What was inferred and could have been meant otherwise.
    """

    task: Task
    y: NDArray[Any]
    class_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def dataset(
        self,
        name: str,
        input_kind: InputKind,
        x: NDArray[Any] | pl.DataFrame,
        *,
        num_test: int | None = None,
        feature_names: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        roles: Mapping[RoleName, Role] | None = None,
    ) -> Dataset:
        """Put inputs beside the targets.

        Args:
            name: As `Dataset.name`.
            input_kind: As `Dataset.input_kind`.
            x: As `Dataset.x`, a row for each target.
            num_test: Rows at the end that are the dataset's own test part; None if it brings none.
            feature_names: As `Dataset.feature_names`.
            notes: What is to be told beside the notes of the targets.
            roles: As `Dataset.roles`; what is to be told of them is told.
        """
        return Dataset(
            name=name,
            input_kind=input_kind,
            x=x,
            y=self.y,
            task=self.task,
            class_names=self.class_names,
            feature_names=feature_names,
            target_names=self.target_names,
            test_rows=None if num_test is None else np.arange(len(self.y) - num_test, len(self.y), dtype=np.int64),
            notes=(*self.notes, *notes, *notes_of(roles or {})),
            roles=roles or {},
        )


@dataclass(frozen=True)
class _Raw:
    """Values to encode; codes if `class_names` is not None."""

    values: NDArray[Any]
    names: tuple[str, ...]
    class_names: tuple[str, ...] | None

    @property
    def label(self) -> str:
        return f"the target{'s' if len(self.names) > 1 else ''} {quoted_list(self.names)}"


def encode(
    values: NDArray[Any],
    asked: Task | Auto,
    names: tuple[str, ...],
    class_names: tuple[str, ...] | None = None,
    *,
    written: pl.Series | None = None,
) -> Targets:
    """Turn the targets of a file into those of a `Dataset`.

    Args:
        values: Numbers, booleans or text of shape (rows,) or (rows, targets).
        asked: The task that the config asks for.
        names: Name of each target.
        class_names: If given, `values` are codes 0..classes-1 of these classes.
        written: The values as they are written; classes are called so if each is written in one way.

    Returns:
        Codes (sorted by value, so that `no` < `yes`), labels or numbers.

    Raises:
        DataError: A value is missing, or the values do not suit the task.
    """
    raw = _normalized(values, names, class_names)
    task, notes = (asked, ()) if asked != "auto" else _infer(raw)
    if task == "regression":
        encoded = _numbers(raw)
    elif task == "multilabel":
        encoded = _labels(raw)
    else:
        encoded = _classes(raw, task)
    if written is not None and encoded.class_names and encoded.y.ndim == 1:
        encoded, more = _named_as_written(encoded, written)
        notes = (*notes, *more)
    return replace(encoded, notes=notes)


def _named_as_written(targets: Targets, written: pl.Series) -> tuple[Targets, tuple[str, ...]]:
    """Call classes as the file does, `True` and `01`, and tell where it does so in several ways."""
    import polars as pl

    pairs = pl.DataFrame({"code": targets.y, "text": written}).unique().sort("code", "text")
    if pairs.height == len(targets.class_names):
        return replace(targets, class_names=tuple(pairs["text"].to_list())), ()
    twice = pairs.filter(pl.col("code").is_duplicated())
    texts = twice.filter(pl.col("code") == twice["code"][0])["text"].to_list()
    name = targets.class_names[int(twice["code"][0])]
    return targets, (f"the target '{targets.target_names[0]}' writes the class '{name}' as {quoted_list(texts)}",)


def _normalized(values: NDArray[Any], names: tuple[str, ...], class_names: tuple[str, ...] | None) -> _Raw:
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    raw = _Raw(values, names, class_names)
    if values.ndim not in (1, 2) or values.dtype.kind not in "biufUS":
        raise DataError(
            f"{raw.label} {'are' if len(names) > 1 else 'is'} of type {values.dtype} and shape {values.shape}",
            remedy="Give numbers, booleans or text, of shape (rows,) or (rows, targets).",
        )
    if len(values) == 0:
        raise DataError("the dataset has no rows", remedy="Check the file and dataset.limit.")
    _require_finite(raw)
    if values.dtype.kind in "US":
        return _named(raw)
    if values.dtype.kind == "b" and values.ndim == 1:
        return replace(raw, values=values.astype(np.int64), class_names=("false", "true"))
    return replace(raw, values=values.astype(np.uint8)) if values.dtype.kind == "b" else raw


def _require_finite(raw: _Raw) -> None:
    if raw.values.dtype.kind != "f":
        return
    bad = ~np.isfinite(raw.values)
    if bad.any():
        rows = np.flatnonzero(bad if bad.ndim == 1 else bad.any(axis=1))
        raise DataError(
            f"{raw.label}: NaN or infinite in {counted(len(rows), 'row')}, the first is row {rows[0]} (from 0)",
            remedy="Correct these values, or remove the rows.",
        )


def _named(raw: _Raw) -> _Raw:
    if raw.values.ndim == 2:
        raise DataError(f"{raw.label} are text", remedy="Several targets must be numbers; name one target.")
    text = decoded(raw.values) if raw.values.dtype.kind == "S" else raw.values
    found, codes = np.unique(text, return_inverse=True)
    return replace(raw, values=codes.astype(np.int64), class_names=tuple(found.tolist()))


def decoded(values: NDArray[np.bytes_]) -> NDArray[np.str_]:
    """Return bytes as text.

    Raises:
        DataError: They are not UTF-8.
    """
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError("the targets are text that is not UTF-8", remedy="Save them as text, not as bytes.") from error


def _infer(raw: _Raw) -> tuple[Task, tuple[str, ...]]:
    if raw.class_names is not None:
        return _by_count(len(raw.class_names)), ()
    if raw.values.ndim == 2:
        return _infer_columns(raw)
    found = np.unique(raw.values)
    if _zeros_and_ones(found):
        return "binary", ()
    whole = f"{raw.label} holds {len(found)} different whole numbers"
    if raw.values.dtype.kind in "iu" and len(found) <= MAX_INFERRED_CLASSES:
        task = _by_count(len(found))
        if np.array_equal(found, np.arange(len(found))):
            return task, ()
        return task, (f"{whole}, taken for classes ({task}); dataset.task=regression takes them for numbers",)
    if raw.values.dtype.kind in "iu" or (len(found) <= MAX_INFERRED_CLASSES and np.array_equal(found, np.rint(found))):
        return "regression", (f"{whole}, taken for numbers (regression); dataset.task=multiclass makes them classes",)
    return "regression", ()


def _infer_columns(raw: _Raw) -> tuple[Task, tuple[str, ...]]:
    if not _zeros_and_ones(raw.values):
        return "regression", ()
    if (raw.values.sum(axis=1) == 1).all():
        return "multiclass", (
            f"every row of {raw.label} holds exactly one 1: taken for one-hot classes (multiclass); "
            "dataset.task=multilabel takes them for independent labels",
        )
    return "multilabel", ()


def _by_count(num_classes: int) -> Task:
    return "multiclass" if num_classes > 2 else "binary"


def _zeros_and_ones(values: NDArray[Any]) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _numbers(raw: _Raw) -> Targets:
    if raw.class_names is not None:
        raise DataError(
            f"{raw.label} holds names ({quoted_list(raw.class_names, most=3)}), a regression needs numbers",
            remedy=_SET_TASK,
        )
    y = raw.values.astype(np.float64).reshape(len(raw.values), -1)
    return Targets("regression", y, target_names=raw.names)


def _labels(raw: _Raw) -> Targets:
    columns = raw.values.reshape(len(raw.values), -1)
    text = raw.class_names not in (None, ("false", "true"))
    if text or not _zeros_and_ones(columns):
        others = [f"{value:g}" for value in np.unique(columns[(columns != 0) & (columns != 1)])]
        found = quoted_list((raw.class_names or ()) if text else others, most=3)
        raise DataError(
            f"{raw.label}: the multilabel task needs columns of 0 and 1, found {found}",
            remedy=_SET_TASK,
        )
    return Targets("multilabel", columns.astype(np.float32), class_names=raw.names, target_names=raw.names)


def _classes(raw: _Raw, task: Task) -> Targets:
    codes, class_names = _codes(raw)
    if len(class_names) == 1:
        raise DataError(
            f"every row has the same label '{class_names[0]}' in {raw.label}",
            remedy="There is nothing to learn from one class: check the target and dataset.limit.",
        )
    if task == "binary" and len(class_names) != 2:
        raise DataError(
            f"the binary task needs 2 classes, {raw.label} holds {len(class_names)}: "
            f"{quoted_list(class_names, most=5)}",
            remedy=_SET_TASK,
        )
    target_names = raw.names if len(raw.names) == 1 else ("class",)
    return Targets(task, codes.astype(np.int64), class_names, target_names)


def _codes(raw: _Raw) -> tuple[NDArray[Any], tuple[str, ...]]:
    if raw.class_names is not None:
        return raw.values, raw.class_names
    if raw.values.ndim == 2:
        if not _zeros_and_ones(raw.values) or not (raw.values.sum(axis=1) == 1).all():
            raise DataError(
                f"{raw.label} are not one-hot: some row does not hold exactly one 1 and otherwise 0", remedy=_SET_TASK
            )
        return raw.values.argmax(axis=1), raw.names
    found, codes = np.unique(raw.values, return_inverse=True)
    if not np.array_equal(found, np.rint(found)):
        fraction = found[found != np.rint(found)][0]
        raise DataError(
            f"{raw.label} holds fractions such as {fraction:g}, classes need whole numbers", remedy=_SET_TASK
        )
    return codes, tuple(str(int(value)) for value in found)
