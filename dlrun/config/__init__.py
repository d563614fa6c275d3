"""From YAML text to a validated Experiment: reading, marks, overrides, messages, schema."""

from dlrun.config.finding import QUICKSTART, find
from dlrun.config.loading import LoadedConfig, load, load_settings, load_text, validate
from dlrun.config.reference import reference
from dlrun.config.schema import json_schema
from dlrun.config.writing import to_yaml

__all__ = [
    "QUICKSTART",
    "LoadedConfig",
    "find",
    "json_schema",
    "load",
    "load_settings",
    "load_text",
    "reference",
    "to_yaml",
    "validate",
]
