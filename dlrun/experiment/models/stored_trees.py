"""Trees of scikit-learn from stored numbers. They are walked in C, without looking, so every way is checked before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dlrun.experiment.models.skops_archive import Part

_LEAF = -1
_ROUNDING = 1e-6


def decision_tree(stored: Part, num_columns: int, sizes: tuple[int, ...], *, shares: bool) -> Any:
    """Return a decision tree, as those of a forest.

    Args:
        stored: What the file holds of it.
        num_columns: Columns of the inputs.
        sizes: Number of classes of each output, 1 for a number.
        shares: Whether its values are shares of classes.

    Raises:
        StorageError: It is damaged.
    """
    from sklearn.tree._tree import NODE_DTYPE, Tree

    nodes = stored.records("nodes", NODE_DTYPE)
    values = stored.numbers("values", (len(nodes), len(sizes), max(sizes)))
    if values.dtype != np.float64 or (shares and not ((values >= 0) & (values <= 1 + _ROUNDING)).all()):
        raise stored.damaged("has leaves that hold no shares of classes" if shares else "has leaves of another type")
    inner = np.flatnonzero(nodes["left_child"] != _LEAF)
    _check_ways(stored, nodes, inner, ("left_child", "right_child"), "feature", num_columns)
    _check_thresholds(stored, nodes["threshold"][inner])
    tree = Tree(num_columns, np.array(sizes, np.intp), len(sizes))
    state = {"max_depth": _depth(nodes, inner), "node_count": len(nodes), "nodes": nodes}
    tree.__setstate__({**state, "values": np.ascontiguousarray(values)})
    return tree


def boosted_tree(stored: Part, num_columns: int) -> Any:
    """Return a tree of histogram-based gradient boosting.

    Args:
        stored: What the file holds of it.
        num_columns: Columns of the inputs.

    Raises:
        StorageError: It is damaged, or splits by category, which the trees of dlrun do not.
    """
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE, X_BITSET_INNER_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    nodes = stored.records("nodes", PREDICTOR_RECORD_DTYPE)
    if nodes["is_categorical"].any():
        raise stored.damaged("splits by category")
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    _check_ways(stored, nodes, inner, ("left", "right"), "feature_idx", num_columns)
    _check_thresholds(stored, nodes["num_threshold"][inner])
    if not np.isfinite(nodes["value"][nodes["is_leaf"] != 0]).all():
        raise stored.damaged("has leaves that hold something else than finite numbers")
    no_categories = np.zeros((0, 8), X_BITSET_INNER_DTYPE)
    return TreePredictor(nodes, no_categories, no_categories)


def _check_ways(
    stored: Part,
    nodes: NDArray[Any],
    inner: NDArray[np.intp],
    children: tuple[str, str],
    column: str,
    num_columns: int,
) -> None:
    """Hold a tree to its order: children come after their parent, so that every walk ends, at a node that exists.

    Raises:
        StorageError: A way leads back or outside.
    """
    for name in children:
        child = nodes[name][inner].astype(np.int64)
        if (child <= inner).any() or (child >= len(nodes)).any():
            raise stored.damaged("leads to a node that does not exist, or back")
    columns = nodes[column][inner].astype(np.int64)
    if (columns < 0).any() or (columns >= num_columns).any():
        raise stored.damaged(f"asks for a column that does not exist: the inputs have {num_columns:,}")


def _check_thresholds(stored: Part, thresholds: NDArray[Any]) -> None:
    """Refuse what is no number; infinity splits missing values from all others."""
    if np.isnan(thresholds).any():
        raise stored.damaged("splits at something else than a number")


def _depth(nodes: NDArray[Any], inner: NDArray[np.intp]) -> int:
    """Return the number of splits on the longest way; the nodes are checked already."""
    depths = [0] * len(nodes)
    lefts, rights = nodes["left_child"].tolist(), nodes["right_child"].tolist()
    for node in inner.tolist():
        below = depths[node] + 1
        depths[lefts[node]] = max(depths[lefts[node]], below)
        depths[rights[node]] = max(depths[rights[node]], below)
    return max(depths)
