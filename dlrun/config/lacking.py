"""Lacking: sections of a config that need a package which is not installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dlrun.base.requirement import Requirement
from dlrun.base.settings import Settings, kind_of
from dlrun.config.forms import Form, form_of_field, form_of_section
from dlrun.config.marks import Fault, Mark, Marks, Path, in_order
from dlrun.errors import ConfigError


def find_lacking(settings: Settings, marks: Marks) -> list[Fault]:
    """Return a fault for every section that needs what is not there.

    Args:
        settings: Valid settings.
        marks: Where they were written.
    """
    return [
        Fault(
            marks.of_key(path),
            path,
            f"{kind_of(type(section))!r} needs the package {requirement.package}, which is not installed",
            f"Install it with: {requirement.command}",
        )
        for path, section in _sections(settings, ())
        for requirement in section.requires
        if not requirement.is_met
    ]


def refuse_lacking(settings: Settings) -> None:
    """Refuse settings that need what is not there, wherever they come from.

    Raises:
        ConfigError: With every such section.
    """
    faults = find_lacking(settings, Marks(values={(): Mark("", (0, 0))}))
    if faults:
        raise ConfigError(in_order(faults))


def requirements(settings_class: type[Settings]) -> dict[Requirement, list[str]]:
    """Map every package that is needed by some section of a config to what needs it, such as `model: lightgbm`.

    Args:
        settings_class: Class of the whole config.
    """
    found: dict[Requirement, list[str]] = {}
    for path, section in _classes(form_of_section(settings_class), "", set()):
        for requirement in section.requires:
            found.setdefault(requirement, []).append(f"{path}: {kind_of(section)}")
    return found


def _sections(value: Any, path: Path) -> Iterator[tuple[Path, Settings]]:
    """Yield every section of a value with its path, without the names of those that are written by name."""
    if isinstance(value, Settings):
        yield path, value
        for name in type(value).model_fields:
            yield from _sections(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _sections(inner, (*path, key))
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _sections(inner, (*path, index))


def _classes(form: Form, name: str, seen: set[type[Settings]]) -> Iterator[tuple[str, type[Settings]]]:
    """Yield every class that may stand in a place or inside of it, each once, with the setting that holds it."""
    for section in form.sections:
        if section in seen:
            continue
        seen.add(section)
        yield name, section
        for inner in section.model_fields:
            yield from _classes(form_of_field(section, inner), inner, seen)
    for held in (form.items, form.values):
        if held:
            yield from _classes(held.form, name, seen)
