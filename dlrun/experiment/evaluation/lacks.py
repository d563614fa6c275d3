"""What rows lack for a score to be defined; each takes their true values and the names of the classes or labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlrun.experiment.evaluation.metric import Lack, Values

_MOST = 3


def second_class(y_true: Values, names: Sequence[str]) -> Lack | None:
    """Rows of two classes are needed, to put them in order."""
    found = np.unique(y_true)
    if len(found) > 1:
        return None
    missing = [f"'{name}'" for code, name in enumerate(names) if code not in found]
    if len(missing) == 1:
        return Lack(f"no row of class {missing[0]}")
    more = f" and {len(missing) - _MOST} more" if len(missing) > _MOST else ""
    return Lack(f"no row of the classes {', '.join(missing[:_MOST])}{more}")


def positive_row(y_true: Values, names: Sequence[str], positive: int = 1) -> Lack | None:
    """A row of the positive class is needed."""
    return None if (y_true == positive).any() else Lack(f"no row of class '{names[positive]}'")


def positive_row_or_decision(y_true: Values, names: Sequence[str], positive: int = 1) -> Lack | None:
    """A row of the positive class, or one that is decided for, is needed."""
    lack = positive_row(y_true, names, positive)
    return None if lack is None else Lack(f"{lack.words} unless one is predicted", is_certain=False)


def varied_label(y_true: Values, names: Sequence[str]) -> Lack | None:
    """A label is needed that some rows have and others have not."""
    del names
    varied = (y_true != y_true[:1]).any()
    return None if varied else Lack("no label that some rows have and others have not")


def label(y_true: Values, names: Sequence[str]) -> Lack | None:
    """A row with a label is needed."""
    del names
    return None if (y_true > 0).any() else Lack("no row with any label")


def label_or_decision(y_true: Values, names: Sequence[str]) -> Lack | None:
    """A row with a label, or one for which a label is decided, is needed."""
    lack = label(y_true, names)
    return None if lack is None else Lack(f"{lack.words} unless one is predicted", is_certain=False)


def varied_targets(y_true: Values, names: Sequence[str]) -> Lack | None:
    """Every target needs two values, or there is no variance to explain."""
    del names
    varied = (y_true != y_true[:1]).any(axis=0).all()
    return None if varied else Lack("only one value of the target")


def no_zero(y_true: Values, names: Sequence[str]) -> Lack | None:
    """No target may be 0, of which an error is no share."""
    del names
    return Lack("a true value of 0") if (y_true == 0).any() else None
