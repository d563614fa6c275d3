"""Layer: the union of all layers; a new layer is one class in its family's file and one name here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dlrun.models.network import structure
from dlrun.models.network.activation import Activation
from dlrun.models.network.convolution import Conv1D, Conv2D
from dlrun.models.network.dense import Dense
from dlrun.models.network.embedding import Embedding
from dlrun.models.network.normalization import BatchNorm, LayerNorm
from dlrun.models.network.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from dlrun.models.network.regularization import AlphaDropout, Dropout, SpatialDropout
from dlrun.models.network.rescaling import Rescaling
from dlrun.models.network.separable import DepthwiseConv2D, SeparableConv1D, SeparableConv2D
from dlrun.models.network.shape import Flatten, Reshape
from dlrun.models.network.structure import Repeat, Residual
from dlrun.settings import ByName

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
    | Residual,
    Field(discriminator="kind"),
    ByName("layer"),
]

# Layers that hold layers name the union by a forward reference; pydantic looks it up there when it is first needed.
vars(structure)["Layer"] = Layer
