"""Messages: pydantic's errors in the words of the config, each with the value found and what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dlrun.base.settings import Settings
from dlrun.base.words import clip, listed, nearest, show, suggestion
from dlrun.config.docs import descriptions
from dlrun.config.forms import form_of_field
from dlrun.config.marks import Fault, Marks, Path, dotted
from dlrun.config.phrases import expected, one_of
from dlrun.config.places import Place, locate
from dlrun.config.scalars import FLOAT

_LONGEST_NUMBER = 40
"""Digits of a number that a hint repeats."""


@dataclass(frozen=True)
class _Context:
    """What every explanation may look at."""

    error: ErrorDetails
    place: Place
    marks: Marks
    data: Any
    root: type[Settings]

    @property
    def details(self) -> dict[str, Any]:
        return dict(self.error.get("ctx") or {})


def explain(error: ValidationError, data: Any, marks: Marks, settings_class: type[Settings]) -> list[Fault]:
    """Turn all that pydantic found into faults of the config.

    Args:
        error: What validation raised.
        data: The plain values that were validated.
        marks: Where they were written.
        settings_class: The class that they were validated against.
    """
    vague: dict[Path, Fault] = {}
    exact: list[Fault] = []
    meant: set[Path | None] = set()
    for details in error.errors(include_url=False):
        if _is_short_list(details):
            details = {**details, "type": "too_short", "loc": details["loc"][:-1]}
        context = _Context(details, locate(details["loc"], data, settings_class), marks, data, settings_class)
        explanation = _EXPLANATIONS.get(details["type"])
        if explanation:
            exact.append(explanation(context))
            meant.add(_meant(context))
        elif _is_mismatch(details):
            vague.setdefault(context.place.path, _mismatch(context))
        else:
            exact.append(_as_said(context))
    exact = [fault for fault in exact if fault.path not in meant]
    return exact + _without_vague(vague, [fault.path for fault in exact])


def _meant(context: _Context) -> Path | None:
    """Return the setting that a misspelled one was meant to be, of which nothing else needs to be said."""
    if context.error["type"] != "extra_forbidden":
        return None
    path, name = _with_name(context)
    near = nearest(name, _settings_of(context.place.section))
    return (*path[:-1], near) if near else None


def _without_vague(vague: dict[Path, Fault], exact: list[Path]) -> list[Fault]:
    """Drop what only repeats, for another member of a union, a fault found at the same place or below."""
    paths = [*exact, *vague]
    return [
        fault
        for path, fault in vague.items()
        if path not in exact and not any(len(other) > len(path) and other[: len(path)] == path for other in paths)
    ]


def _is_short_list(details: ErrorDetails) -> bool:
    """Tell whether an error says that an item of a list of fixed length is missing."""
    return details["type"] == "missing" and isinstance(details["loc"][-1], int)


def _is_mismatch(details: ErrorDetails) -> bool:
    """Tell whether an error says no more than that a value has not the form of its setting."""
    kind = details["type"]
    return kind in _MISMATCHES or kind.endswith(("_type", "_parsing"))


_MISMATCHES = frozenset(
    (
        "finite_number",
        "greater_than",
        "greater_than_equal",
        "int_from_float",
        "less_than",
        "less_than_equal",
        "literal_error",
        "multiple_of",
        "none_required",
        "string_pattern_mismatch",
        "string_too_long",
        "string_too_short",
        "too_long",
        "too_short",
    )
)


def _mismatch(context: _Context) -> Fault:
    place = context.place
    mark, hint = context.marks.of_value(place.path), _mismatch_hint(place)
    if context.error["type"] in ("string_pattern_mismatch", "string_too_long", "string_too_short"):
        described = descriptions(place.section).get(str(place.path[-1]), "")
        if described:  # words say more than a pattern
            return Fault(mark, place.path, f"cannot be {show(place.value)}", described)
    message = f"expected {expected(place.form, brief=hint.startswith('Did'))}, found {show(place.value)}"
    return Fault(mark, place.path, message, hint)


def _mismatch_hint(place: Place) -> str:
    """Say how a value that has not the form of its setting should be written."""
    form, value = place.form, place.value
    if isinstance(value, str):
        if (form.boolean or form.switch) and value.lower() in ("yes", "no", "on", "off", "true", "false"):
            return "Write true or false."
        if form.numbers and _number_in(value):
            number = _number_in(value)
            return f"Write {number}, without quotes." if number == value else f"Write {number}."
        known = [*(str(word) for word in form.words), *form.by_kind, *form.by_name]
        near = nearest(value, known)
        return f"Did you mean '{near}'?" if near else ""
    if isinstance(value, bool | int | float) and (form.text or form.words):
        return f"Put it in quotes if it is text: '{show(value)}'." if form.text else ""
    if value is None and form.section and not any(f.is_required() for f in form.section.model_fields.values()):
        return "Leave the line out for the defaults."
    return ""


def _number_in(text: str) -> str:
    """Return the decimal number that a text is meant as, or nothing."""
    plain = re.sub(r"^([-+]?)0+(?=\d)", r"\1", text.replace("_", "").strip())
    return plain if len(plain) <= _LONGEST_NUMBER and FLOAT.fullmatch(plain) else ""


def _unknown_setting(context: _Context) -> Fault:
    place = context.place
    path, name = _with_name(context)
    known = _settings_of(place.section)
    others = [kind for kind, sibling in place.siblings.items() if name in sibling.model_fields]
    elsewhere = _elsewhere(name, path, context)
    section, _, inner = name.partition(".")
    if inner and section in known:
        hint = f"Write '{section}:' and, indented below it, '{clip(inner)}:'."
    elif nearest(name, known) or not (others or elsewhere):
        hint = suggestion(name, known, "Known settings") or "Remove it: there is nothing to set."
    else:
        hint = f"It is a setting of {listed(sorted(others))}." if others else f"Did you mean '{elsewhere}'?"
    return Fault(context.marks.of_key(path), path, f"unknown setting '{clip(name)}'", hint)


def _settings_of(settings_class: type[Settings]) -> list[str]:
    return [name for name in settings_class.model_fields if name != "kind"]


def _with_name(context: _Context) -> tuple[Path, str]:
    """Return the path that ends in the setting's name, and the name."""
    path, name = context.place.path, str(context.error["loc"][-1])
    return (path if path[-1:] == (name,) else (*path, name)), name


