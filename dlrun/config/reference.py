"""Reference: every section, kind and setting on one page of Markdown, from their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from dlrun.base.settings import Settings, fields_of
from dlrun.base.words import MOST_NAMES
from dlrun.config.docs import descriptions
from dlrun.config.forms import Form, form_of_field
from dlrun.config.phrases import expected
from dlrun.config.write import one_line, plain

_HEAD = """\
# Reference of the config

Every setting of dlrun, as `dlrun schema --markdown` writes it. Settings without a default must be given.
A section that is chosen by kind takes the bare name of the kind where its defaults are wanted: `optimizer: adam` is
`optimizer: {kind: adam}`. What is written by name, such as a layer, takes a bare value for its main setting:
`- dense: 64` is `- dense: {units: 64}`.
"""


def reference(settings_class: type[Settings]) -> str:
    """Return the reference page of a config.

    Args:
        settings_class: Class of the whole config.
    """
    lines = [_HEAD, *_table(settings_class)]
    described: set[type[Settings]] = {settings_class}
    for name in settings_class.model_fields:
        form = form_of_field(settings_class, name)
        if form.sections:
            lines += ["", f"## {name}", "", *_text(descriptions(settings_class).get(name))]
            lines += _classes(form, "", described)
    return "\n".join(lines).rstrip() + "\n"


def _classes(form: Form, place: str, described: set[type[Settings]]) -> Iterator[str]:
    """Describe every class that may stand in a place, then every class inside these; each class once."""
    inside: list[tuple[str, Form]] = []
    for settings_class in form.sections:
        if settings_class not in described:
            described.add(settings_class)
            yield from _class(settings_class, form, place)
            inside += _forms_inside(settings_class)
    for name, inner in inside:
        yield from _classes(inner, name, described)


def _class(settings_class: type[Settings], form: Form, place: str) -> Iterator[str]:
    kind = settings_class.model_fields.get("kind")
    title = f"`{kind.default}`" if kind and settings_class is not form.section else _in_words(settings_class.__name__)
    what = form.what or (place if form.by_kind else "")
    yield from ("", f"### {title}{f' ({what})' if what else ''}", "", *_text(settings_class.__doc__))
    if settings_class.main:
        yield from ("", f"A bare value is its `{settings_class.main}`.")
    yield from ("", *_table(settings_class))


def _forms_inside(settings_class: type[Settings]) -> Iterator[tuple[str, Form]]:
    """Yield the forms of all settings of a class that hold sections, lists and mappings of sections included."""
    for name in settings_class.model_fields:
        form: Form | None = form_of_field(settings_class, name)
        while form is not None:
            if form.sections:
                yield name, form
            inner = form.items or form.values
            form = inner.form if inner else None


def _table(settings_class: type[Settings]) -> Iterator[str]:
    fields = {name: known for name, known in fields_of(settings_class).items() if name != "kind"}
    if not fields:
        yield "It has no settings."
        return
    yield from ("| setting | values | default | |", "|---|---|---|---|")
    for name, known in fields.items():
        form = form_of_field(settings_class, name)
        description = " ".join([*_text(descriptions(settings_class).get(name)), *_names(form)])
        cells = (f"`{name}`", expected(form, brief=True), _default(known, form), description)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _names(form: Form) -> Iterator[str]:
    """Yield all names that a setting or the items of its list may take, where they are too many for the column."""
    for words in (form.words, form.items.form.words if form.items else ()):
        if len(words) > MOST_NAMES:
            yield f"Names: {', '.join(f'`{word}`' for word in words)}."


def _default(known: FieldInfo, form: Form) -> str:
    if known.is_required():
        return "required"
    value: Any = known.get_default(call_default_factory=True, validated_data={})
    written = plain(value, form, only_set=True)
    return f"`{one_line(written)}`"


def _text(docstring: str | None) -> list[str]:
    return inspect.cleandoc(docstring or "").splitlines()


def _in_words(name: str) -> str:
    """Write a class's name as words: `EarlyStopping` is `Early stopping`."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return words[:1].upper() + words[1:]
