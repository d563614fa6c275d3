"""TableRows: new rows of a table, in the types that their columns had in training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base.words import absent, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.readers.new_rows import Asked, Chunk, Data, located, notes_of_roles
from dlrun.experiment.datasets.readers.second_file import alike
from dlrun.experiment.datasets.readers.table_file import ALL_COLUMNS, TableFile
from dlrun.experiment.datasets.roles import read_weights
from dlrun.experiment.datasets.tables.columns import AS_TRAINED, as_numbers, as_text, refuse_infinite

if TYPE_CHECKING:
    import polars as pl

_ALIKE = "Write the column as it was in the data that the run was trained on."


def open_table(file: TableFile, asked: Asked, *, drop_unlabeled: bool = False) -> Data:
    """Check that a table has what a run asks for.

    Args:
        file: The table.
        asked: What the run needs.
        drop_unlabeled: Whether rows without a label are left out where labels are needed.

    Raises:
        DataError: A column is missing, the file is damaged, or the run was trained on arrays.
    """
    facts = asked.facts
    if facts.input_kind != "table" and (facts.input_kind not in ("features", "indicators") or not asked.inputs):
        raise DataError(
            f"'{file.path}' is a table, the run {asked.run} was trained on an array of shape {asked.shape}",
            remedy="Give an .npz file with an array x of that shape.",
        )
    needed = [*asked.inputs, *(asked.targets if asked.scored else ())]
    with _settled(file):
        hint = file.misread() if absent(needed, file.header) else ""
    file.require(needed, " ".join(filter(None, (hint, ALL_COLUMNS))))
    file.require(asked.keep, "Keep a column that the file has.")
    header = set(file.header)
    ids, weights = (found if (found := asked.roles.get(role)) in header else None for role in ("id", "weight"))
    weights = weights if asked.scored else None
    kept = tuple(dict.fromkeys([*([] if ids is None else [ids]), *asked.keep]))
    known = {*asked.inputs, *asked.targets, *kept, *asked.left_out, *asked.roles.values()}
    unused = [name for name in file.header if name not in known]
    notes = (f"columns that the run does not know are not used: {quoted_list(unused)}",) if unused else ()
    rows = _TableRows(file, asked, drop_unlabeled, kept, weights)
    return Data(file.path, (*notes, *notes_of_roles(asked, ids, weights)), rows, ids, kept)


@dataclass(frozen=True)
class _TableRows:
    file: TableFile
    asked: Asked
    drop_unlabeled: bool
    kept: tuple[str, ...]
    weights: str | None

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        first, asked = 0, self.asked
        for read in self._frames(num_rows):
            frame = self._labeled(read)
            kept = frame.select(self.kept) if self.kept else None
            try:
                targets = self._targets(frame.select(asked.targets)) if asked.scored else None
                x = self._inputs(frame.select(asked.inputs))
                own = None if self.weights is None else read_weights(frame[self.weights], self.file.notation)
            except DataError as error:
                raise located(error, self.file.path, first, frame.height) from error
            yield Chunk(first, x, targets, kept, read.height - frame.height, own)
            first += frame.height

    def _frames(self, num_rows: int) -> Iterator[pl.DataFrame]:
        """Yield what a run reads; its targets too where they are there, so that the same lines are taken for rows."""
        asked = self.asked
        with _settled(self.file):
            targets = [name for name in asked.targets if name in set(self.file.header)]
            weights = [] if self.weights is None else [self.weights]
            columns = list(dict.fromkeys([*asked.inputs, *targets, *self.kept, *weights]))
            yield from self.file.rows(columns, num_rows, spare=not asked.scored)

    def _labeled(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.drop_nulls(list(self.asked.targets)) if self.asked.scored and self.drop_unlabeled else frame

    def _inputs(self, frame: pl.DataFrame) -> NDArray[Any] | pl.DataFrame:
        asked, notation = self.asked, self.file.notation
        dtypes = asked.dtypes if asked.facts.input_kind == "table" else dict.fromkeys(asked.inputs, "Float64")
        columns = [
            alike(column, dtypes.get(column.name, "String"), notation, "in the run's data", _ALIKE)
            if column.name not in asked.categorical
            else as_text(column)
            for column in frame
        ]
        if asked.facts.input_kind != "table":
            return np.column_stack([as_numbers(column, AS_TRAINED).to_numpy() for column in columns])
        typed = frame.with_columns(columns)
        refuse_infinite(typed)
        return typed

    def _targets(self, frame: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        if self.asked.facts.task != "regression" or self.file.notation.is_plain:
            return frame
        text = [column for column in frame if column.dtype == pl.String]
        return frame.with_columns([self.file.notation.numbers(column, AS_TRAINED) for column in text])


@contextmanager
def _settled(file: TableFile) -> Iterator[None]:
    """Say of faults of a file that its settings are those of the run."""
    try:
        yield
    except DataError as error:
        remedy = " ".join(filter(None, (error.remedy, file.settled)))
        raise DataError(error.message, remedy=remedy) from error
