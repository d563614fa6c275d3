"""Dataset: the type that every source returns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.role import Role, RoleName

if TYPE_CHECKING:
    import polars as pl

    from dlrun.experiment.datasets.store import Store

Task = Literal["binary", "multiclass", "multilabel", "regression"]
"""What is predicted: one of two classes, one of many, any of many labels, or numbers."""

InputKind = Literal["images", "features", "tokens", "indicators", "table"]
"""How `x` is to be read: pixels, measured numbers, word indices, 0/1 indicators, or typed columns."""

LARGEST = float(np.finfo(np.float32).max)
"""Largest number that learners can take: they compute with 32-bit floats."""


@dataclass(frozen=True)
class DatasetFacts:
    """What is known of a dataset without loading it, or after it was loaded; enough to resolve a config.

    Args:
        task: What is predicted.
        input_kind: How the inputs are to be read.
        input_shape: Shape of one row of `x` before preprocessing; `(columns,)` for a table.
        num_rows: Rows in all, the own test part included.
        num_own_test_rows: Rows of the test part that the dataset brings; 0 if it has none.
        num_outputs: Classes of a multiclass task, labels, targets; 1 for a binary task.
    """

    task: Task
    input_kind: InputKind
    input_shape: tuple[int, ...]
    num_rows: int
    num_own_test_rows: int
    num_outputs: int


@dataclass(frozen=True)
class Dataset:
    """Rows to learn from, in memory.

    Args:
        name: Name for people, such as `digits` or the file's stem.
        input_kind: How `x` is to be read.
        x: Inputs, an array of shape (rows, ...) or a polars data frame (`input_kind="table"`).
        y: Targets. Codes 0..classes-1 as int64 of shape (rows,) for binary and multiclass tasks; 0/1 as float32 of
            shape (rows, labels) for multilabel; float64 of shape (rows, targets) for regression.
        task: What is predicted.
        class_names: Names of the classes (binary, multiclass) or labels (multilabel), in the order of the codes.
        feature_names: Names of the columns of `x`; empty where they have none.
        target_names: Names of the targets.
        test_rows: Row numbers of the test part that the dataset brings, or None if it has none.
        notes: Facts worth telling the user about how the data were read, such as `12 rows without a label dropped`.
        store: Where arrays made of these rows are kept for other processes; None if nobody shares them.
        roles: Columns that are no inputs, by what they are for.
    """

    name: str
    input_kind: InputKind
    x: NDArray[Any] | pl.DataFrame
    y: NDArray[Any]
    task: Task
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    test_rows: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = field(default=())
    store: Store | None = field(default=None, repr=False, compare=False)
    roles: Mapping[RoleName, Role] = field(default_factory=dict)

    @property
    def num_rows(self) -> int:
        return len(self.y)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row of `x`."""
        return tuple(self.x.shape[1:])

    @property
    def num_outputs(self) -> int:
        """Classes of a multiclass task, labels, targets; 1 for a binary task."""
        if self.task == "multiclass":
            return len(self.class_names)
        return 1 if self.task == "binary" else int(self.y.shape[1])

    @property
    def facts(self) -> DatasetFacts:
        own_test = 0 if self.test_rows is None else len(self.test_rows)
        return DatasetFacts(self.task, self.input_kind, self.input_shape, self.num_rows, own_test, self.num_outputs)

    def role(self, name: RoleName) -> NDArray[Any] | None:
        """Return what a role holds of each row, shape (rows,); None if no column has it."""
        return self.roles[name].values if name in self.roles else None

    @cached_property
    def score_weights(self) -> NDArray[np.float64] | None:
        """Weight of each row in scores, shape (rows,); None if all weigh the same, whatever that is."""
        weights = self.role("weight")
        return None if weights is None or (weights == weights[0]).all() else weights

    def weights_of(self, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """Return what `score_weights` holds of some rows."""
        return None if self.score_weights is None else self.score_weights[rows]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every value, type, shape and name that a score depends on, in hexadecimal."""
        digest = hashlib.sha256()
        header = (self.task, self.input_kind, self.class_names, self.feature_names, self.target_names)
        digest.update(repr(header).encode())
        if isinstance(self.x, np.ndarray):
            _update(digest, self.x)
        else:
            for column in self.x:
                _update_column(digest, column)
        _update(digest, self.y)
        if self.test_rows is not None:
            _update(digest, self.test_rows)
        self._update_roles(digest, self.roles)
        return digest.hexdigest()

    @cached_property
    def targets_fingerprint(self) -> str:
        """SHA-256 over the targets, ids and weights of all rows in their order, in hexadecimal.

        It is the same for datasets that read other inputs of the same rows, such as other columns of a table.
        """
        digest = hashlib.sha256(self.task.encode())
        _update(digest, self.y)
        self._update_roles(digest, self.roles.keys() & {"id", "weight"})
        return digest.hexdigest()

    def _update_roles(self, digest: hashlib._Hash, names: Iterable[RoleName]) -> None:
        for name in sorted(names):
            values = self.roles[name].values
            digest.update(f"{name}{values.dtype.str}{values.shape}".encode())
            digest.update(values.tobytes())


def _update_column(digest: hashlib._Hash, column: pl.Series) -> None:
    """Add the name, the missing places and the values of a column; polars' own hashes change with its versions."""
    import polars as pl

    digest.update(column.name.encode())
    is_full = column.null_count() == 0
    _update(digest, np.zeros(len(column), bool) if is_full else column.is_null().to_numpy())
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        full = column if is_full else column.fill_null(0 if column.dtype.is_numeric() else False)
        _update(digest, full.to_numpy())
    else:
        text = column.cast(pl.String).fill_null("")
        _update(digest, text.str.len_bytes().to_numpy())
        digest.update("".join(text.to_list()).encode())


def _update(digest: hashlib._Hash, array: NDArray[Any]) -> None:
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data if array.size else b"")
