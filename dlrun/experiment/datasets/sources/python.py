"""Rows that a Python function of the user's own returns."""

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from dlrun.errors import DataError, DlrunError
from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts
from dlrun.experiment.datasets.readers.files import existing_file
from dlrun.experiment.datasets.sources.in_memory import InMemory
from dlrun.experiment.datasets.trust import require_trusted


class Python(InMemory):
    """Rows that a Python function of your own returns.

    The function returns `(x, y)`, or `(x, y, x_test, y_test)` if there is an own test part, or a dict with these names;
    inputs and targets have one row a sample. They are arrays, or data frames of polars or pandas, whose columns are
    prepared as those of a table; it may also return one data frame, whose target is named. It should return the same
    rows every time: the data are compared when a run is resumed. Its code runs with your rights, so a run folder that
    came from elsewhere needs `--trust` for it.
    """

    kind: Literal["python"] = "python"

    of_inputs: ClassVar[frozenset[str]] = InMemory.of_inputs | {"arguments"}

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

    def load(self) -> Dataset:
        path = existing_file(self.path, "dataset.path")
        return self._dataset(path.stem, f"'{path}', {self.function}()", self._call(path))

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
