"""Fixtures of the tests of models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from dlrun.experiment.datasets.inputs import InputForm
from dlrun.experiment.models.network.network import Network, OutputHead

Build = Callable[..., Any]


@pytest.fixture
def build() -> Build:
    """Build a network from layers as they are written, for three classes unless said otherwise."""

    def build_network(
        layers: Sequence[Any],
        input_shape: tuple[int, ...],
        head: OutputHead | None = None,
        *,
        output: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Any:
        network = Network.model_validate({"layers": list(layers), "output": output or {}})
        return network.build(InputForm.one(input_shape, **arguments), head or OutputHead(3, "softmax"))

    return build_network
