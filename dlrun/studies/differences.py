"""Differences: how far apart the test scores of two refits of a study are, and whether that is more than noise."""

from __future__ import annotations

from dlrun.base.inside import FINAL
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.records.arrays import read_arrays
from dlrun.records.folder import RunFolder


def score_differences(folder: RunFolder, ours: str, theirs: str, metrics: Metrics) -> dict[str, list[float]]:
    """Find the interval of one refit minus another in each metric, both scored in the same draws of test rows.

    Args:
        folder: The study.
        ours: Id of a run under `final/`.
        theirs: Id of the one that it is compared with.
        metrics: Content of `metrics.json` of the first, which has test scores.

    Raises:
        StorageError: The predictions cannot be read.
    """
    from dlrun.experiment.evaluation.intervals import difference_intervals

    one, other = (read_arrays(folder.file(f"{FINAL}/{run}/predictions/test.npz")) for run in (ours, theirs))
    return difference_intervals(
        metrics["task"],
        one["y_true"],
        one["y_pred"],
        other["y_pred"],
        [name for name in metrics["test"] or () if name != "loss"],
        weights=one.get("weight"),
        positive=_positive(folder, ours, metrics),
    )


def _positive(folder: RunFolder, run: str, metrics: Metrics) -> int:
    """Return the code of the class that scores of a binary task speak of."""
    named = metrics.get("positive_class")
    if named is None:
        return 1
    classes = folder.read_json(f"{FINAL}/{run}/dataset.json")["targets"]["classes"]
    return list(classes).index(named) if named in classes else 1
