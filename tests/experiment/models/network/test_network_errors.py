"""Every refusal of a network, word for word."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from dlrun.errors import ModelError
from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.models.network.network import Network, OutputHead

SOFTMAX, LINEAR = OutputHead(3, "softmax"), OutputHead(1, "linear")
TOKENS = {"dtype": "int32"}

CASES: dict[str, tuple[list[Any], tuple[int, ...], dict[str, Any]]] = {
    "convolution on a table": ([{"conv2d": 8}], (13,), {}),
    "convolution over steps on a table": ([{"conv1d": 8}], (13,), {}),
    "convolution over steps on images": ([{"conv1d": 8}], (8, 8, 3), {}),
    "convolution after flatten": (["flatten", {"conv2d": 8}], (8, 8, 3), {}),
    "dense on feature maps": ([{"conv2d": 4}, {"dense": 8}], (8, 8, 1), {}),
    "dense on steps": ([{"embedding": {"input_dim": 9, "output_dim": 2}}, {"dense": 8}], (5,), TOKENS),
    "output on feature maps": ([{"conv2d": 4}], (8, 8, 1), {}),
    "kernel larger than the image": ([{"conv2d": {"filters": 4, "kernel_size": 9}}], (8, 8), {}),
    "dilated kernel larger than the image": ([{"conv2d": {"filters": 4, "dilation_rate": 4}}], (8, 8, 1), {}),
    "kernel longer than the steps": ([{"separable_conv1d": {"filters": 4, "kernel_size": 6}}], (5, 2), {}),
    "depthwise kernel larger than the image": ([{"depthwise_conv2d": [3, 9]}], (8, 8, 1), {}),
    "shrunk to nothing": ([{"conv2d": 4}, "max_pooling2d", "max_pooling2d"], (5, 5, 1), {}),
    "pooling on a table": (["max_pooling1d"], (13,), {}),
    "global pooling after flatten": (["flatten", "global_average_pooling2d"], (8, 8, 1), {}),
    "reshape to another number of values": ([{"reshape": [5, 5, 1]}], (13,), {}),
    "axis that does not exist": ([{"dense": {"units": 4, "batch_norm": {"axis": 2}}}], (13,), {}),
    "axis of the rows": ([{"layer_norm": {"axis": 0}}], (13,), {}),
    "spatial dropout on a table": ([{"spatial_dropout": 0.5}], (13,), {}),
    "residual of another shape": ([{"residual": {"layers": [{"dense": 4}], "projection": "never"}}], (13,), {}),
    "residual that flattens": ([{"residual": ["flatten"]}], (4, 4, 1), {}),
    "residual that no stride bridges": ([{"residual": [{"conv2d": 4}]}], (8, 8, 1), {}),
    "word indices without embedding": ([{"dense": 8}], (80,), TOKENS),
    "word indices into the output": (["flatten"], (80,), TOKENS),
    "embedding of numbers": ([{"embedding": {"input_dim": 9, "output_dim": 2}}], (13,), {}),
    "vocabulary too small": (
        [{"embedding": {"input_dim": 9, "output_dim": 2}}, "flatten"],
        (13,),
        {**TOKENS, "num_tokens": 10},
    ),
    "deep inside": (
        [{"dense": 4}, {"repeat": {"times": 2, "layers": [{"residual": [{"dense": 4}, {"conv1d": 2}]}]}}],
        (13,),
        {},
    ),
}


def _refusal(layers: list[Any], input_shape: tuple[int, ...], arguments: dict[str, Any]) -> ModelError:
    with pytest.raises(ModelError) as caught:
        Network.model_validate({"layers": layers}).build(InputForm.one(input_shape, **arguments), SOFTMAX)
    return caught.value


def test_texts(golden: Any) -> None:
    texts = [f"## {title}\n{_refusal(*case)}\n" for title, case in CASES.items()]
    golden("models/network_errors.txt", "\n".join(texts))


@pytest.mark.parametrize("title", CASES)
def test_no_traceback_of_keras(title: str) -> None:
    text = "".join(traceback.format_exception(_refusal(*CASES[title])))
    assert "site-packages/keras" not in text.replace("\\", "/")


@pytest.mark.parametrize(("activation", "head"), [("softplus", SOFTMAX), ("softmax", LINEAR)])
def test_unsuited_output_activation(activation: str, head: OutputHead) -> None:
    network = Network.model_validate({"output": {"activation": activation}})
    with pytest.raises(ModelError, match=f"^model.output.activation: {activation} does not suit the task"):
        network.build(InputForm.one((4,)), head)


def test_what_only_keras_refuses_names_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras import layers

    def refuse(*_arguments: Any, **_named: Any) -> None:
        raise ValueError("no such thing\nwith details")

    monkeypatch.setattr(layers, "Dropout", refuse)
    error = _refusal([{"repeat": {"times": 1, "layers": [{"dropout": 0.5}]}}], (4,), {})
    assert error.message == (
        "model.layers.0.repeat.layers.0.dropout: Keras cannot build this layer on an input of shape (4,): no such thing"
    )
    assert error.remedy
