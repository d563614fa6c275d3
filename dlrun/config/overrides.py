"""Overrides: `key.path=value` set in the plain values of a config, before they are validated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from dlrun.base.settings import Settings
from dlrun.base.words import clip, listed, show, suggestion
from dlrun.config.forms import Form, form_of_field, form_of_section
from dlrun.config.marks import Fault, Mark, Marks, Path, dotted, in_override
from dlrun.config.phrases import expected
from dlrun.config.read import read
from dlrun.config.write import plain

_ABSENT = object()


@dataclass(frozen=True)
class Assignment:
    """A value and the path that it is to be set at.

    Args:
        parts: The path, as typed, split at its dots.
        value: Plain value.
        mark: Blamed for the value, and for the path if it leads nowhere.
    """

    parts: tuple[str, ...]
    value: Any
    mark: Mark

    @property
    def is_kind(self) -> bool:
        return len(self.parts) > 1 and self.parts[-1] == "kind"


class NoSuchSetting(Exception):
    """A path leads to no setting.

    Args:
        path: The part of the path that was followed, and the part that leads nowhere.
        message: What was found.
        hint: The nearest known name; empty if there is none.
    """

    def __init__(self, path: Path, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.hint = hint


def apply(overrides: Sequence[str], data: Any, marks: Marks, settings_class: type[Settings]) -> list[Fault]:
    """Set every override in a config, the last one of a path winning.

    A `kind` that changes drops what was written for the old kind, as the other kind starts from its own defaults;
    the other overrides of the section are set on top, wherever they stand.

    Args:
        overrides: `key.path=value`, as typed.
        data: Plain values of the config; changed in place.
        marks: Where they were written; changed in place.
        settings_class: Class of the whole config.

    Returns:
        What is wrong with the overrides themselves.
    """
    assignments: list[Assignment] = []
    faults: list[Fault] = []
    for number, text in enumerate(overrides):
        parsed, found = _parse(text, in_override(clip(text, 120), number))
        faults += found
        assignments += [parsed] if parsed else []
    for assignment in _kinds_first(assignments):
        try:
            assign(assignment, data, marks, settings_class)
        except NoSuchSetting as error:
            faults.append(Fault(assignment.mark, error.path, error.message, error.hint))
    return faults


def assign(assignment: Assignment, data: Any, marks: Marks, settings_class: type[Settings]) -> None:
    """Set one value in a config, expanding bare names and bare values on the way.

    Raises:
        NoSuchSetting: The path leads nowhere.
    """
    _Setter(assignment, marks).set(data, form_of_section(settings_class), assignment.parts, ())


def _parse(text: str, mark: Mark) -> tuple[Assignment | None, list[Fault]]:
    path, sign, value = text.partition("=")
    parts = tuple(path.strip().split("."))
    if not sign:
        return None, [Fault(mark, (), "expected 'key.path=value', found no '='")]
    if not all(parts):
        return None, [Fault(mark, (), "expected 'key.path=value', found an empty name in the path")]
    if _is_mark(value):
        return Assignment(parts, value, mark), []
    reading = read(value, lambda *_: mark)
    faults = [Fault(mark, parts, fault.message, fault.hint) for fault in reading.faults]
    return (None if faults else Assignment(parts, reading.value, mark)), faults


def _is_mark(value: str) -> bool:
    """Tell whether a value is a text although YAML reads it otherwise: a single mark, or what begins with `#`.

    Shells take quotes away, so that `decimal=','` arrives as a lone comma, which is no YAML; and what stands alone is
    no comment on anything. A bracket begins what somebody has not ended, and `~` is YAML for nothing.
    """
    return value.startswith("#") or (len(value) == 1 and not value.isalnum() and value not in "~[]{}")


def _kinds_first(assignments: list[Assignment]) -> list[Assignment]:
    """Move each `kind` before what is set in the same section, but not before the section as a whole is set."""
    ordered: list[Assignment] = []
    for assignment in assignments:
        position = len(ordered)
        if assignment.is_kind:
            section = assignment.parts[:-1]
            while position and _is_below(ordered[position - 1], section):
                position -= 1
        ordered.insert(position, assignment)
    return ordered


def _is_below(assignment: Assignment, section: tuple[str, ...]) -> bool:
    """Tell whether an assignment may be made after the kind of a section is set: it is elsewhere, or inside."""
    parts = assignment.parts
    return parts != (*section, "kind") and parts != section[: len(parts)]


class _Setter:
    """Follows the path of one assignment through values and forms at once."""

    def __init__(self, assignment: Assignment, marks: Marks) -> None:
        self._new = assignment.value
        self._mark = assignment.mark
        self._marks = marks

    def set(self, value: Any, form: Form, parts: tuple[str, ...], path: Path, default: Any = None) -> Any:
        """Return `value` with the new value set at `parts` below it.

        Args:
            value: What is written at `path`, or `_ABSENT`.
            form: What may be written there.
            parts: The rest of the path.
            path: The part of the path that was followed.
            default: What the setting is when nothing is written.
        """
        if not parts:
            self._marks.put(path, self._mark)
            return deepcopy(self._new)
        if value is _ABSENT:
            self._marks.put(path, self._mark)
            value = plain(default, form, only_set=True)
        if form.by_name:
            return self._set_named(value, form, parts, path)
        if form.section or form.by_kind:
            return self._set_in_section(value, form, parts, path)
        if form.items or (form.anything and isinstance(value, list)):
            return self._set_item(value, form, parts, path)
        if form.values or (form.anything and isinstance(value, dict)):
            return self._set_free(value, form, parts, path)
        raise NoSuchSetting((*path, parts[0]), f"'{dotted(path)}' takes {expected(form)} and has nothing below it")

    def _set_in_section(self, value: Any, form: Form, parts: tuple[str, ...], path: Path) -> dict[str, Any]:
        section = self._section(value, form, path)
        name, rest = parts[0], parts[1:]
        kind = section.get("kind")
        classes = (form.by_kind[kind],) if isinstance(kind, str) and kind in form.by_kind else form.sections
        fields = {name: cls for cls in reversed(classes) for name in cls.model_fields}
        if name not in fields:
            hint = suggestion(name, [known for known in fields if known != "kind" or form.by_kind], "Known settings")
            others = sorted(other for other, cls in form.by_kind.items() if name in cls.model_fields)
            hint = f"It is a setting of {listed(others)}." if others else hint
            if found := re.fullmatch(r"(\w+)\[(\d+)\]", name):
                hint = f"Write {found[1]}.{found[2]}."
            raise NoSuchSetting((*path, name), f"unknown setting '{clip(name)}'", hint)
        if name == "kind" and not rest and kind not in (None, self._new):
            kept = form.by_kind[self._new].stays if self._new in form.by_kind else ()
            section = {name: value for name, value in section.items() if name in kept}
            if not section:
                self._marks.put(path, self._mark)
        default = _default(fields[name].model_fields[name])
        field_form = form_of_field(fields[name], name)
        section[name] = self.set(section.get(name, _ABSENT), field_form, rest, (*path, name), default)
        return section

    def _section(self, value: Any, form: Form, path: Path) -> dict[str, Any]:
        """Return a section as a mapping, whatever way it is written."""
        if isinstance(value, dict):
            return value
        if isinstance(value, str) and value in form.by_kind:
            self._marks.add((*path, "kind"), self._marks.of_value(path))
            return {"kind": value}
        if value is None or isinstance(value, bool) or value in form.words:
            return {}
        raise NoSuchSetting(path, f"is {show(value)}, which has no settings below it")

    def _set_named(self, value: Any, form: Form, parts: tuple[str, ...], path: Path) -> dict[str, Any]:
        name, rest = parts[0], parts[1:]
        written, settings = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, None)
        if written is not None and name != written:
            raise NoSuchSetting((*path, name), f"the {form.what} at '{dotted(path)}' is {show(written)}")
        if name not in form.by_name:
            hint = suggestion(name, form.by_name, f"Known {form.what}s")
            raise NoSuchSetting((*path, name), f"unknown {form.what} '{clip(name)}'", hint)
        inside = (*path, name)
        self._marks.add(inside, self._marks.of_value(path))
        settings_class = form.by_name[name]
        if rest and settings is not None and not isinstance(settings, dict) and settings_class.main:
            self._marks.add((*inside, settings_class.main), self._marks.of_value(inside))
            settings = {settings_class.main: settings}
        return {name: self.set(settings, form_of_section(settings_class), rest, inside)}

    def _set_item(self, value: Any, form: Form, parts: tuple[str, ...], path: Path) -> list[Any]:
        index = parts[0]
        if not isinstance(value, list):
            raise NoSuchSetting((*path, index), f"'{dotted(path)}' is {show(value)}, not a list")
        digits = index.lstrip("0") or "0"
        if not (index.isascii() and index.isdigit()) or len(digits) > 9 or int(digits) >= len(value):
            positions = f"positions 0 to {len(value) - 1}" if value else "no positions"
            raise NoSuchSetting((*path, index), f"the list '{dotted(path)}' has {positions}, found {show(index)}")
        items = form.items.form if form.items else form
        place = int(digits)
        value[place] = self.set(value[place], items, parts[1:], (*path, place))
        return value

    def _set_free(self, value: Any, form: Form, parts: tuple[str, ...], path: Path) -> dict[str, Any]:
        """Set a value of a mapping with free keys, which may hold dots themselves."""
        mapping = self._section(value, form, path)
        values = form.values.form if form.values else form
        lengths = range(1, len(parts) + 1)
        known = (length for length in reversed(lengths) if ".".join(parts[:length]) in mapping)
        fitting = (length for length in lengths if _fits(values, parts[length:]))
        length = next(known, None) or next(fitting, 1)
        key = ".".join(parts[:length])
        mapping[key] = self.set(mapping.get(key, _ABSENT), values, parts[length:], (*path, key))
        return mapping


def _default(known: FieldInfo) -> Any:
    return None if known.is_required() else known.get_default(call_default_factory=True, validated_data={})


def _fits(form: Form, parts: tuple[str, ...]) -> bool:
    """Tell whether a path could lead to a setting below a place of this form."""
    if not parts or form.anything or form.values:
        return True
    name, rest = parts[0], parts[1:]
    if name in form.by_name:
        return _fits(form_of_section(form.by_name[name]), rest)
    if form.items and name.isdigit():
        return _fits(form.items.form, rest)
    classes = [cls for cls in (form.section, *form.by_kind.values()) if cls and name in cls.model_fields]
    return any(_fits(form_of_field(cls, name), rest) for cls in classes)
