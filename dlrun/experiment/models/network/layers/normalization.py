"""Batch normalization and layer normalization."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dlrun.base.settings import Settings
from dlrun.errors import ModelError
from dlrun.experiment.models.network.layers.layer import LayerSettings, Place, shape_of, show

if TYPE_CHECKING:
    import keras


class BatchNormalization(Settings):
    """Center and scale each feature by the statistics of the batch (Ioffe and Szegedy 2015)."""

    axis: int = -1
    """Axis of the features, the axis of the rows being 0; -1 is the last, 1 the first for channels-first inputs."""

    momentum: float = Field(default=0.99, ge=0, lt=1)
    """Share of the running statistics that a batch leaves as they were."""

    epsilon: float = Field(default=1e-3, gt=0)
    """Added to the variance, against division by zero."""

    center: bool = True
    """Whether to learn a shift (beta)."""

    scale: bool = True
    """Whether to learn a scale (gamma)."""

    def normalize(self, x: "keras.KerasTensor", place: Place, name: str) -> "keras.KerasTensor":
        """Put the normalization behind `x` under the given name.

        Raises:
            ModelError: `x` has no such axis.
        """
        from keras import layers

        check_axis(self.axis, x, place)
        return layers.BatchNormalization(
            axis=self.axis,
            momentum=self.momentum,
            epsilon=self.epsilon,
            center=self.center,
            scale=self.scale,
            name=name,
        )(x)


class BlockBatchNorm(BatchNormalization):
    """Batch normalization as part of a dense or convolution layer."""

    position: Literal["before", "after"] = "before"
    """Whether it stands before or after the activation."""


class BatchNorm(BatchNormalization, LayerSettings):
    """Center and scale each feature by the statistics of the batch (Ioffe and Szegedy 2015)."""

    kind: Literal["batch_norm"] = "batch_norm"

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        return self.normalize(x, place, place.name)


class LayerNorm(LayerSettings):
    """Center and scale each row by its own statistics (Ba et al. 2016)."""

    kind: Literal["layer_norm"] = "layer_norm"

    axis: int = -1
    """Axis to normalize along, the axis of the rows being 0; -1 is the last."""

    epsilon: float = Field(default=1e-3, gt=0)
    """Added to the variance, against division by zero."""

    center: bool = True
    """Whether to learn a shift (beta)."""

    scale: bool = True
    """Whether to learn a scale (gamma)."""

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        check_axis(self.axis, x, place)
        return layers.LayerNormalization(
            axis=self.axis, epsilon=self.epsilon, center=self.center, scale=self.scale, name=place.name
        )(x)


def check_axis(axis: int, x: "keras.KerasTensor", place: Place) -> None:
    """Refuse an axis that `x` does not have, and the axis of the rows.

    Raises:
        ModelError: There is no such axis.
    """
    rank = len(shape_of(x)) + 1
    if axis == 0 or not -rank < axis < rank:
        choice = "Leave axis out, so that it is the last." if rank == 2 else f"Set axis to -1, or from 1 to {rank - 1}."
        raise ModelError(
            f"{place.path}: axis {axis} does not exist in an input of shape {show(shape_of(x))}",
            remedy=choice,
        )
