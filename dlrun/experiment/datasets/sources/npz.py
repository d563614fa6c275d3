"""Arrays in an `.npz` file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dlrun.base.settings import Auto
from dlrun.base.words import did_you_mean
from dlrun.errors import DataError, UsageError
from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts, InputKind
from dlrun.experiment.datasets.readers.arrays import ArrayKind, input_kind, typed
from dlrun.experiment.datasets.readers.files import existing_file, naming
from dlrun.experiment.datasets.readers.npz_reader import DEFAULT_MAX_BYTES, Archive, Header, missing_array
from dlrun.experiment.datasets.role import Role, RoleName
from dlrun.experiment.datasets.roles import read_array, test_name
from dlrun.experiment.datasets.sources.named import Named
from dlrun.experiment.datasets.targets import Targets, encode

if TYPE_CHECKING:
    from dlrun.experiment.datasets.readers.new_rows import Asked, Data


class Npz(Named):
    """Arrays in an `.npz` file, read without pickle.

    The arrays are called `x` and `y`, or `x_train` and `y_train` with `x_test` and `y_test` if there is an own test
    part (`X` for `x` is accepted). Inputs have one row a sample. An array of ids, groups, times or weights that is
    called `ids`, or `ids_train`, has those of the own test part in `ids_test`.
    """

    kind: Literal["npz"] = "npz"

    of_inputs: ClassVar[frozenset[str]] = Named.of_inputs | {"input_kind"}
    endings: ClassVar[tuple[str, ...]] = (".npz",)

    path: str = Field(min_length=1)
    """The file; relative paths start at the current directory."""

    x_key: str | Auto = "auto"
    """Name of the array of inputs."""

    y_key: str | Auto = "auto"
    """Name of the array of targets, of shape (rows,) or (rows, targets)."""

    x_test_key: str | Auto = "auto"
    """Name of the inputs of the own test part; `auto` looks for `x_test`."""

    y_test_key: str | Auto = "auto"
    """Name of the targets of the own test part; `auto` looks for `y_test`."""

    input_kind: ArrayKind | Auto = "auto"
    """How the inputs are to be read. `auto`: bytes of shape (rows, height, width) and numbers of shape (rows, height,
    width, channels) are images, booleans of shape (rows, columns) are indicators, all else is features."""

    max_bytes: int = Field(DEFAULT_MAX_BYTES, ge=1)
    """Most bytes that an array may take; a larger one is refused before memory is taken."""

    @property
    def other_names(self) -> Mapping[str, Collection[str]]:
        keys = {"x_key": self.x_key, "y_key": self.y_key, "x_test_key": self.x_test_key, "y_test_key": self.y_test_key}
        return {setting: [name] for setting, name in keys.items() if name != "auto"}

    def load(self) -> Dataset:
        path = existing_file(self.path, "dataset.path")
        with naming(path):
            return self._load(path)

    def _load(self, path: Path) -> Dataset:
        with Archive(path, self.max_bytes) as archive:
            plan = self._plan(archive)
            x = self._read(archive, plan.x, plan.x_test)
            y = self._read(archive, plan.y, plan.y_test)
            roles = {role: self._role(archive, role, arrays) for role, arrays in plan.roles.items()}
            unused = tuple(f"array '{name}' is not used" for name in archive.names if name not in plan.names)
        targets = self._encode(y, plan)
        num_test = len(y) - plan.num_rows if plan.x_test else None
        x = typed(x, plan.input_kind)
        return targets.dataset(path.stem, plan.input_kind, x, num_test=num_test, notes=unused, roles=roles)

    def open(self, path: Path, asked: "Asked") -> "Data":
        from dlrun.experiment.datasets.readers.array_rows import open_arrays

        if asked.keep:
            raise UsageError("an npz file has no columns to keep", remedy="Leave out --keep.")
        return open_arrays(path, asked, self.x_key, self.y_key, self.max_bytes)

    def facts(self) -> DatasetFacts | None:
        path = existing_file(self.path, "dataset.path")
        with naming(path), Archive(path, self.max_bytes) as archive:
            plan = self._plan(archive)
            targets = self._encode(self._read(archive, plan.y, plan.y_test), plan)
        num_rows = len(targets.y)
        classes = len(targets.class_names) if targets.task == "multiclass" else 1
        num_outputs = targets.y.shape[1] if targets.y.ndim == 2 else classes
        own_test = num_rows - plan.num_rows
        return DatasetFacts(targets.task, plan.input_kind, plan.x.header.shape[1:], num_rows, own_test, num_outputs)

    def _plan(self, archive: Archive) -> "_Plan":
        x = _choose(archive, self.x_key, ("x", "X", "x_train", "X_train"), "x or x_train")
        y = _choose(archive, self.y_key, ("y", "Y", "y_train", "Y_train"), "y or y_train")
        x_test = _choose_test(archive, self.x_test_key, ("x_test", "X_test"))
        y_test = _choose_test(archive, self.y_test_key, ("y_test", "Y_test"))
        if (x_test is None) != (y_test is None):
            raise missing_array(archive.path, "y_test" if x_test else "x_test", archive.names)
        _require_fit(archive.path, x, y)
        if x_test and y_test:
            _require_fit(archive.path, x_test, y_test)
            _require_alike(archive.path, x, x_test)
            _require_alike(archive.path, y, y_test)
        kind = input_kind(x.header.shape, x.header.dtype, self.input_kind, f"'{archive.path}'")
        roles = {role: _role_arrays(archive, role, name, x, x_test) for role, name in self.role_names.items()}
        return _Plan(x, y, x_test, y_test, kind, self.kept(x.num_rows), roles)

    def _read(self, archive: Archive, first: "_Array", second: "_Array | None") -> NDArray[Any]:
        kept = self.kept(first.num_rows)
        kept_test = self.kept(second.num_rows) if second else 0
        dtype = np.promote_types(first.header.dtype, second.header.dtype) if second else first.header.dtype
        values = np.empty((kept + kept_test, *first.header.shape[1:]), dtype)
        _read_as(archive, first, values[:kept])
        if second:
            _read_as(archive, second, values[kept:])
        return values

    def _role(self, archive: Archive, role: RoleName, arrays: "tuple[_Array, ...]") -> Role:
        parts = [archive.read(array.name, self.kept(array.num_rows)) for array in arrays]
        return read_array(role, arrays[0].name, parts)

    def _encode(self, y: NDArray[Any], plan: "_Plan") -> Targets:
        columns = y.shape[1] if y.ndim == 2 else 1
        names = (plan.y.name,) if columns == 1 else tuple(f"{plan.y.name}_{column}" for column in range(columns))
        return encode(y, self.task, names)


@dataclass(frozen=True)
class _Array:
    name: str
    header: Header

    @property
    def num_rows(self) -> int:
        return self.header.shape[0]


@dataclass(frozen=True)
class _Plan:
    """Which arrays are read as what; `num_rows` counts the rows to learn from."""

    x: _Array
    y: _Array
    x_test: _Array | None
    y_test: _Array | None
    input_kind: InputKind
    num_rows: int
    roles: "Mapping[RoleName, tuple[_Array, ...]]"

    @property
    def names(self) -> set[str]:
        own = (array for arrays in self.roles.values() for array in arrays)
        return {array.name for array in (self.x, self.y, self.x_test, self.y_test, *own) if array}


def _role_arrays(archive: Archive, role: RoleName, name: str, x: _Array, x_test: _Array | None) -> tuple[_Array, ...]:
    """Return the array of that name, and that of the own test part if there is one."""
    wanted = [(name, x)] + ([(test_name(name), x_test)] if x_test else [])
    found = []
    for own, inputs in wanted:
        if own not in archive.names:
            hint = did_you_mean(own, archive.names)
            raise DataError(
                f"'{archive.path}': dataset.{role} names '{own}', which is not there ({hint})",
                remedy=f"Correct dataset.{role}, or leave it out.",
            )
        array = _choose(archive, own, (), own)
        if array.header.shape != (inputs.num_rows,):
            raise DataError(
                f"'{archive.path}': '{own}' has the shape {array.header.shape}, '{inputs.name}' has "
                f"{inputs.num_rows:,} rows",
                remedy="Ids, groups, times and weights have one value a row.",
            )
        if own in {x.name, *([x_test.name] if x_test else [])}:
            raise DataError(f"'{archive.path}': '{own}' holds the inputs", remedy="Name another array.")
        found.append(array)
    return tuple(found)


def _choose(archive: Archive, asked: str, candidates: tuple[str, ...], wanted: str) -> _Array:
    array = _choose_test(archive, asked, candidates)
    if array is None:
        raise missing_array(archive.path, wanted, archive.names)
    return array


def _choose_test(archive: Archive, asked: str, candidates: tuple[str, ...]) -> _Array | None:
    if asked != "auto" and asked not in archive.names:
        raise missing_array(archive.path, f"'{asked}'", archive.names)
    found = [name for name in (candidates if asked == "auto" else (asked,)) if name in archive.names]
    if len(found) > 1:
        raise DataError(
            f"'{archive.path}' holds both '{found[0]}' and '{found[1]}'",
            remedy=f"Name the one to use: dataset.{candidates[0].lower()}_key={found[0]}",
        )
    if not found:
        return None
    header = archive.header(found[0])
    if not header.shape:
        raise DataError(
            f"'{archive.path}': the array '{found[0]}' is a single value", remedy="One row a sample is needed."
        )
    return _Array(found[0], header)


def _require_fit(path: Path, x: _Array, y: _Array) -> None:
    if x.num_rows != y.num_rows:
        raise DataError(
            f"'{path}': '{x.name}' has {x.num_rows:,} rows and '{y.name}' has {y.num_rows:,}",
            remedy="Every row of the inputs needs one target.",
        )
    if x.num_rows == 0:
        raise DataError(f"'{path}': '{x.name}' has no rows", remedy="There is nothing to learn from.")
    if 0 in x.header.shape:
        raise DataError(
            f"'{path}': '{x.name}' has the shape {x.header.shape}", remedy="There is nothing to learn from."
        )


def _require_alike(path: Path, part: _Array, test: _Array) -> None:
    if part.header.shape[1:] != test.header.shape[1:] or part.header.dtype.kind != test.header.dtype.kind:
        raise DataError(
            f"'{path}': rows of '{part.name}' are {part.header.dtype} of shape {part.header.shape[1:]}, "
            f"rows of '{test.name}' are {test.header.dtype} of shape {test.header.shape[1:]}",
            remedy="The test part must look like the rows to learn from.",
        )


def _read_as(archive: Archive, array: _Array, out: NDArray[Any]) -> None:
    if array.header.dtype == out.dtype:
        archive.read_into(array.name, out)
    else:
        out[...] = archive.read(array.name, len(out))
