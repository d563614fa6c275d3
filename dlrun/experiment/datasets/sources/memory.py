"""Rows that `dlrun.train(data=...)` was given."""

from dataclasses import replace
from typing import Any, Literal

from dlrun.errors import DataError
from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts
from dlrun.experiment.datasets.sources.in_memory import InMemory

_NOTE = "the data were given from memory: this run predicts, but cannot be resumed or reproduced from its record alone"


class Memory(InMemory):
    """Rows that `dlrun.train(..., data=...)` is given from Python: a data frame, or arrays.

    They lie in no file, so that the run can predict, but not be resumed or reproduced from its record alone.
    """

    kind: Literal["memory"] = "memory"

    def load(self) -> Dataset:
        raise DataError(
            "the rows of dataset.kind=memory lie in no file",
            remedy="Give them from Python: dlrun.train(config, data=...); or write them to a file and set "
            "dataset.kind=parquet.",
        )

    def facts(self) -> DatasetFacts | None:
        """Return None: nothing is known of rows that are not there."""
        return None

    def dataset_of(self, data: Any) -> Dataset:
        """Return rows as a dataset.

        Args:
            data: A data frame that holds the target, which is named in `target`; or `(x, y)`, `(x, y, x_test, y_test)`
                or a dict of these, of arrays or data frames.

        Raises:
            DataError: They have another form, or cannot be used.
        """
        dataset = self._dataset("memory", "data", data)
        return replace(dataset, notes=(*dataset.notes, _NOTE))
