"""Loading: from a file and overrides to an Experiment, or to every problem at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from dlrun.config import messages, overrides, space
from dlrun.config.finding import name_of, read_text
from dlrun.config.marks import Fault, Marks, Path, in_file, in_order
from dlrun.config.reading import read_mapping
from dlrun.errors import ConfigError
from dlrun.settings import Settings

if TYPE_CHECKING:
    from dlrun.experiment import Experiment

SettingsType = TypeVar("SettingsType", bound=Settings)


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
    from dlrun.config.finding import find

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
    from dlrun.experiment import Experiment

    experiment, data, marks = load_settings(text, name, overrides, Experiment)
    return LoadedConfig(experiment, name, text, tuple(overrides), data, marks)


def load_settings(
    text: str, name: str, assignments: Sequence[str], settings_class: type[SettingsType]
) -> tuple[SettingsType, dict[str, Any], Marks]:
    """Do for any class of settings what `load_text` does for an Experiment.

    Args:
        text: YAML.
        name: What messages call the text.
        assignments: `key.path=value`; the value is YAML, or a single mark such as `,`.
        settings_class: Class of the whole config.

    Returns:
        The settings, the plain values that they were made of, and where these were written.

    Raises:
        ConfigError: With every problem of the text and the assignments.
    """
    reading = read_mapping(text, lambda line, column: in_file(name, line, column))
    if not reading.complete:
        raise ConfigError(in_order(reading.faults))
    data, marks = reading.value or {}, reading.marks
    faults = reading.faults + overrides.apply(assignments, data, marks, settings_class)
    settings, found = check(data, marks, settings_class)
    faults += [fault for fault in found if not _is_unknown(fault, reading.unknown)]
    if settings is None or faults:
        raise ConfigError(in_order(faults))
    return settings, data, marks


def validate(data: Any, marks: Marks, settings_class: type[SettingsType]) -> SettingsType:
    """Validate plain values.

    Args:
        data: Plain values, as read from YAML.
        marks: Where they were written.
        settings_class: Class of the whole config.

    Raises:
        ConfigError: With every problem.
    """
    settings, faults = check(data, marks, settings_class)
    if settings is None or faults:
        raise ConfigError(in_order(faults))
    return settings


def check(data: Any, marks: Marks, settings_class: type[SettingsType]) -> tuple[SettingsType | None, list[Fault]]:
    """Validate plain values, and the search space against them; return the settings if there are any, and faults."""
    try:
        settings = settings_class.model_validate(data)
    except ValidationError as error:
        faults = messages.explain(error, data, marks, settings_class)
        return None, faults + space.check_rest_of_space(data, faults, marks, settings_class)
    return settings, space.check_space(data, getattr(settings, "tuner", None), marks, settings_class)


def _is_unknown(fault: Fault, unknown: set[Path]) -> bool:
    """Tell whether a fault lies at or below a value that could not be read.

    The path of a fault may name a main setting that is not written, such as the `bounds` of `uniform: [.nan, 1]`.
    """
    places = [fault.path, *(fault.path[:place] + fault.path[place + 1 :] for place in range(len(fault.path)))]
    return any(place[: len(path)] == path for path in unknown for place in places)
