"""The JSON Schema and the reference page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from dlrun.base.settings import Settings
from dlrun.config.docs import descriptions
from dlrun.config.reference import reference
from dlrun.config.schema import json_schema


@pytest.fixture(scope="module")
def schema(small: type[Settings]) -> dict[str, Any]:
    return json_schema(small)


def is_allowed(schema: dict[str, Any], data: Any) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(data)


def layers(*written: Any) -> dict[str, Any]:
    return {"dataset": "iris", "model": {"kind": "network", "layers": list(written)}}


def test_schema_is_valid_draft_2020_12(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "layer",
    [
        "flatten",
        {"flatten": None},
        {"flatten": {}},
        {"dense": 64},
        {"dense": {"units": 64, "batch_norm": True}},
        {"dense": {"units": 64, "batch_norm": {"momentum": 0.5}}},
        {"dense": {"units": 64, "batch_norm": None}},
        {"conv": {"filters": 3, "kernel_size": 3}},
        {"conv": {"filters": 3, "kernel_size": [3, 5]}},
        {"repeat": {"times": 3, "layers": ["flatten", {"dense": 3}]}},
    ],
)
def test_schema_allows_every_way_to_write_a_layer(schema: dict[str, Any], layer: Any) -> None:
    assert is_allowed(schema, layers(layer))


@pytest.mark.parametrize(
    "layer",
    [
        "dens",
        3,
        {"dense": "64"},
        {"dense": {"unit": 64}},
        {"dense": {"kind": "dense", "units": 64}},
        {"dense": {"units": 0}},
        {"dense": 3, "flatten": None},
        {"flatten": 3},
        {"repeat": {"layers": ["dens"]}},
        {"conv": {"filters": 3, "kernel_size": [3]}},
    ],
)
def test_schema_refuses_what_is_no_layer(schema: dict[str, Any], layer: Any) -> None:
    assert not is_allowed(schema, layers(layer))


def test_schema_knows_bare_kinds_and_asks_for_the_kind_otherwise(schema: dict[str, Any]) -> None:
    assert is_allowed(schema, {"dataset": "iris", "model": "linear", "optimizer": "adam"})
    assert is_allowed(schema, {"dataset": "iris", "model": "linear", "optimizer": {"kind": "adam", "beta_1": 0.5}})
    assert not is_allowed(schema, {"dataset": "iris", "model": "linear", "optimizer": {"beta_1": 0.5}})
    assert not is_allowed(schema, {"dataset": "iris", "model": "linear", "optimizer": "adma"})
    assert not is_allowed(schema, {"dataset": "iris"})


def test_every_setting_of_the_schema_is_described(schema: dict[str, Any]) -> None:
    undescribed = [
        f"{name}.{setting}"
        for name, definition in [("", schema), *schema["$defs"].items()]
        for setting, described in definition["properties"].items()
        if setting != "kind" and not described.get("description")
    ]
    assert undescribed == []
    assert schema["$defs"]["Dense"]["properties"]["units"]["description"] == "Number of outputs."


def test_schema_holds_no_leftovers(schema: dict[str, Any]) -> None:
    for part in parts_of(schema):
        assert "main" not in part
        assert "discriminator" not in part or part["discriminator"]["mapping"]
    assert "kind" not in schema["$defs"]["Dense"]["properties"]
    assert "kind" in schema["$defs"]["Adam"]["properties"]


def parts_of(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from parts_of(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from parts_of(part)


def test_descriptions_are_inherited_and_overridden() -> None:
    class Parent(Settings):
        one: int = 1
        """First
        of two."""

        two: int = 2
        """Second."""

    class Child(Parent):
        two: int = 3
        """Second, again."""

        three: int = 3

    assert descriptions(Child) == {"one": "First\nof two.", "two": "Second, again."}


def test_reference_lists_kinds_settings_defaults_and_what_they_mean(small: type[Settings]) -> None:
    page = reference(small)
    assert "\n## model\n\nWhat is fitted.\n\n### `network`\n\nA stack of layers.\n" in page
    assert "\n### `dense` (layer)\n\nFully connected layer.\n\nA bare value is its `units`.\n" in page
    assert "\n| `units` | an integer >= 1 | required | Number of outputs. |\n" in page
    assert "\n| `optimizer` | one of adam, sgd | `{kind: sgd, learning_rate: 0.5}` | How weights move. |\n" in page
    assert "\n| `early_stopping` | true, false or a mapping of settings | `false` | When to stop. |\n" in page
    assert "\n### Early stopping\n" in page
    assert page.count("### `dense` (layer)") == 1
    assert "`metric_a`, `metric_b`" in page


def test_reference_is_one_table_a_class_with_equal_columns(small: type[Settings]) -> None:
    for line in reference(small).splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 5
