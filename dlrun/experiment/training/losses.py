"""Losses: what training minimizes; each row has a loss of its own."""

from abc import ABC
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from dlrun.base.settings import ByKind, Settings
from dlrun.errors import DataError, ModelError
from dlrun.experiment.datasets.dataset import Dataset, Task

if TYPE_CHECKING:
    import keras


def check_targets(loss: Any, dataset: Dataset) -> None:
    """Refuse targets that a loss is undefined for.

    Args:
        loss: Settings of the loss, or `auto`.
        dataset: What was loaded.

    Raises:
        DataError: A target is below 0 where that cannot be.
    """
    if dataset.task != "regression" or not getattr(loss, "refuses_negative", False):
        return
    num_negative = int((dataset.y < 0).reshape(dataset.num_rows, -1).any(axis=1).sum())
    if num_negative:
        raise DataError(
            f"training.loss: {loss.kind} takes no targets below 0, and {num_negative:,} of {dataset.num_rows:,} rows "
            "hold one",
            remedy="Choose another loss, such as mse or huber.",
        )


class LossSettings(Settings, ABC):
    """Base of every loss."""

    kind: str

    keras_names: ClassVar[Mapping[Task, str]]
    """The tasks that the loss suits, and the class in `keras.losses` that serves each; classes as one-hot rows."""

    refuses_negative: ClassVar[bool] = False
    """Whether it is undefined for targets below 0."""

    needs_positive: ClassVar[bool] = False
    """Whether targets and outputs must not be negative; such targets cannot be standardized."""

    needs_positive_outputs: ClassVar[bool] = False
    """Whether it is undefined for outputs below 0, so that the output layer has to keep above."""

    @property
    def tasks(self) -> frozenset[Task]:
        """Tasks that the loss suits."""
        return frozenset(self.keras_names)

    def build(self, task: Task, num_outputs: int) -> "keras.losses.Loss":
        """Build the Keras loss.

        Its `call` takes targets as datasets hold them (codes of shape (rows,) or (rows, 1) for classes, (rows, labels),
        (rows, targets)) and outputs of shape (rows, 1), (rows, classes), (rows, labels) or (rows, targets), and
        returns the loss of each row, of shape (rows,).

        Args:
            task: What is predicted.
            num_outputs: Classes, labels or targets; 1 for a binary task.

        Raises:
            ModelError: The loss does not suit the task.
        """
        from keras import losses

        if task not in self.keras_names:
            raise ModelError(
                f"training.loss: {self.kind} suits {' and '.join(self.keras_names)}, and this task is {task}",
                remedy="Leave the loss out, so that it follows from the task.",
            )
        loss = getattr(losses, self.keras_names[task])(**self._arguments(task))
        if task == "binary":
            return _after(_column, loss)
        return _after(_one_hot(num_outputs), loss) if task == "multiclass" else loss

    def _arguments(self, _task: Task, /) -> dict[str, Any]:
        return self.model_dump(exclude={"kind"})


class BinaryCrossentropy(LossSettings):
    """Cross-entropy of yes/no probabilities; for labels, their mean."""

    kind: Literal["binary_crossentropy"] = "binary_crossentropy"
    keras_names: ClassVar[Mapping[Task, str]] = {"binary": "BinaryCrossentropy", "multilabel": "BinaryCrossentropy"}

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share by which targets move towards 0.5."""


class CategoricalCrossentropy(LossSettings):
    """Cross-entropy of class probabilities."""

    kind: Literal["categorical_crossentropy"] = "categorical_crossentropy"
    keras_names: ClassVar[Mapping[Task, str]] = {"multiclass": "CategoricalCrossentropy"}

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each target that is spread evenly over all classes."""


