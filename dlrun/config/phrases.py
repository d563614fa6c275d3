"""Phrases: values and expectations in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlrun.config.forms import Form, Number

_LONGEST = 60
MOST_NAMES = 12
"""Most names that a message lists."""

_MOST_CHOICES = 24
"""Most names that it lists where one of them must be written: more than any family of dlrun has."""


def clip(text: object, longest: int = _LONGEST) -> str:
    """Show text on one line, only so much of it."""
    shown = printable(str(text))
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."


def printable(text: str) -> str:
    """Show text on one line, with escapes for what cannot be shown."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def show(value: object) -> str:
    """Say in words what was found."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return clip(value)
    if isinstance(value, str):
        return f"'{clip(value)}'"
    if isinstance(value, dict):
        return f"a mapping of {_some(value)}" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    return clip(value)


def _some(mapping: dict[str, Any]) -> str:
    names = [f"'{clip(name)}'" for name in list(mapping)[:3]]
    return ", ".join(names) + (", ..." if len(mapping) > 3 else "")


def either(alternatives: Iterable[str]) -> str:
    """Join alternatives: `a`, `a or b`, `a, b or c`."""
    *most, last = dict.fromkeys(alternatives)
    if not most:
        return last
    comma = "," if " and " in most[-1] else ""
    return f"{', '.join(most)}{comma} or {last}"


def listed(names: Iterable[object], most: int = MOST_NAMES) -> str:
    """List names: all of them, or the first so many and how many there are besides."""
    every = [str(name) for name in names]
    if len(every) <= most + 1:
        return ", ".join(every)
    return f"{', '.join(every[:most])} and {len(every) - most} more"


def nearest(name: object, known: Iterable[object]) -> str | None:
    """Return the known name that `name` was probably meant to be."""
    spelled = {str(candidate).lower(): str(candidate) for candidate in known}
    found = difflib.get_close_matches(str(name)[:_LONGEST].lower().replace("-", "_"), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else None


def suggestion(name: object, known: Iterable[object], what: str) -> str:
    """Ask whether the nearest known name was meant, or list what is known.

    Args:
        name: What was written.
        known: Every name that could stand there.
        what: What these names are, in the plural and with a capital.
    """
    known = list(known)
    near = nearest(name, known)
    if near is not None:
        return f"Did you mean '{near}'?"
    return f"{what}: {listed(known)}." if known else ""


def expected(form: Form, *, brief: bool = False) -> str:
    """Say in words what may be written in a place.

    Args:
        form: What may be written.
        brief: Whether to count names instead of listing them where there are many.
    """
    if form.anything:
        return "any value"
    alternatives = [number_in_words(number) for number in form.numbers]
    if form.text:
        alternatives.append(f"text that matches {form.pattern}" if form.pattern else "text")
    if form.boolean or form.switch:
        alternatives += ["true", "false"]
    alternatives += _names(form, brief=brief)
    if form.section:
        alternatives.append("a mapping of settings")
    or_several = form.items is not None and bool(form.items.form.words) and {*form.items.form.words} <= {*form.words}
    if form.items and not or_several:
        alternatives.append(_list_in_words(form, brief=brief))
    if form.values:
        alternatives.append(f"a mapping of names to {plural(form.values.form)}")
    if form.words and not form.by_kind:
        words = dict.fromkeys(form.words)
        quoted = [f"'{word}'" if isinstance(word, str) else show(word) for word in words]
        alternatives += quoted if len(quoted) <= MOST_NAMES else [one_of(quoted, brief=brief)]
    if or_several:
        alternatives.append("a list of them")
    if form.null and not form.switch:
        alternatives.append("null")
    return either(alternatives) if alternatives else "another value"


def number_in_words(number: Number) -> str:
    """Say which numbers are allowed: `an integer >= 1`."""
    bounds = " and ".join(f"{sign} {int(bound) if bound == int(bound) else bound}" for sign, bound in number.bounds)
    return f"{'an integer' if number.whole else 'a number'}{' ' if bounds else ''}{bounds}"


def plural(form: Form, *, brief: bool = False) -> str:
    """Say in words what the items of a list may be: `integers >= 1`."""
    if form.anything:
        return "values"
    if form.by_name:
        return f"{form.what}s"
    words = expected(form, brief=brief)
    article, _, rest = words.partition(" ")
    if article in ("a", "an") and " or " not in words:
        noun, _, rest = rest.partition(" ")
        return f"{noun}s {rest}".strip()
    return words if words == "text" else f"values, each {words}"


def one_of(names: Sequence[object], *, brief: bool = False) -> str:
    """Say that one of several names may be written."""
    if brief and len(names) > MOST_NAMES:
        return f"one of {len(names)} names"
    return f"one of {listed(names, _MOST_CHOICES)}" if len(names) > 1 else str(names[0])


def _names(form: Form, *, brief: bool) -> list[str]:
    if form.by_kind:
        return [one_of([*form.words, *sorted(form.by_kind)], brief=brief)]
    if form.by_name:
        return [f"a {form.what}: {listed(sorted(form.by_name))}"]
    return []


def _list_in_words(form: Form, *, brief: bool) -> str:
    fewest, most = form.length
    items = plural(form.items.form, brief=brief) if form.items else "values"
    if fewest == most:
        return f"a list of {fewest} {items}"
    if fewest == 1 and most is None:
        return f"a list of one or more {items}"
    limits = [f"at least {fewest}"] if fewest else []
    limits += [f"at most {most}"] if most else []
    return f"a list of {' and '.join(limits)} {items}".replace("  ", " ")
