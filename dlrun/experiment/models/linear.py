"""Linear models: logistic regression for classes and labels, ridge regression for numbers."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.models.estimator import EstimatorSettings, Form, classes_found, one_for_each
from dlrun.experiment.models.model_settings import Space

if TYPE_CHECKING:
    from dlrun.experiment.models.skops_archive import Part


class Linear(EstimatorSettings):
    """Logistic regression for classes and labels, ridge regression for numbers (scikit-learn)."""

    kind: Literal["linear"] = "linear"
    phrase: ClassVar[str] = "linear model"
    is_simplest: ClassVar[bool] = True
    adds_on_columns: ClassVar[int] = 1

    l2: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Strength of the penalty on squared weights: Ridge's alpha, and 1/C of LogisticRegression; 0 is none."""

    max_iterations: int = Field(default=1000, ge=1, le=10_000_000)
    """Most iterations of the solver of the logistic regression."""

    tolerance: float = Field(default=1e-4, gt=0)
    """Gradient at which that solver stops."""

    same_bits: ClassVar[bool] = False  # how products of matrices are divided decides in which order they are summed

    def default_space(self) -> Space:
        return {"model.l2": {"loguniform": [1e-4, 1e3]}}

    def work(self, num_rows: int, num_columns: int, num_outputs: int) -> int:
        return num_rows * num_columns * (num_columns + 100 * num_outputs) // 100

    def build_estimator(self, task: Task, num_outputs: int, seed: int) -> Any:
        from sklearn.linear_model import LogisticRegression, Ridge

        if task == "regression":
            return Ridge(alpha=self.l2, random_state=seed)
        strength = 1 / self.l2 if self.l2 else math.inf
        estimator = LogisticRegression(C=strength, max_iter=self.max_iterations, tol=self.tolerance, random_state=seed)
        return one_for_each(estimator, task, num_outputs)

    def fill(self, estimator: Any, stored: "Part", form: Form) -> None:
        estimator.n_features_in_ = form.num_columns
        if form.task == "regression":
            several = () if form.num_outputs == 1 else (form.num_outputs,)
        else:
            estimator.classes_ = classes_found(stored.part("classes_"), form)
            several = (1 if len(estimator.classes_) <= 2 else len(estimator.classes_),)
        estimator.coef_ = stored.numbers("coef_", (*several, form.num_columns))
        intercept = stored.numbers("intercept_", several)
        estimator.intercept_ = intercept if several else intercept[()]
