"""Gradient-boosted trees."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.models.estimator import EstimatorSettings, Form, classes_found, exactly, one_for_each
from dlrun.experiment.models.model_settings import Space
from dlrun.experiment.models.stored_trees import boosted_tree

if TYPE_CHECKING:
    from dlrun.experiment.models.skops_archive import Part


class GradientBoosting(EstimatorSettings):
    """Trees that correct each other, on binned inputs (Friedman 2001, Ke et al. 2017; scikit-learn's histogram one)."""

    kind: Literal["gradient_boosting"] = "gradient_boosting"
    phrase: ClassVar[str] = "gradient-boosted trees"
    adds_on_columns: ClassVar[int] = 3

    num_iterations: int = Field(default=100, ge=1, le=100_000)
    """Most rounds; a round adds a tree, or one for each class."""

    learning_rate: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    """Share of each tree that is added."""

    max_leaf_nodes: int | None = Field(default=31, ge=2)
    """Most leaves of a tree; null is no bound."""

    max_depth: int | None = Field(default=None, ge=1)
    """Most splits from root to leaf; null is no bound."""

    min_samples_leaf: int = Field(default=20, ge=1)
    """Fewest rows in a leaf."""

    l2: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Strength of the penalty on squared leaf values."""

    max_features: float = Field(default=1.0, gt=0, le=1)
    """Share of the columns that a split may choose from."""

    max_bins: int = Field(default=255, ge=2, le=255)
    """Most bins for the values of a column."""

    early_stopping: bool = False
    """Whether to hold out some training rows and to stop when their loss no longer falls."""

    patience: int = Field(default=10, ge=1)
    """Rounds without improvement after which early stopping stops."""

    held_out: float = Field(default=0.1, gt=0, lt=1)
    """Share of the training rows that early stopping holds out."""

    def default_space(self) -> Space:
        return {
            "model.num_iterations": {"logint": [30, 500]},
            "model.learning_rate": {"loguniform": [0.01, 0.5]},
            "model.max_leaf_nodes": {"logint": [4, 128]},
            "model.min_samples_leaf": {"logint": [1, 100]},
            "model.l2": {"loguniform": [1e-6, 10.0]},
            "model.max_features": {"uniform": [0.3, 1.0]},
        }

    def work(self, num_rows: int, num_columns: int, num_outputs: int) -> int:
        return self.num_iterations * num_rows * num_columns * num_outputs

    def build_estimator(self, task: Task, num_outputs: int, seed: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
        estimator = kind(
            max_iter=self.num_iterations,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.max_leaf_nodes,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            l2_regularization=self.l2,
            max_features=self.max_features,
            max_bins=self.max_bins,
            early_stopping=self.early_stopping,
            n_iter_no_change=self.patience,
            validation_fraction=self.held_out,
            random_state=seed,
        )
        return one_for_each(estimator, task, num_outputs)

    def fill(self, estimator: Any, stored: "Part", form: Form) -> None:
        from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper

        num_trees = 1
        if form.task != "regression":
            estimator.classes_ = classes_found(stored.part("classes_"), form)
            num_trees = 1 if len(estimator.classes_) <= 2 else len(estimator.classes_)
        rounds = stored.parts("_predictors", range(1, self.num_iterations + 1))
        trees = [one.entries(exactly(num_trees)) for one in rounds]
        estimator._predictors = [[boosted_tree(tree, form.num_columns) for tree in row] for row in trees]
        estimator._baseline_prediction = stored.numbers("_baseline_prediction", (1, num_trees))
        estimator.n_trees_per_iteration_ = num_trees
        estimator.n_features_in_ = estimator._n_features = form.num_columns
        estimator.is_categorical_ = estimator._preprocessor = None
        estimator._loss = estimator._get_loss(sample_weight=None)
        # It bins nothing when it predicts; the mapper is only asked for categories, of which there are none.
        estimator._bin_mapper = _BinMapper()
        estimator._bin_mapper.is_categorical_ = np.zeros(form.num_columns, np.uint8)
        estimator._bin_mapper.bin_thresholds_ = []
