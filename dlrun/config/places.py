"""Places: from pydantic's location of an error to the path as the YAML is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dlrun.base.settings import Settings
from dlrun.config.forms import Form, form_of_field, form_of_section
from dlrun.config.marks import Path


@dataclass(frozen=True)
class Place:
    """Where a location leads to.

    Args:
        path: Path in the config; it may go on below what is written, as in `layers.0.dense.units` for `- dense: 64`.
        form: What may be written there.
        value: What is written there; None if nothing is.
        section: Class of the innermost section that the path went through.
        siblings: Every class that this section could be of, by kind or name; empty if it has one form only.
    """

    path: Path
    form: Form
    value: Any
    section: type[Settings]
    siblings: Mapping[str, type[Settings]] = field(default_factory=dict)


def locate(location: tuple[str | int, ...], data: Any, settings_class: type[Settings]) -> Place:
    """Follow a location of pydantic through a config.

    Pydantic puts the tag of every union on the way into the location; tags that are not written are left out.

    Args:
        location: What pydantic's error calls `loc`.
        data: The plain values that were validated.
        settings_class: The class that they were validated against.
    """
    place = Place((), form_of_section(settings_class), data, settings_class)
    for part in location:
        place = _step(place, part)
    return place


def _step(place: Place, part: str | int) -> Place:
    form, value = place.form, place.value
    if part in form.by_kind:
        return _inside(place, form.by_kind[str(part)], {"kind": value} if isinstance(value, str) else value)
    if part in form.by_name:
        return _named(place, str(part))
    if isinstance(part, int) and isinstance(value, str) and form.items:
        return place  # one name alone, which was read as a list of one
    if isinstance(part, int):
        items = form.items.form if form.items else form
        inside = value[part] if isinstance(value, list) and part < len(value) else None
        return replace(place, path=(*place.path, part), form=items, value=inside)
    if form.section and (part in form.section.model_fields or (isinstance(value, Mapping) and part in value)):
        inside = value.get(part) if isinstance(value, Mapping) else None
        siblings = place.siblings if form.section is place.section else {}
        return Place((*place.path, part), form_of_field(form.section, part), inside, form.section, siblings)
    if form.values and isinstance(value, Mapping) and part in value:
        return replace(place, path=(*place.path, part), form=form.values.form, value=value[part])
    return place


def _inside(place: Place, settings_class: type[Settings], value: Any) -> Place:
    """Go into a section whose kind is not part of the path."""
    return Place(place.path, form_of_section(settings_class), value, settings_class, place.form.by_kind)


def _named(place: Place, name: str) -> Place:
    """Go into a section written under its name; a bare value stands for the main setting."""
    settings_class = place.form.by_name[name]
    value = place.value[name] if isinstance(place.value, Mapping) and name in place.value else None
    if not isinstance(value, Mapping) and value is not None and settings_class.main:
        value = {settings_class.main: value}
    path = (*place.path, name)
    return Place(path, form_of_section(settings_class), value, settings_class, place.form.by_name)
