"""What every start of a kernel must do, in every layer that has one."""

from __future__ import annotations

from typing import get_args

import keras
import numpy as np
import pytest

from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.models.network.layers.initializers import InitializerName
from dlrun.experiment.models.network.network import Network, OutputHead

CONSTANT = {"ones": 1.0, "zeros": 0.0}


@pytest.mark.parametrize("initializer", get_args(InitializerName))
def test_starts_every_kind_of_kernel(initializer: str) -> None:
    start = {"initializer": initializer}
    layers = [
        {"conv2d": {"filters": 4, **start}},
        {"separable_conv2d": {"filters": 4, **start}},
        {"depthwise_conv2d": start},
        {"reshape": [16, 4]},
        {"conv1d": {"filters": 4, **start}},
        {"separable_conv1d": {"filters": 4, **start}},
        "flatten",
        {"dense": {"units": 4, **start}},
    ]
    keras.utils.set_random_seed(0)
    network = Network.model_validate({"layers": layers, "output": start})
    model = network.build(InputForm.one((10, 10, 2)), OutputHead(2, "softmax"))
    kernels = [np.asarray(weight) for weight in model.weights if "kernel" in weight.name]
    assert len(kernels) == 9
    for kernel in kernels:
        assert np.isfinite(kernel).all()
        if initializer in CONSTANT:
            assert (kernel == CONSTANT[initializer]).all()
        else:
            assert kernel.std() > 0


@pytest.mark.parametrize("initializer", get_args(InitializerName))
def test_starts_embeddings(initializer: str) -> None:
    layers = [{"embedding": {"input_dim": 9, "output_dim": 4, "initializer": initializer}}, "flatten"]
    model = Network.model_validate({"layers": layers}).build(InputForm.one((3,), "int32"), OutputHead(2, "softmax"))
    vectors = np.asarray(model.get_layer("embedding_0").embeddings)
    assert vectors.shape == (9, 4)
    assert (vectors == CONSTANT[initializer]).all() if initializer in CONSTANT else vectors.std() > 0
