"""Data to predict: files and folders of the form that a run was trained on, in chunks.

A file must hold every input of the run, by the same names and shapes. Columns that the run does not know are left
alone, and told; the target may be there or not. Files are read by the sources that training reads by, in the settings
of the run's own. Missing values and categories that training rows did not hold are treated as its `preprocessing` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dlrun.base.settings import members
from dlrun.errors import UsageError
from dlrun.experiment.datasets.readers.files import existing_file
from dlrun.experiment.datasets.readers.new_rows import Asked, Data
from dlrun.experiment.datasets.sources.source import Source
from dlrun.experiment.datasets.sources.sources import DatasetSource
from dlrun.predictions.description import Described


def open_data(
    path: str,
    predictor: Described,
    *,
    keep: Sequence[str] = (),
    targets: bool = False,
    array: str | None = None,
) -> Data:
    """Open data, and check that they have what the run needs.

    Args:
        path: A file, such as CSV, Parquet or npz, or a folder if the run was trained on one.
        predictor: The run.
        keep: Columns of a table to pass on.
        targets: Whether the true values are needed as well.
        array: Name of the array of inputs in an npz file; by default `x`, or the only one.

    Raises:
        UsageError: The kind of file is unknown, or an option does not suit it.
        DataError: The data are missing, damaged, or of another form than the run's.
    """
    found = find_data(path)
    predictor.require_one_input()
    fitted, description = predictor.preprocessing, predictor.description
    source = description.experiment.dataset
    asked = Asked(
        run=predictor.id,
        facts=replace(description.facts, input_shape=fitted.input_shape),
        inputs=fitted.input_names,
        dtypes=predictor.columns,
        categorical=source.categorical_columns,
        targets=source.target_columns or description.target_names,
        scored=targets,
        keep=tuple(keep),
        left_out=source.left_out,
        roles=source.role_names,
        array=array,
    )
    if source.takes(found):
        return source.open(found, asked)
    return next(kind for kind in _kinds() if kind.takes(found)).plain(found).open(found, asked)


def find_data(path: str) -> Path:
    """Find data that some kind of source takes; quick, so that a wrong name is told before a model is loaded.

    Raises:
        UsageError: The kind of file is unknown.
        DataError: There is no such file.
    """
    folder = Path(path).expanduser().absolute()
    found = folder if any(kind.takes_folders for kind in _kinds()) and folder.is_dir() else existing_file(path, "DATA")
    if not any(kind.takes(found) for kind in _kinds()):
        endings = ", ".join(ending for kind in _kinds() for ending in kind.endings)
        raise UsageError(f"'{found}': its name does not tell what it holds", remedy=f"Known endings are {endings}.")
    return found


def _kinds() -> list[type[Source]]:
    return [kind for kind in members(DatasetSource).values() if issubclass(kind, Source)]
