"""Phrases: values and expectations in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlrun.base.words import MOST_NAMES, either, listed, show

if TYPE_CHECKING:
    from dlrun.config.forms import Form, Number


_MOST_CHOICES = 24
"""Most names that it lists where one of them must be written: more than any family of dlrun has."""


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
