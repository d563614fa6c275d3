"""Tables in Parquet files."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dlrun.experiment.datasets.readers.headers import require_usable
from dlrun.experiment.datasets.tables.table import Table, unreadable

if TYPE_CHECKING:
    import polars as pl

_REMEDY = "Check that the file is complete and that it is a Parquet file."


class Parquet(Table):
    """A Parquet file; its own column types count, categories and booleans are categorical."""

    kind: Literal["parquet"] = "parquet"

    def _header(self, path: Path) -> list[str]:
        import polars as pl

        try:
            header = list(pl.read_parquet_schema(path))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise unreadable(path, "Parquet", error, _REMEDY) from error
        require_usable(path, header)
        return header

    def _rows(self, path: Path, columns: list[str], text: Collection[str]) -> "pl.DataFrame":  # noqa: ARG002 (contract)
        import polars as pl

        try:
            frame = pl.read_parquet(path, columns=columns, n_rows=self.limit, glob=False, hive_partitioning=False)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise unreadable(path, "Parquet", error, _REMEDY) from error
        # Two files number their categories differently.
        named = [column.cast(pl.String) for column in frame if column.dtype in (pl.Categorical, pl.Enum)]
        return frame.with_columns(named).select(columns)
