"""From the text of a config and overrides to settings of any class, or to every problem at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from dlrun.base.settings import Settings
from dlrun.config import messages, overrides
from dlrun.config.lacking import find_lacking
from dlrun.config.marks import Fault, Marks, Path, in_file, in_order
from dlrun.config.read import read_mapping
from dlrun.errors import ConfigError

SettingsType = TypeVar("SettingsType", bound=Settings)


def load_settings(
    text: str, name: str, assignments: Sequence[str], settings_class: type[SettingsType]
) -> tuple[SettingsType, dict[str, Any], Marks]:
    """Read a config from a string, set the overrides, and validate.

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
    """Validate plain values, and the search space against them; return the settings if there are any, and faults.

    A package that is missing is one of them.
    """
    try:
        settings = settings_class.model_validate(data)
    except ValidationError as error:
        faults = messages.explain(error, data, marks, settings_class)
        return None, faults + settings_class.faults_of_whole(None, data, marks, faults)
    lacking = find_lacking(settings, marks)
    return settings, lacking + settings_class.faults_of_whole(settings, data, marks, ())


def _is_unknown(fault: Fault, unknown: set[Path]) -> bool:
    """Tell whether a fault lies at or below a value that could not be read.

    The path of a fault may name a main setting that is not written, such as the `bounds` of `uniform: [.nan, 1]`.
    """
    places = [fault.path, *(fault.path[:place] + fault.path[place + 1 :] for place in range(len(fault.path)))]
    return any(place[: len(path)] == path for path in unknown for place in places)
