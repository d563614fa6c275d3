"""Embedding of word indices."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from dlrun.errors import ModelError
from dlrun.experiment.models.network.layers.initializers import InitializerName
from dlrun.experiment.models.network.layers.layer import Flow, LayerSettings, Place, holds_numbers, shape_of, show

if TYPE_CHECKING:
    import keras


class Embedding(LayerSettings):
    """Turn each word index into a learned vector; (steps,) becomes (steps, output_dim)."""

    kind: Literal["embedding"] = "embedding"
    takes_tokens: ClassVar[bool] = True

    input_dim: int = Field(ge=1)
    """Number of indices, counted from 0: the size of the vocabulary."""

    output_dim: int = Field(ge=1)
    """Length of a vector."""

    initializer: InitializerName = "random_uniform"
    """Start of the vectors, as named in Keras."""

    @property
    def num_tokens(self) -> int:
        return self.input_dim

    def apply(self, x: "keras.KerasTensor", place: Place) -> "keras.KerasTensor":
        from keras import layers

        if holds_numbers(x):
            raise ModelError(
                f"{place.path}: expected word indices, got numbers of shape {show(shape_of(x))}",
                remedy="Put the embedding first, and use it only with a dataset of tokens.",
            )
        if place.num_tokens is not None and place.num_tokens > self.input_dim:
            raise ModelError(
                f"{place.path}: the data hold {place.num_tokens} word indices, input_dim is {self.input_dim}",
                remedy=f"Set input_dim to at least {place.num_tokens}, or have the dataset keep fewer words.",
            )
        return layers.Embedding(
            self.input_dim, self.output_dim, embeddings_initializer=self.initializer, name=place.name
        )(x)

    def pass_on(self, flow: Flow) -> Flow:
        return flow.to((*flow.shape, self.output_dim))
