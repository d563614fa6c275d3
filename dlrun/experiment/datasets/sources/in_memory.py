"""Rows that Python code hands over: arrays, or data frames whose columns are prepared as those of a table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dlrun.base.settings import Auto, Names
from dlrun.base.words import absent, counted, did_you_mean, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.datasets.readers.arrays import ArrayKind, input_kind, typed
from dlrun.experiment.datasets.readers.frames import as_array, as_frame, name_of
from dlrun.experiment.datasets.role import Role, RoleName
from dlrun.experiment.datasets.roles import read_array, read_role, test_name
from dlrun.experiment.datasets.sources.named import NamedColumns
from dlrun.experiment.datasets.tables.columns import ColumnType, prepare
from dlrun.experiment.datasets.tables.notation import PLAIN
from dlrun.experiment.datasets.tables.table_targets import check_target, targets_of
from dlrun.experiment.datasets.targets import encode

if TYPE_CHECKING:
    import polars as pl

_NAMES = ("x", "y", "x_test", "y_test")
_FORM = (
    "Give (x, y), (x, y, x_test, y_test), or a dict with these names, of arrays or data frames; or one data frame, its "
    "target named in dataset.target."
)


class InMemory(NamedColumns):
    """Rows that Python code hands over."""

    of_inputs: ClassVar[frozenset[str]] = NamedColumns.of_inputs | {"drop", "types", "input_kind"}

    target: Names[str] = ()
    """Columns to predict, a name or a list of names, where the rows are one data frame that holds them too."""

    drop: Names[str] = ()
    """Columns of a data frame to leave out."""

    types: dict[str, ColumnType] = Field(default_factory=dict)
    """Columns of a data frame to take as `numeric` or `categorical`, whatever they look like."""

    input_kind: ArrayKind | Auto = "auto"
    """How arrays of inputs are to be read, as for `npz`. `auto`: bytes of shape (rows, height, width) and numbers of
    shape (rows, height, width, channels) are images, booleans of shape (rows, columns) are indicators, all else is
    features."""

    def _dataset(self, name: str, where: str, given: Any) -> Dataset:
        """Return rows that were handed over as a dataset.

        Args:
            name: Name for people.
            where: What they were handed over by, for messages.
            given: In one of the forms that may be given.

        Raises:
            DataError: They are in none of these forms, or cannot be used.
        """
        named = self._by_name(given, where)
        x_frame, x_test_frame = as_frame(named["x"]), as_frame(named.get("x_test"))
        if x_frame is None:
            return self._of_arrays(name, where, named)
        if "x_test" in named and (x_test_frame is None or x_test_frame.columns != x_frame.columns):
            raise DataError(
                f"{where}: 'x' is a data frame, and 'x_test' is none with the same columns",
                remedy="The test part must look like the rows to learn from.",
            )
        return self._of_frames(name, where, named, x_frame, x_test_frame)

    def _by_name(self, given: Any, where: str) -> dict[str, Any]:
        """Return what was given by the names `x`, `y` and so on."""
        frame = as_frame(given)
        if frame is not None:
            return self._split(frame, where)
        named = given
        if isinstance(given, tuple | list):
            named = dict(zip(_NAMES, given, strict=False)) if len(given) in (2, 4) else {}
        own = {each for name in self.role_names.values() for each in (name, test_name(name))}
        own -= set(_NAMES)
        if not isinstance(named, Mapping) or set(named) - own not in (set(_NAMES[:2]), set(_NAMES)):
            found = f"a value of the type {type(given).__name__}"
            if isinstance(given, Mapping):
                found = f"a dict with {quoted_list([str(name) for name in given])}"
            elif isinstance(given, tuple | list):
                found = f"a {type(given).__name__} of {len(given)} values"
            raise DataError(f"{where} returned {found}" if "()" in where else f"{where} is {found}", remedy=_FORM)
        if self.target:
            raise DataError(
                f"{where}: the targets are given as 'y', and dataset.target names {quoted_list(self.target)} besides",
                remedy="Leave dataset.target out, or give one data frame that holds the target.",
            )
        return dict(named)

    def _split(self, frame: "pl.DataFrame", where: str) -> dict[str, Any]:
        """Take the targets out of a frame that holds all."""
        if not self.target:
            raise DataError(
                f"{where} is one data frame, and dataset.target names no column of it",
                remedy=f"Set dataset.target to one of {quoted_list(frame.columns)}.",
            )
        missing = absent(self.target, frame.columns)
        if missing:
            raise DataError(
                f"{where} has no column '{missing[0]}' ({did_you_mean(missing[0], frame.columns)})",
                remedy="Correct dataset.target.",
            )
        return {"x": frame.drop(self.target), "y": frame.select(self.target)}

    def _of_arrays(self, name: str, where: str, named: Mapping[str, Any]) -> Dataset:
        roles = {role: self._role(role, each, where, named) for role, each in self.role_names.items()}
        given = {each: named[each] for each in _NAMES if each in named}
        arrays = {each: _rows_of(as_array(value, f"{where}: '{each}'"), where, each) for each, value in given.items()}
        x, y, num_test = self._joined(where, arrays)
        if x.dtype.kind in "US":
            raise DataError(
                f"{where}: the inputs are of type {x.dtype}",
                remedy="Inputs must be real numbers; columns of text are taken from a data frame.",
            )
        kind = input_kind(x.shape, x.dtype, self.input_kind, where)
        columns = y.shape[1] if y.ndim == 2 else 1
        first = name_of(named["y"]) or "y"
        names = (first,) if columns == 1 else tuple(f"y_{column}" for column in range(columns))
        targets = encode(y, self.task, names)
        return targets.dataset(name, kind, typed(x, kind), num_test=num_test, roles=roles)

    def _role(
        self,
        role: RoleName,
        name: str,
        where: str,
        named: Mapping[str, Any],
        x: "pl.DataFrame | None" = None,
        x_test: "pl.DataFrame | None" = None,
    ) -> Role:
        """Read a column of the inputs that is none, or what was given beside them by that name."""
        import polars as pl

        if x is not None and name in x.columns:
            parts = [frame.select(name).head(self.kept(frame.height)) for frame in (x, x_test) if frame is not None]
            return read_role(role, pl.concat(parts, how="vertical_relaxed").to_series())
        arrays = []
        for each, inputs in ((name, "x"), (test_name(name), "x_test"))[: 2 if "x_test" in named else 1]:
            if each not in named or each in _NAMES:
                known = [*([] if x is None else x.columns), *absent(named, _NAMES)]
                raise DataError(
                    f"{where}: dataset.{role} names '{each}', which is not there ({did_you_mean(each, known)})",
                    remedy="Name a column of the data frame, or give a dict with an array of that name beside x and y.",
                )
            array = as_array(named[each], f"{where}: '{each}'")
            if array.shape != (len(named[inputs]),):
                raise DataError(
                    f"{where}: '{each}' has the shape {array.shape}, '{inputs}' has {len(named[inputs]):,} rows",
                    remedy="Ids, groups, times and weights have one value a row.",
                )
            arrays.append(array[: self.kept(len(array))])
        return read_array(role, name, arrays)

    def _joined(self, where: str, arrays: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any], int | None]:
        """Return inputs and targets, those of the own test part last, and how many these are, if any."""
        for x, y in (("x", "y"), ("x_test", "y_test")):
            if x in arrays:
                _require_as_many(where, x, len(arrays[x]), y, len(arrays[y]))
        kept = {name: array[: self.kept(len(array))] for name, array in arrays.items()}
        if "x_test" not in kept:
            return kept["x"], kept["y"], None
        for first, second in (("x", "x_test"), ("y", "y_test")):
            if kept[first].shape[1:] != kept[second].shape[1:] or kept[first].dtype.kind != kept[second].dtype.kind:
                raise DataError(
                    f"{where}: '{first}' is {kept[first].dtype} of shape {kept[first].shape}, "
                    f"'{second}' is {kept[second].dtype} of shape {kept[second].shape}",
                    remedy="The test part must look like the rows to learn from.",
                )
        joined = [np.concatenate([kept[name], kept[f"{name}_test"]]) for name in ("x", "y")]
        return joined[0], joined[1], len(kept["y_test"])

    def _of_frames(
        self, name: str, where: str, named: Mapping[str, Any], x: "pl.DataFrame", x_test: "pl.DataFrame | None"
    ) -> Dataset:
        import polars as pl

        y = _columns(named["y"], f"{where}: 'y'")
        _require_as_many(where, "x", x.height, "y", y.height)
        roles = {role: self._role(role, each, where, named, x, x_test) for role, each in self.role_names.items()}
        num_test = None
        x, y = x.head(self.kept(x.height)), y.head(self.kept(y.height))
        if x_test is not None:
            y_test = _columns(named["y_test"], f"{where}: 'y_test'")
            _require_as_many(where, "x_test", x_test.height, "y_test", y_test.height)
            num_test = self.kept(x_test.height)
            x = pl.concat([x, x_test.head(num_test)], how="vertical_relaxed")
            y = pl.concat([y, y_test.head(num_test)], how="vertical_relaxed")
        unknown = absent((*self.drop, *self.types), (*x.columns, *y.columns))
        if unknown:
            raise DataError(
                f"{where} has no column '{unknown[0]}' ({did_you_mean(unknown[0], x.columns)})",
                remedy="Correct dataset.drop or dataset.types.",
            )
        x = x.select(absent(x.columns, {*self.drop, *self.role_names.values()}))
        for column in y:
            _require_labels(where, column)
        if self.task in ("auto", "regression") and y.width == 1 and y.columns[0] not in self.types:
            check_target(y.to_series(), _as_it_is, PLAIN)
        x, notes = prepare(x, self.types, self.drop)
        targets = targets_of(y.get_columns(), self.task, self.types, _as_it_is)
        return targets.dataset(
            name, "table", x, num_test=num_test, feature_names=tuple(x.columns), notes=notes, roles=roles
        )


def _as_it_is(column: "pl.Series") -> "pl.Series":
    """Return a column of a frame: what it holds is told by its type."""
    return column


def _columns(y: Any, where: str) -> "pl.DataFrame":
    """Return targets as the columns of a frame."""
    import polars as pl

    frame = as_frame(y)
    if frame is not None:
        return frame
    if isinstance(y, pl.Series):
        text = y.cast(pl.String) if y.dtype in (pl.Categorical, pl.Enum) else y
        return text.alias(y.name or "y").to_frame()
    values = as_array(y, where)
    if values.ndim == 1:
        return pl.DataFrame({name_of(y) or "y": values})
    return pl.DataFrame({f"y_{column}": np.ascontiguousarray(values[:, column]) for column in range(values.shape[1])})


def _require_labels(where: str, column: "pl.Series") -> None:
    missing = column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null()
    if missing.any():
        raise DataError(
            f"{where}: no label in '{column.name}' for {counted(int(missing.sum()), 'row')}, the first is row "
            f"{missing.arg_max()} (from 0)",
            remedy="Leave these rows out, or fill the labels in.",
        )


def _rows_of(array: NDArray[Any], where: str, name: str) -> NDArray[Any]:
    if not array.ndim:
        raise DataError(f"{where}: '{name}' is a single value", remedy="One row a sample is needed.")
    return array


def _require_as_many(where: str, x: str, num_rows: int, y: str, num_targets: int) -> None:
    if num_rows != num_targets:
        raise DataError(
            f"{where}: '{x}' has {num_rows:,} rows and '{y}' has {num_targets:,}",
            remedy="Every row of the inputs needs one target.",
        )
    if not num_rows:
        raise DataError(f"{where}: '{x}' has no rows", remedy="There is nothing to learn from.")