def _elsewhere(name: str, path: Path, context: _Context) -> str | None:
    """Return where at the top, or one level below it, a setting of this name is."""
    candidates: list[Path] = [(name,)] if name in context.root.model_fields else []
    for section, known in context.root.model_fields.items():
        form = form_of_field(context.root, section)
        written = context.data.get(section, known.default) if isinstance(context.data, dict) else None
        kind = written.get("kind") if isinstance(written, dict) else getattr(written, "kind", written)
        settings_class = form.by_kind.get(kind) if isinstance(kind, str) else form.section
        if settings_class and name in settings_class.model_fields:
            candidates.append((section, name))
    return next((dotted(candidate) for candidate in candidates if candidate != path), None)


def _missing(context: _Context) -> Fault:
    place = context.place
    message = f"required setting is missing; expected {expected(place.form)}"
    return Fault(context.marks.of_key(place.path), place.path, message)


def _unknown_kind(context: _Context) -> Fault:
    place = context.place
    found = context.details["tag"]
    near = nearest(found, place.form.by_kind)
    brief = near is not None
    path, wanted = place.path, expected(place.form, brief=brief)
    if isinstance(place.value, dict):
        path, wanted = (*path, "kind"), one_of(sorted(place.form.by_kind), brief=brief)
    message = f"expected {wanted}, found {show(found)}"
    return Fault(context.marks.of_value(path), path, message, f"Did you mean '{near}'?" if near else "")