class Focal(LossSettings):
    """Cross-entropy that plays down the rows already predicted well (Lin et al. 2017)."""

    kind: Literal["focal"] = "focal"
    keras_names: ClassVar[Mapping[Task, str]] = {
        "binary": "BinaryFocalCrossentropy",
        "multiclass": "CategoricalFocalCrossentropy",
        "multilabel": "BinaryFocalCrossentropy",
    }

    gamma: float = Field(default=2.0, ge=0, allow_inf_nan=False)
    """How strongly; 0 is plain cross-entropy."""

    alpha: float | None = Field(default=None, gt=0, lt=1)
    """Weight of class or label 1, class 0 weighing 1 - alpha; with several classes it weighs all alike."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share by which targets move towards all classes being alike."""

    def _arguments(self, task: Task, /) -> dict[str, Any]:
        arguments = {"gamma": self.gamma, "label_smoothing": self.label_smoothing}
        if self.alpha is None:
            return {**arguments, "alpha": 1.0} if task == "multiclass" else arguments
        balance = {} if task == "multiclass" else {"apply_class_balancing": True}
        return {**arguments, **balance, "alpha": self.alpha}


class MeanSquaredError(LossSettings):
    """Squared difference."""

    kind: Literal["mse"] = "mse"
    keras_names: ClassVar[Mapping[Task, str]] = {"regression": "MeanSquaredError"}


class MeanAbsoluteError(LossSettings):
    """Absolute difference; forgiving towards outliers."""

    kind: Literal["mae"] = "mae"
    keras_names: ClassVar[Mapping[Task, str]] = {"regression": "MeanAbsoluteError"}


class Huber(LossSettings):
    """Squared difference where it is small, absolute where it is large (Huber 1964)."""

    kind: Literal["huber"] = "huber"
    keras_names: ClassVar[Mapping[Task, str]] = {"regression": "Huber"}

    delta: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Difference from which it is large, in the units that the network sees: standard deviations by default."""


class LogCosh(LossSettings):
    """Logarithm of the hyperbolic cosine of the difference; a smooth Huber loss."""

    kind: Literal["log_cosh"] = "log_cosh"
    keras_names: ClassVar[Mapping[Task, str]] = {"regression": "LogCosh"}


class MeanAbsolutePercentageError(LossSettings):
    """Absolute difference as a percentage of the target, which is to be far from zero and not standardized."""

    kind: Literal["mape"] = "mape"
    keras_names: ClassVar[Mapping[Task, str]] = {"regression": "MeanAbsolutePercentageError"}
    needs_positive: ClassVar[bool] = True


class MeanSquaredLogarithmicError(LossSettings):
    """Squared difference of log(1 + value); targets are not to be negative or standardized."""

    kind: Literal["msle"] = "msle"
    keras_names: ClassVar[Mapping[Task, str]] = {"regression": "MeanSquaredLogarithmicError"}
    refuses_negative: ClassVar[bool] = True
    needs_positive: ClassVar[bool] = True


class Poisson(LossSettings):
    """Negative log-likelihood of counts; outputs are to be above 0, by softplus (the default then) or exponential."""

    kind: Literal["poisson"] = "poisson"
    keras_names: ClassVar[Mapping[Task, str]] = {"regression": "Poisson"}
    refuses_negative: ClassVar[bool] = True
    needs_positive: ClassVar[bool] = True
    needs_positive_outputs: ClassVar[bool] = True


Loss = Annotated[
    BinaryCrossentropy
    | CategoricalCrossentropy
    | Focal
    | MeanSquaredError
    | MeanAbsoluteError
    | Huber
    | LogCosh
    | MeanAbsolutePercentageError
    | MeanSquaredLogarithmicError
    | Poisson,
    Field(discriminator="kind"),
    ByKind(),
]


def _after(prepare: Callable[[Any], Any], loss: "keras.losses.Loss") -> "keras.losses.Loss":
    """Return a loss that prepares the targets before it hands them to another one."""
    import keras

    class Prepared(keras.losses.Loss):  # type: ignore[misc]  # Keras comes without types
        """A loss on prepared targets."""

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return loss.call(prepare(y_true), y_pred)

    return Prepared(name=loss.name)


def _column(y_true: Any) -> Any:
    from keras import ops

    return ops.reshape(y_true, (-1, 1))


def _one_hot(num_classes: int) -> Callable[[Any], Any]:
    def encode(y_true: Any) -> Any:
        from keras import ops

        return ops.one_hot(ops.reshape(ops.cast(y_true, "int32"), (-1,)), num_classes)

    return encode
