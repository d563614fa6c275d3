"""Arrays that a Python function of the user's own returns."""

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dlrun.datasets.arrays import ArrayKind, input_kind, typed
from dlrun.datasets.dataset import Dataset, DatasetFacts
from dlrun.datasets.files import existing_file
from dlrun.datasets.names import listed
from dlrun.datasets.source import Source
from dlrun.datasets.targets import encode
from dlrun.datasets.trust import require_trusted
from dlrun.errors import DataError, DlrunError
from dlrun.settings import Auto

_NAMES = ("x", "y", "x_test", "y_test")
_FORM = "Return (x, y), (x, y, x_test, y_test), or a dict of arrays with these names."


class Python(Source):
    """Arrays that a Python function of your own returns.

    The function returns `(x, y)`, or `(x, y, x_test, y_test)` if there is an own test part, or a dict with these names;
    inputs and targets have one row a sample. It should return the same arrays every time: the data are compared when a
    run is resumed. Its code runs with your rights, so a run folder that came from elsewhere needs `--trust` for it.
    """

    kind: Literal["python"] = "python"

    runs_code: ClassVar[bool] = True

    @property
    def code(self) -> tuple[Any, ...]:
        return (str(Path(self.path).absolute()), self.function, self.arguments)

    path: str = Field(min_length=1)
    """The `.py` file; relative paths start at the current directory. It may import modules beside it."""

    function: str = Field("load", pattern=r"^[A-Za-z_]\w*$")
    """Name of the function."""

    arguments: dict[str, bool | int | float | str | None] = Field(default_factory=dict)
    """Keyword arguments of the function."""

    input_kind: ArrayKind | Auto = "auto"
    """How the inputs are to be read, as for `npz`. `auto`: bytes of shape (rows, height, width) and numbers of shape
    (rows, height, width, channels) are images, booleans of shape (rows, columns) are indicators, all else is
    features."""

    def load(self) -> Dataset:
        path = existing_file(self.path, "dataset.path")
        arrays = _arrays(path, self.function, self._call(path))
        x, y, own_test = self._joined(path, arrays)
        where = f"'{path}', {self.function}()"
        kind = input_kind(x.shape, x.dtype, self.input_kind, where)
        columns = y.shape[1] if y.ndim == 2 else 1
        names = ("y",) if columns == 1 else tuple(f"y_{column}" for column in range(columns))
        targets = encode(y, self.task, names)
        return targets.dataset(path.stem, kind, typed(x, kind), num_test=own_test)

    def facts(self) -> DatasetFacts | None:
        """Return None: a check does not run code."""
        existing_file(self.path, "dataset.path")
        return None

    def _call(self, path: Path) -> Any:
        require_trusted(path)
        with _importing_from(path.parent), _own_errors(path):
            spec = importlib.util.spec_from_file_location(f"_dlrun_dataset_{path.stem}", path)
            if spec is None or spec.loader is None:
                raise DataError(f"dataset.path: '{path}' is no Python file", remedy="Its name must end with .py.")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            function: Callable[..., Any] | None = getattr(module, self.function, None)
            if not callable(function):
                raise DataError(
                    f"dataset.function: '{path}' has no function {self.function}()",
                    remedy="Define it, or name another one in dataset.function.",
                )
            return function(**self.arguments)

    def _joined(self, path: Path, arrays: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any], int | None]:
        """Return inputs and targets, those of the own test part last, and how many these are, if any."""
        where = f"'{path}', {self.function}()"
        for x, y in (("x", "y"), ("x_test", "y_test")):
            if x in arrays and len(arrays[x]) != len(arrays[y]):
                raise DataError(
                    f"{where}: '{x}' has {len(arrays[x]):,} rows and '{y}' has {len(arrays[y]):,}",
                    remedy="Every row of the inputs needs one target.",
                )
        if not len(arrays["x"]):
            raise DataError(f"{where}: 'x' has no rows", remedy="There is nothing to learn from.")
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


def _arrays(path: Path, function: str, returned: Any) -> dict[str, NDArray[Any]]:
    """Return what the function returned, by name."""
    where = f"'{path}', {function}()"
    named = returned
    if isinstance(returned, tuple | list):
        named = dict(zip(_NAMES, returned, strict=False)) if len(returned) in (2, 4) else {}
    if not isinstance(named, Mapping) or set(named) not in (set(_NAMES[:2]), set(_NAMES)):
        found = f"a value of the type {type(returned).__name__}"
        if isinstance(returned, Mapping):
            found = f"a dict with {listed([str(name) for name in returned])}"
        elif isinstance(returned, tuple | list):
            found = f"a {type(returned).__name__} of {len(returned)} values"
        raise DataError(f"{where} returned {found}", remedy=_FORM)
    arrays = {}
    for name in named:
        try:
            arrays[name] = np.asarray(named[name])
        except ValueError as error:
            raise DataError(f"{where}: '{name}' is no array: {error}", remedy=_FORM) from error
        if not arrays[name].ndim:
            raise DataError(f"{where}: '{name}' is a single value", remedy="One row a sample is needed.")
    return arrays


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Let the block import modules of a folder, as a script in it could."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _own_errors(path: Path) -> Iterator[None]:
    """Tell an error of the user's code with its place in their file.

    Raises:
        DataError: As described.
    """
    try:
        yield
    except (DlrunError, MemoryError):
        raise
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else (lines[-1] if lines else None)
        place = f"'{path}'" if line is None else f"'{path}', line {line}"
        raise DataError(f"{place}: {type(error).__name__}: {error}", remedy="Correct the code.") from error
