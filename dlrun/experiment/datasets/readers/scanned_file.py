"""ScannedFile: a table whose columns have types of their own, in any format that polars scans."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlrun.experiment.datasets.readers.headers import require_usable
from dlrun.experiment.datasets.readers.table_file import TableFile, unreadable

if TYPE_CHECKING:
    import polars as pl

_BLOCK_ROWS = 65_536


class ScannedFile(TableFile):
    """A table whose columns have types of their own.

    Args:
        path: The file.
        form: What the format is called, such as `Parquet`.
        scan: Returns the table of a file, of which nothing is read yet, such as `polars.scan_parquet`.
        limit: Rows to read to learn from; all if None.
        options: Further arguments of `scan`.
    """

    def __init__(
        self, path: Path, form: str, scan: Callable[..., pl.LazyFrame], limit: int | None = None, **options: Any
    ) -> None:
        super().__init__(path)
        self._form, self._limit = form, limit
        self._scan = partial(scan, path, **options)

    @cached_property
    def header(self) -> list[str]:
        with self._readable():
            header = list(self._scan().collect_schema())
        require_usable(self.path, header)
        return header

    def frame(
        self,
        columns: Sequence[str],
        text: Collection[str] = (),  # noqa: ARG002 (contract)
        numbers: Collection[str] = (),  # noqa: ARG002 (contract)
    ) -> pl.DataFrame:
        return self._part(columns, 0, self._limit)

    def blocks(self, columns: Sequence[str], *, spare: bool = False) -> Iterator[pl.DataFrame]:  # noqa: ARG002 (contract)
        import polars as pl

        with self._readable():
            count = int(self._scan().select(pl.len()).collect().item())
        for start in range(0, count, _BLOCK_ROWS):
            yield self._part(columns, start, _BLOCK_ROWS)

    def _part(self, columns: Sequence[str], first: int, num_rows: int | None) -> pl.DataFrame:
        import polars as pl

        with self._readable():
            frame = self._scan().select(columns).slice(first, num_rows).collect()
        # Two files number their categories differently.
        named = [column.cast(pl.String) for column in frame if column.dtype in (pl.Categorical, pl.Enum)]
        return frame.with_columns(named)

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        import polars as pl

        try:
            yield
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            remedy = f"Check that the file is complete and that it is a {self._form} file."
            raise unreadable(self.path, self._form, error, remedy) from error
