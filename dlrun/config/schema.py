"""Schema: the JSON Schema of a config, for editors."""

from __future__ import annotations

from typing import Any, cast

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from dlrun.base.settings import Settings
from dlrun.config.docs import descriptions

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Described(GenerateJsonSchema):
    """Adds the docstrings of the settings."""

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        described = super().model_schema(schema)
        for name, text in descriptions(cast("type[Settings]", schema["cls"])).items():
            described["properties"][name]["description"] = text
        return described


def json_schema(settings_class: type[Settings]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config as it is written, shorthand forms included.

    Args:
        settings_class: Class of the whole config.
    """
    schema = settings_class.model_json_schema(schema_generator=_Described)
    definitions = schema.get("$defs", {})
    named: set[str] = set()
    _complete(schema, definitions, named)
    for name in named:
        definitions[name]["properties"].pop("kind", None)
    _drop_titles(schema)
    return {"$schema": _DIALECT, "title": "dlrun config", **schema}


def _complete(schema: Any, definitions: dict[str, Any], named: set[str]) -> None:
    """Allow a bare value for the main setting of what is written by name, and note which definitions these are."""
    if isinstance(schema, list):
        for item in schema:
            _complete(item, definitions, named)
    elif isinstance(schema, dict):
        if isinstance(schema.get("anyOf"), list) and "main" in schema:
            main = schema.pop("main")
            reference = schema["anyOf"][0]["$ref"]
            named.add(reference.rsplit("/", 1)[-1])
            if main:
                schema["anyOf"].append({"$ref": f"{reference}/properties/{main}"})
        for item in schema.values():
            _complete(item, definitions, named)


def _drop_titles(schema: Any) -> None:
    """Remove the titles that pydantic makes of names, which only repeat them."""
    if isinstance(schema, list):
        for item in schema:
            _drop_titles(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for item in schema.values():
            _drop_titles(item)
