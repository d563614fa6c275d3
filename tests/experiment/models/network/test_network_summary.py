"""Layer tables: shapes, parameters and multiply-adds, against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from dlrun.experiment.models.network.summary import LayerRow, summary


def test_rows_of_a_convolutional_network(build: Any) -> None:
    layers = [{"conv2d": {"filters": 8, "strides": 2, "padding": "same"}}, "global_average_pooling2d", {"dense": 5}]
    assert summary(build(layers, (10, 10, 3))) == [
        LayerRow("input", "InputLayer", (10, 10, 3), 0, 0),
        LayerRow("conv2d_0", "Conv2D", (5, 5, 8), 9 * 3 * 8 + 8, 25 * 9 * 3 * 8),
        LayerRow("global_average_pooling2d_1", "GlobalAveragePooling2D", (8,), 0, 0),
        LayerRow("dense_2", "Dense", (5,), 8 * 5 + 5, 8 * 5),
        LayerRow("output", "Dense", (3,), 5 * 3 + 3, 5 * 3),
    ]


@pytest.mark.parametrize(
    ("layer", "input_shape", "parameters", "multiply_adds"),
    [
        ({"conv1d": 4}, (10, 3), 3 * 3 * 4 + 4, 8 * 3 * 3 * 4),
        ({"separable_conv1d": 4}, (10, 3), 3 * 3 + 3 * 4 + 4, 8 * (3 * 3 + 3 * 4)),
        (
            {"separable_conv2d": {"filters": 4, "kernel_size": 5, "depth_multiplier": 2}},
            (9, 9, 3),
            25 * 6 + 6 * 4 + 4,
            25 * (25 * 6 + 6 * 4),
        ),
        ({"depthwise_conv2d": {"kernel_size": 3, "depth_multiplier": 2}}, (9, 9, 3), 9 * 6 + 6, 49 * 9 * 6),
        ({"embedding": {"input_dim": 7, "output_dim": 3}}, (9,), 21, 0),
        ("batch_norm", (9,), 36, 0),
    ],
)
def test_counts(build: Any, layer: Any, input_shape: tuple[int, ...], parameters: int, multiply_adds: int) -> None:
    arguments = {"dtype": "int32"} if "embedding" in layer else {}
    model = build([layer, "flatten"], input_shape, **arguments)
    row = summary(model)[1]
    assert (row.parameters, row.multiply_adds) == (parameters, multiply_adds)
    assert sum(row.parameters for row in summary(model)) == model.count_params()


def test_separable_net_of_x12_is_smaller_and_cheaper(build: Any) -> None:
    """T17: fewer parameters and operations than the same net of ordinary convolutions."""
    totals = {}
    for kind in ("conv2d", "separable_conv2d"):
        widths = [32, 64, None, 64, 128, None, 64, 128]
        layers: list[Any] = [
            "max_pooling2d" if n is None else {kind: {"filters": n, "padding": "same"}} for n in widths
        ]
        rows = summary(build([*layers, "global_average_pooling2d", {"dense": 32}], (64, 64, 3)))
        totals[kind] = (sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows))
    assert totals["conv2d"][0] > 7 * totals["separable_conv2d"][0]
    assert totals["conv2d"][1] > 7 * totals["separable_conv2d"][1]
