"""The estimate of a network's work against the exact count over the built Keras model."""

from __future__ import annotations

import pytest

from dlrun.experiment.datasets.dataset import DatasetFacts
from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.models.model_settings import Workload
from dlrun.experiment.models.network.network import Network, OutputHead
from dlrun.experiment.models.network.summary import summary

NETWORKS = {
    "dense": ([{"dense": 64}, {"dense": 32}], (20,)),
    "images": ([{"dense": 16}], (8, 8)),
    "conv2d": ([{"conv2d": {"filters": 8, "padding": "same"}}, {"max_pooling2d": 2}, "flatten"], (12, 12, 3)),
    "no channels": ([{"conv2d": {"filters": 4, "padding": "same"}}, "global_average_pooling2d"], (10, 10)),
    "separable": (
        [{"separable_conv2d": {"filters": 16, "padding": "same", "strides": 2}}, "flatten", {"dense": 3}],
        (8, 8, 4),
    ),
    "depthwise": ([{"depthwise_conv2d": {"padding": "same"}}, "global_max_pooling2d"], (8, 8, 4)),
    "conv1d": ([{"conv1d": {"filters": 6, "padding": "same"}}, {"max_pooling1d": 2}, "flatten"], (16, 2)),
    "reshape": ([{"reshape": [8, 8, 1]}, {"conv2d": {"filters": 4, "padding": "same"}}, "flatten"], (64,)),
    "repeat": ([{"repeat": {"times": 3, "layers": [{"dense": 8}]}}], (5,)),
}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_estimate_is_the_exact_count_where_windows_are_padded(name: str) -> None:
    layers, shape = NETWORKS[name]
    network = Network.model_validate({"layers": layers})
    built = network.build(InputForm.one(shape), OutputHead(3, "softmax"))
    exact = sum(row.multiply_adds for row in summary(built))
    assert network.work(shape, 3) == exact


def workload(*layers: object) -> Workload:
    facts = DatasetFacts("binary", "images", (9, 8, 3), 10, 0, 1)
    return Network.model_validate({"layers": [*layers]}).workload(facts)


def test_repeats_and_residuals_are_looked_into() -> None:
    inner = {"residual": [{"conv2d": 4}, {"spatial_dropout": 0.1}]}
    twice = workload({"repeat": {"times": 2, "layers": [inner]}})
    assert (twice.convolves, twice.draws) == (True, True)
    none = workload({"repeat": {"times": 0, "layers": [inner]}})
    assert (none.convolves, none.draws) == (False, False)


def test_dropout_inside_of_a_dense_layer_draws() -> None:
    assert workload({"dense": {"units": 3, "dropout": 0.1}}).draws
    assert not workload({"dense": 3}).draws
