"""Categorical columns of a table: one 0/1 column a category, or its number."""

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from dlrun.base.settings import Settings
from dlrun.base.words import counted, quoted_list
from dlrun.errors import DataError
from dlrun.experiment.datasets.inputs import Columns
from dlrun.experiment.datasets.tables.columns import as_text
from dlrun.experiment.preprocessing.fitted import Saved
from dlrun.experiment.validation.plan import Rows

if TYPE_CHECKING:
    import polars as pl

_NOWHERE = -1


class CategoricalColumns(Settings):
    """How categorical columns of tables are prepared."""

    encoding: Literal["one_hot", "ordinal"] = "one_hot"
    """`one_hot`: a 0/1 column for each category; `ordinal`: one column with the number of the category, in alphabetical
    order, which suits trees."""

    missing: Literal["category", "most_frequent", "error"] = "category"
    """What stands for a missing value: a category of its own, the most frequent one, or an error that counts them."""

    unseen: Literal["ignore", "error"] = "ignore"
    """What happens to categories that training rows do not hold: all columns 0 (number -1), or `(other)` if there is
    one; or an error that names them."""

    max_categories: int = Field(100, ge=2)
    """Most categories of a column; the most frequent ones in training rows are kept, all others share `(other)`."""


class FittedCategorical(Saved):
    """One categorical column."""

    kind: Literal["categorical"] = "categorical"

    name: str
    """Name of the column."""

    settings: CategoricalColumns
    """What the config says."""

    categories: tuple[str, ...]
    """Categories with a place of their own, in alphabetical order."""

    rare: tuple[str, ...]
    """Other categories of the training rows, in alphabetical order; they share a place."""

    fill: str | None
    """The category that stands for a missing value, if one does."""

    missing_is_category: bool
    """Whether missing values have a place of their own."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(set(self.categories)) < len(self.categories):
            raise ValueError("a category has one place")
        return self

    @classmethod
    def fit(cls, column: "pl.Series", rows: Rows, settings: CategoricalColumns) -> Self:
        """Learn the categories.

        Args:
            column: The whole column.
            rows: Training rows.
            settings: What the config says.

        Raises:
            DataError: Values are missing and `settings.missing` is `error`.
        """
        text = as_text(column.gather(rows))
        if settings.missing == "error":
            _require_present(column)
        counts = (
            text.drop_nulls()
            .alias("value")
            .value_counts(name="count")
            .sort(["count", "value"], descending=[True, False])
        )
        by_frequency = counts["value"].to_list()
        return cls(
            name=column.name,
            settings=settings,
            categories=tuple(sorted(by_frequency[: settings.max_categories])),
            rare=tuple(sorted(by_frequency[settings.max_categories :])),
            fill=by_frequency[0] if settings.missing == "most_frequent" and by_frequency else None,
            missing_is_category=settings.missing == "category" and text.null_count() > 0,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that are written."""
        if self.settings.encoding == "ordinal":
            return (self.name,)
        return tuple(f"{self.name}={place}" for place in self._known)

    @property
    def _known(self) -> tuple[str, ...]:
        """What has a place, in the order of the places."""
        shared = [
            name for name, is_there in (("(other)", self.rare), ("(missing)", self.missing_is_category)) if is_there
        ]
        return (*self.categories, *shared)

    @property
    def cardinality(self) -> int:
        """Number of the codes."""
        return 1 + len(self._known)

    @property
    def place(self) -> Columns:
        """How they stand in the joined matrix."""
        return Columns(self.settings.encoding, len(self.names))

    @property
    def note(self) -> str | None:
        """What the user should know about the column, if anything."""
        if self.rare:
            return (
                f"column '{self.name}': '(other)' stands for {len(self.rare):,} of its categories, the "
                f"{len(self.categories):,} most frequent ones are kept (preprocessing.categorical.max_categories)"
            )
        return None

    def write(self, column: "pl.Series", out: NDArray[np.float32]) -> None:
        """Write values into zeros.

        Args:
            column: Values of shape (rows,).
            out: Zeros of shape (rows, len(names)).

        Raises:
            DataError: A value is missing or unseen that may not be.
        """
        self.place.write(self.codes(column), out)

    def codes(self, column: "pl.Series") -> NDArray[np.int32]:
        """Return the code of each value: 0 for a category that has no place, or the place from 1.

        Args:
            column: Values of shape (rows,).

        Raises:
            DataError: As `write`.
        """
        return (self._places(column) - _NOWHERE).astype(np.int32)

    def _places(self, column: "pl.Series") -> NDArray[np.int64]:
        """Return the place of each value: a category's, that of `(other)`, of `(missing)`, or nowhere."""
        import polars as pl

        if self.settings.missing == "error":
            _require_present(column)
        text = as_text(column)
        if self.fill is not None:
            text = text.fill_null(self.fill)
        known = text.cast(pl.Enum(self.categories), strict=False)
        places = known.to_physical().cast(pl.Int64).fill_null(_NOWHERE).to_numpy(writable=True)
        is_null = text.is_null().to_numpy()
        strange = (places == _NOWHERE) & ~is_null
        if self.settings.unseen == "error":
            self._require_seen(text, strange, is_null)
        if self.rare:
            places[strange] = len(self.categories)
        if self.missing_is_category:
            places[is_null] = len(self.categories) + bool(self.rare)
        return places

    def _require_seen(self, text: "pl.Series", strange: NDArray[Any], is_null: NDArray[Any]) -> None:
        values = text.filter(strange)
        unseen = values.filter(~values.is_in(list(self.rare)))
        if len(unseen):
            raise DataError(
                f"column '{self.name}' holds categories that training rows do not hold, in "
                f"{counted(len(unseen), 'row')}: {quoted_list(unseen.unique(maintain_order=True).to_list(), most=5)}",
                remedy="Correct the values, or train with preprocessing.categorical.unseen=ignore.",
            )
        if is_null.any() and not self.missing_is_category:
            raise DataError(
                f"column '{self.name}' is missing in {counted(int(is_null.sum()), 'row')}, and in no training row",
                remedy="Fill them in, or train with preprocessing.categorical.unseen=ignore.",
            )


def _require_present(column: "pl.Series") -> None:
    if column.null_count():
        raise DataError(
            f"column '{column.name}' is missing in {counted(column.null_count(), 'row')}, the first is row "
            f"{column.is_null().arg_max()} (from 0)",
            remedy="Fill them in, or train with preprocessing.categorical.missing=category.",
        )