def _unknown_name(context: _Context) -> Fault:
    place, details = context.place, context.details
    name = str(details["name"])
    path = (*place.path, name) if isinstance(place.value, dict) else place.path
    hint = suggestion(name, details["known"], f"Known {details['what']}s")
    return Fault(context.marks.of_key(path), path, f"unknown {details['what']} '{clip(name)}'", hint)


def _no_kind(context: _Context) -> Fault:
    place = context.place
    kinds = place.form.by_kind
    path = (*place.path, "kind")
    hint = ""
    stuck = next((name for name in place.value if str(name).startswith("kind:")), None)
    if stuck is not None:
        hint = f"Write 'kind: {clip(str(stuck).removeprefix('kind:').strip())}', with a space after the colon."
    elif len(place.value) == 1 and (name := next(iter(place.value))) in kinds:
        hint = f"Write '{{kind: {name}, ...}}'."
    else:
        likely = [kind for kind, settings in kinds.items() if set(place.value) <= set(settings.model_fields)]
        if 0 < len(likely) < len(kinds):
            hint = f"With these settings it may be {listed(sorted(likely))}."
    message = f"required setting is missing; expected {one_of(sorted(kinds))}"
    return Fault(context.marks.of_key(path), path, message, hint)


def _not_named(context: _Context) -> Fault:
    place = context.place
    what, value = place.form.what, place.value
    hint = ""
    if isinstance(value, dict):
        known = [name for name in value if name in place.form.by_name]
        others = [name for name in value if name not in known]
        if len(known) == 1 and value[known[0]] is None:
            hint = f"Indent {listed(map(clip, others))} further than '{known[0]}'."
        elif (kind := value.get("kind", value.get("name"))) in place.form.by_name:
            hint = f"Write '{kind}: {{...}}' without '{'kind' if 'kind' in value else 'name'}'."
    if place.path and isinstance(place.path[-1], int):
        message = f"a {what} is written '- name: {{settings}}', one name an item; found {show(value)}"
    else:
        message = f"a {what} is written '{{name: settings}}', such as '{_example(place)}'; found {show(value)}"
    return Fault(context.marks.of_value(place.path), place.path, message, hint)


def _example(place: Place) -> str:
    """Return something that may be written where a name and its settings are expected."""
    if isinstance(place.value, list) and place.value and "choice" in place.form.by_name:
        options = ", ".join(show(option) for option in place.value[:2] if not isinstance(option, dict | list))
        return f"{{choice: [{options}, ...]}}" if options else "{choice: [...]}"
    return "{uniform: [0, 1]}" if "uniform" in place.form.by_name else f"{{{next(iter(place.form.by_name))}: ...}}"


def _no_main_setting(context: _Context) -> Fault:
    place = context.place
    value = place.value
    path = place.path
    if isinstance(value, dict) and len(value) == 1:
        ((name, value),) = value.items()
        path = (*path, name)
    known = context.details["known"]
    hint = f"Known settings: {listed(known)}." if known else "Remove it: there is nothing to set."
    return Fault(context.marks.of_value(path), path, f"expected a mapping of settings, found {show(value)}", hint)


def _as_said(context: _Context) -> Fault:
    """Use the message of a settings class as it is; `known` and `hint` may stand in its context."""
    place, details = context.place, context.details
    message = context.error["msg"]
    for prefix in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(prefix)
    hint = str(details.get("hint", ""))
    if not hint and "known" in details:
        hint = suggestion(details.get("name", place.value), details["known"], "Known names")
    path = (*place.path, str(details["setting"])) if "setting" in details else place.path
    return Fault(context.marks.of_value(path), path, message, hint)


_EXPLANATIONS: dict[str, Callable[[_Context], Fault]] = {
    "extra_forbidden": _unknown_setting,
    "missing": _missing,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _no_kind,
    "unknown_name": _unknown_name,
    "not_named": _not_named,
    "no_main_setting": _no_main_setting,
}
