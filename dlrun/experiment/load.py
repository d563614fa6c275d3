"""From a file and overrides to an Experiment, or to every problem at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from dlrun.config.find import find, name_of, read_text
from dlrun.config.load import load_settings
from dlrun.config.marks import Marks, Path
from dlrun.experiment.experiment import Experiment


@dataclass(frozen=True)
class LoadedConfig:
    """A valid config and where it comes from.

    Args:
        experiment: What it says.
        source_name: The file as it was named, or a name for what is not a file.
        source_text: The text of the file as it was written.
        overrides: The overrides as they were typed.
        data: Plain values after the overrides; what was not written is not in it.
        marks: Where every value was written.
    """

    experiment: Experiment
    source_name: str
    source_text: str
    overrides: tuple[str, ...]
    data: dict[str, Any]
    marks: Marks = field(repr=False, default_factory=Marks)

    def place(self, path: str) -> str:
        """Say where a setting was written: `file:line:column`, or the override.

        Args:
            path: Path as the YAML is written, such as `model.layers.2.conv2d`; if it was not written, the place is
                that of the section around it.
        """
        found: Path = ()
        for part in path.split("."):
            position = int(part) if part.isascii() and part.isdigit() else part
            found = (*found, position if (*found, position) in self.marks.values else part)
        return self.marks.of_key(found).place


def load(source: FilePath | None, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read a config, set the overrides, and validate.

    Args:
        source: A YAML file; None for the one that `find` finds.
        overrides: `key.path=value`; the value is YAML, or a single mark such as `,`.

    Raises:
        ConfigError: With every problem of the file and the overrides.
    """
    source = find(None) if source is None else source
    name = name_of(source)
    return load_text(read_text(source, name), name, overrides)


def load_text(text: str, name: str = "config", overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read a config from a string, set the overrides, and validate.

    Args:
        text: YAML.
        name: What messages call the text.
        overrides: `key.path=value`; the value is YAML, or a single mark such as `,`.

    Raises:
        ConfigError: With every problem of the text and the overrides.
    """
    experiment, data, marks = load_settings(text, name, overrides, Experiment)
    return LoadedConfig(experiment, name, text, tuple(overrides), data, marks)
