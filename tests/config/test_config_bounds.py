"""No setting makes dlrun work for ever without a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dlrun.config.schema import json_schema
from dlrun.errors import ConfigError
from dlrun.experiment.experiment import Experiment
from dlrun.experiment.load import load_text

HARMLESS = {
    "the work is told while it goes on, and can be interrupted and resumed": {"epochs", "trials", "slice_steps"},
    "more than there are rows, columns, words or folds is as good as all, or refused": {
        *("limit", "folds", "num_words", "max_categories", "min_samples_leaf", "max_leaf_nodes", "max_depth"),
        *("max_bytes", "keep_weights", "length", "skip_rows"),
    },
    "waiting longer than training goes on is no work": {
        *("patience", "cooldown", "min_epochs", "max_epochs", "min_trials", "min_folds", "random_trials", "keep"),
        *("stop_after", "reduction", "every", "epochs", "cycles", "warmup_steps", "ema_overwrite_frequency"),
        "gradient_accumulation_steps",
    },
    "a layer's size: memory is the bound, and running out of it is told": {
        *("units", "filters", "kernel_size", "strides", "dilation_rate", "depth_multiplier", "pool_size"),
        *("input_dim", "output_dim", "shape", "axis"),
    },
    "numbers that are used as they are": {"seed", "arguments", "bounds", "pair"},
}
"""Whole numbers that need no largest value, by the reason."""


def unbounded(node: Any, name: str = "") -> Iterator[str]:
    """Yield the names of settings that take whole numbers of any size."""
    if isinstance(node, list):
        for item in node:
            yield from unbounded(item, name)
    elif isinstance(node, dict):
        if node.get("type") == "integer" and not {"maximum", "exclusiveMaximum", "const"} & set(node):
            yield name
        for key, value in node.items():
            if key == "properties":
                for setting, schema in value.items():
                    yield from unbounded(schema, setting)
            else:
                yield from unbounded(value, name)


def test_whole_numbers_have_a_largest_value_or_a_reason_to_have_none() -> None:
    known = set().union(*HARMLESS.values())
    found = set(unbounded(json_schema(Experiment)))
    assert found - known == set()
    assert known - found == set()


@pytest.mark.parametrize(
    "text",
    [
        "validation: {kind: repeated_kfold, repeats: 1000000000}",
        "model: {kind: random_forest, num_trees: 1000000000}",
        "model: {kind: gradient_boosting, num_iterations: 1000000000}",
        "tuner: {kind: random, selection: {rescorings: 1000000000}}",
    ],
)
def test_work_that_would_never_end_is_refused(text: str) -> None:
    model = "" if text.startswith("model") else "model: linear\n"
    with pytest.raises(ConfigError, match="1000000000"):
        load_text(f"dataset: iris\n{model}{text}\n", "c.yaml")
