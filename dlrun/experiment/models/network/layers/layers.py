"""PlainLayer: the union of all layers that hold no others; a new layer is one class in a file and one name here."""

from __future__ import annotations

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

PlainLayer = (
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
    # A new layer: one line above this one.
    | Rescaling
)
