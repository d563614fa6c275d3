"""Source: what every kind of dataset has in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import Field

from dlrun.base.settings import Auto, Settings
from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts, InputKind, Task
from dlrun.experiment.datasets.role import RoleName

if TYPE_CHECKING:
    from dlrun.experiment.datasets.readers.new_rows import Asked, Data


class Source(Settings, ABC):
    """Where rows come from."""

    kind: str

    runs_code: ClassVar[bool] = False
    """Whether loading runs code that the config names."""

    of_inputs: ClassVar[frozenset[str]] = frozenset({"target_transform", "target_margin"})
    """Settings that leave rows and targets as they are, so that runs which differ in them can be compared."""

    kept_by_keras: ClassVar[tuple[str, ...]] = ()
    """Files in Keras' cache of datasets, one of which tells that the rows are there; none if Keras fetches nothing."""

    @property
    def code(self) -> tuple[Any, ...]:
        """What tells the code that loading runs, and how it is called; empty if it runs none."""
        return ()

    task: Task | Auto = "auto"
    """What is predicted; `auto` infers it from the targets: text, true/false, whole numbers with at most 20 different
    values and 0.0/1.0 are classes, other numbers are a regression, several columns of 0 and 1 are labels."""

    target_transform: Literal["none", "standardize", "log"] | Auto = "auto"
    """How regression targets are prepared for the learner; scores and predictions stay in original units. `standardize`
    uses the mean and standard deviation of the training rows, `log` takes log(1 + y) first; `auto` standardizes for
    networks."""

    target_margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] | Auto | None = "auto"
    """How far predictions of a regression may lie outside the range of the training targets, as a share of that range,
    of logarithms with `target_transform: log`; what lies further out is put at the bound. null for no bound; `auto` is
    0.05 with `log`, where a small step of the learner is a large one in original units, and else no bound."""

    limit: int | None = Field(None, ge=1)
    """Keep only the first rows of each part (the rows to learn from, the own test part); to try things out."""

    @abstractmethod
    def load(self) -> Dataset:
        """Read every row into memory.

        Raises:
            DataError: The data are missing or cannot be used as asked.
        """

    @abstractmethod
    def facts(self) -> DatasetFacts | None:
        """Tell what can be told without Keras, scikit-learn or reading much; None if that is nothing.

        Raises:
            DataError: The data are missing or cannot be used as asked.
        """

    def load_if_quick(self) -> Dataset | None:
        """Read every row if that takes no time worth speaking of, so that a check can look at them; else return None.

        Raises:
            DataError: The data are missing or cannot be used as asked.
        """
        return None

    endings: ClassVar[tuple[str, ...]] = ()
    """Endings of the names of files of this kind that can be handed over for prediction."""

    takes_folders: ClassVar[bool] = False
    """Whether a folder can be handed over."""

    @classmethod
    def takes(cls, path: Path) -> bool:
        """Tell whether data that are handed over for prediction are of this kind, by their name."""
        return cls.takes_folders if path.is_dir() else path.name.lower().endswith(cls.endings)

    @classmethod
    def plain(cls, path: Path) -> Self:
        """Return a source with default settings, to open data for runs of other kinds; it may not be able to load."""
        settings: dict[str, Any] = {"path": str(path)}
        return cast(Self, cls.model_construct(None, **settings))

    def open(self, path: Path, asked: "Asked") -> "Data":
        """Open data that are handed over for prediction, and check that they are what a run asks for.

        They are read by the settings of the run's own source if it takes them, else by those that `plain` returns for
        a kind that does.

        Args:
            path: What `takes` takes.
            asked: What the run needs, and what is wanted besides.

        Raises:
            UsageError: Something is wanted that this kind of data does not have.
            DataError: The data are damaged, or of another form than the run's.
        """
        raise NotImplementedError(f"a kind of data with `endings` or `takes_folders` opens them: {self.kind}")

    @property
    def target_columns(self) -> tuple[str, ...]:
        """Names of the columns that hold the targets, as the config tells them."""
        return ()

    @property
    def categorical_columns(self) -> frozenset[str]:
        """Names of the columns that the config takes for categories, whatever they look like."""
        return frozenset()

    @property
    def role_names(self) -> Mapping[RoleName, str]:
        """Names of columns or arrays that are no inputs, by what they are for."""
        return {}

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of columns that the config leaves out."""
        return ()

    def kept(self, num_rows: int) -> int:
        """Return how many of a part's rows `limit` keeps."""
        return num_rows if self.limit is None else min(self.limit, num_rows)

    def known_facts(
        self,
        task: Task,
        input_kind: InputKind,
        input_shape: tuple[int, ...],
        rows: tuple[int, int],
        num_outputs: int,
    ) -> DatasetFacts | None:
        """Return the facts of a dataset that never changes; None if the config asks for another task than its own.

        Args:
            task: The dataset's own task.
            input_kind: How the inputs are to be read.
            input_shape: Shape of one row of `x`.
            rows: Rows to learn from and rows of the own test part.
            num_outputs: Classes, labels or targets; 1 for a binary task.
        """
        if self.task not in ("auto", task):
            return None
        own_test = self.kept(rows[1])
        return DatasetFacts(task, input_kind, input_shape, self.kept(rows[0]) + own_test, own_test, num_outputs)
