"""Layer: the union of all layers; a new layer is one class in its family's file and one name here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.base.settings import ByName
from dlrun.experiment.models.network.layers import structure
from dlrun.experiment.models.network.layers.activation import Activation
from dlrun.experiment.models.network.layers.convolution import Conv1D, Conv2D
from dlrun.experiment.models.network.layers.dense import Dense
from dlrun.experiment.models.network.layers.embedding import Embedding
from dlrun.experiment.models.network.layers.normalization import BatchNorm, LayerNorm
from dlrun.experiment.models.network.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from dlrun.experiment.models.network.layers.regularization import AlphaDropout, Dropout, SpatialDropout
from dlrun.experiment.models.network.layers.rescaling import Rescaling
from dlrun.experiment.models.network.layers.separable import DepthwiseConv2D, SeparableConv1D, SeparableConv2D
from dlrun.experiment.models.network.layers.shape import Flatten, Reshape
from dlrun.experiment.models.network.layers.structure import Repeat, Residual

Layer = Annotated[
    Dense
    | Conv1D
    | Conv2D
    | SeparableConv1D
    | SeparableConv2D
    | DepthwiseConv2D
    | MaxPooling1D
    | MaxPooling2D
    | AveragePooling1D
    | AveragePooling2D
    | GlobalMaxPooling1D
    | GlobalMaxPooling2D
    | GlobalAveragePooling1D
    | GlobalAveragePooling2D
    | Flatten
    | Reshape
    | Dropout
    | SpatialDropout
    | AlphaDropout
    | BatchNorm
    | LayerNorm
    | Activation
    | Embedding
    | Rescaling
    | Repeat
    # A new layer: one line above this one.
    | Residual,
    Field(discriminator="kind"),
    ByName("layer"),
]

# Layers that hold layers name the union by a forward reference; pydantic looks it up there when it is first needed.
vars(structure)["Layer"] = Layer
