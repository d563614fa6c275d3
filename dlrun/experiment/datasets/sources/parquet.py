"""Tables in Parquet files."""

from pathlib import Path
from typing import ClassVar, Literal

from dlrun.experiment.datasets.readers.scanned_file import ScannedFile
from dlrun.experiment.datasets.tables.table import Table


class Parquet(Table):
    """A Parquet file; its own column types count, categories and booleans are categorical."""

    kind: Literal["parquet"] = "parquet"

    endings: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def file(self, path: Path) -> ScannedFile:
        import polars as pl

        return ScannedFile(path, "Parquet", pl.scan_parquet, self.limit, glob=False, hive_partitioning=False)
