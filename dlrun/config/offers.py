"""Offers: how a half-typed override could go on, for the completion of shells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from dlrun.base.settings import Settings
from dlrun.config import overrides
from dlrun.config.forms import Form, form_of_field, form_of_section
from dlrun.config.marks import Marks, in_file
from dlrun.config.read import read_mapping


@dataclass(frozen=True)
class _Place:
    """A place in a config: what may be written there, what is written, and what holds if nothing is."""

    form: Form
    value: Any = None
    default: Any = None


def offers(typed: str, text: str, assignments: Sequence[str], settings_class: type[Settings]) -> list[str]:
    """Return how an override could go on: `training.ep` with `training.epochs=`, `dataset.kind=c` with its values.

    A single setting is offered with the values that it may have, or with the one that it has.

    Args:
        typed: What is typed so far.
        text: The config that is overridden, as YAML; what is wrong with it does not matter.
        assignments: The overrides before this one.
        settings_class: Class of the whole config.
    """
    reading = read_mapping(text, lambda line, column: in_file("", line, column))
    data = reading.value if isinstance(reading.value, dict) else {}
    marks = Marks(values={(): in_file("", 1, 1)})
    overrides.apply([each for each in assignments if "=" in each], data, marks, settings_class)
    path, sign, value = typed.partition("=")
    *parts, beginning = path.split(".")
    top = _Place(form_of_section(settings_class), data)
    if sign:
        place = _follow(top, [*parts, beginning])
        return [] if place is None else [f"{path}={each}" for each in _values(place) if each.startswith(value)]
    around = _follow(top, parts)
    return [] if around is None else _names("".join(f"{part}." for part in parts), beginning, around)


def _names(before: str, beginning: str, around: _Place) -> list[str]:
    """Return the settings of a section that begin as typed; a single one with what it may be."""
    found = [(name, place) for name, place in _children(around) if name.startswith(beginning)]
    if len(found) != 1:
        return [f"{before}{name}{end}" for name, place in found for end in _ends(place)]
    ((name, place),) = found
    ends = _ends(place)
    if "=" not in ends:
        return _names(f"{before}{name}.", "", place) or [f"{before}{name}."]
    values = _values(place) or [shown for shown in (_shown(place.value), _shown(place.default)) if shown][:1]
    return [*(f"{before}{name}{end}" for end in ends), *(f"{before}{name}={value}" for value in values)]


def _ends(place: _Place) -> list[str]:
    """Return what stands behind a setting: `=` before a value, `.` before a setting inside."""
    form = place.form
    has_inside = next(_children(place), None) is not None
    takes_value = not has_inside or form.switch or bool(form.words or form.by_kind) or not form.sections
    return [*["="] * takes_value, *["."] * has_inside]


def _follow(place: _Place, parts: Sequence[str]) -> _Place | None:
    """Return the place that a path leads to; None if it leads nowhere."""
    for part in parts:
        found = dict(_children(place)).get(part)
        if found is None:
            return None
        place = found
    return place


def _children(place: _Place) -> Iterator[tuple[str, _Place]]:
    """Yield what may be written, or is written, below a place."""
    form, value = place.form, place.value
    written = value if isinstance(value, Mapping) else {}
    if form.by_name:
        chosen = next(iter(written), value if isinstance(value, str) else None)
        for name in [chosen] if chosen in form.by_name else sorted(form.by_name):
            yield str(name), _Place(form_of_section(form.by_name[str(name)]), written.get(name))
    elif form.sections:
        kind = value if isinstance(value, str) else written.get("kind", getattr(place.default, "kind", None))
        classes = (form.by_kind[kind],) if kind in form.by_kind else form.sections
        if form.by_kind:
            yield "kind", _Place(Form(words=tuple(sorted(form.by_kind))), kind)
        fields = {name: each for each in reversed(classes) for name in each.model_fields if name != "kind"}
        for name, settings_class in fields.items():
            default = _default(settings_class.model_fields[name])
            yield name, _Place(form_of_field(settings_class, name), written.get(name), default)
    elif form.items and isinstance(value, list) and (form.items.form.sections or form.items.form.by_name):
        for number, item in enumerate(value):
            yield str(number), _Place(form.items.form, item)
    elif form.values:
        for name, item in written.items():
            yield str(name), _Place(form.values.form, item)


def _values(place: _Place) -> list[str]:
    """Return the values that can be listed."""
    form = place.form
    words = [str(word) for word in dict.fromkeys((*form.words, *sorted(form.by_kind)))]
    return [*words, *["true", "false"] * (form.boolean or form.switch), *["null"] * (form.null and bool(words))]


def _shown(value: Any) -> str:
    """Write a number, a truth value or a word as it would be typed; nothing for what is longer."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return value if isinstance(value, str) and value.isidentifier() else ""


def _default(known: FieldInfo) -> Any:
    return None if known.is_required() else known.get_default(call_default_factory=True, validated_data={})
