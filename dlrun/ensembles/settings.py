"""Ensemble: the settings of an ensemble, as its `config.yaml` holds them."""

from typing import Literal

from pydantic import Field

from dlrun.base.settings import Auto, Names, Settings
from dlrun.ensembles.methods.methods import AnyMethod, Automatic
from dlrun.errors import UsageError
from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.metrics import MetricName, metrics_for


class Ensemble(Settings):
    """How runs are combined."""

    name: str = Field(default="ensemble", max_length=64)
    """Name of the ensemble; it becomes part of the folder's name."""
    seed: int = Field(default=42, ge=0, lt=2**32)
    """Where all randomness comes from: parts of the cross-fitting, bags, starts, bootstrap."""
    model: Literal["ensemble"] = "ensemble"
    """Tells an ensemble from other runs."""
    dataset: str = ""
    """Kind of the members' dataset; filled in."""
    members: Names[str] = ()
    """Runs, studies and patterns that members come from."""
    method: AnyMethod = Automatic()
    """How members are combined."""
    metric: MetricName | Auto = "auto"
    """Score that weights are fitted to. `auto`: log_loss, or rmse for a regression; both use all that a prediction
    says, where accuracy would follow the luck of a few rows."""
    positive_class: str | None = None
    """Class of two that f1, precision, recall and average_precision speak of; null is the one that the members name."""
    max_members: int | None = Field(default=None, ge=1)
    """Most members that may count; of more, greedy selection takes its choice first. null for any number."""
    keep_all: bool = False
    """Whether members that do not beat the baseline are kept."""
    missing_models: Literal["train", "leave_out", "ignore"] = "train"
    """What becomes of members that keep no model, such as most trials of a study: those that count are trained again
    and compared with their predictions on record (train); they are no members (leave_out); or they count, and the
    ensemble cannot predict new rows (ignore)."""
    cross_fit: int = Field(default=5, ge=2, le=1000)
    """Parts that the validation rows are divided into for the reported score: each is predicted with weights that were
    fitted on the others."""
    near_copy: float = Field(default=0.98, gt=0, le=1)
    """Correlation of predictions and of errors above which two members count as near copies."""
    bootstrap: int = Field(default=1000, ge=0, le=100_000)
    """Number of bootstrap draws behind each interval; 0 for no intervals."""
    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Share of the bootstrap draws that an interval holds."""

    def metric_of(self, task: Task) -> str:
        """Return the score that weights are fitted to.

        Raises:
            UsageError: The task has no such metric.
        """
        if self.metric == "auto":
            return "rmse" if task == "regression" else "log_loss"
        known = metrics_for(task)
        if self.metric not in known:
            raise UsageError(
                f"a {task} task has no metric {self.metric}", remedy=f"Choose among {', '.join(sorted(known))}."
            )
        return self.metric
