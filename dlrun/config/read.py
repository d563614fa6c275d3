"""Reading: YAML text to plain values, with the mark of every key and value.

The text is read event by event with PyYAML's own scanner, so that no object is built from a tag, no alias is followed,
and a text that nests too deeply is left at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, cast

import yaml
from yaml import events

from dlrun.base.words import clip, show
from dlrun.config.marks import Fault, Mark, Marks, Path
from dlrun.config.scalars import NotANumber, resolve

MOST_BYTES = 1_000_000
"""Longest text that is read; a config of a thousand layers takes a tenth of it."""

MOST_NESTING = 50
"""Deepest nesting of mappings and lists."""

MOST_VALUES = 20_000
"""Most keys and values of a config, which bounds the time that reading takes."""

_MOST_FAULTS = 50
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_YAML_TAG = "tag:yaml.org,2002:"
_BYTE_ORDER_MARK = "\ufeff"


@dataclass
class Reading:
    """What was read.

    Args:
        value: Plain values: mappings with text as keys, lists, text, numbers, booleans, None.
        marks: Where they were written.
        faults: What is wrong with the text itself.
        unknown: Paths of values that could not be read; messages about them or what lies below say nothing new.
        complete: Whether the text was read to its end.
    """

    value: Any = None
    marks: Marks = field(default_factory=Marks)
    faults: list[Fault] = field(default_factory=list)
    unknown: set[Path] = field(default_factory=set)
    complete: bool = True


def read(text: str, mark: Callable[[int, int], Mark]) -> Reading:
    """Read one value written in YAML.

    Args:
        text: The text.
        mark: Makes the mark of a line and a column, both counted from 1.
    """
    return _Reader(text, mark).read()


def read_mapping(text: str, mark: Callable[[int, int], Mark]) -> Reading:
    """Read a text whose outermost value is a mapping, as that of a config is."""
    reading = read(text, mark)
    if reading.complete and not isinstance(reading.value, dict) and not reading.unknown:
        top = reading.marks.values.get((), mark(1, 1))
        message = f"expected a mapping of settings, found {show(reading.value)}"
        reading.faults.append(Fault(top, (), message, "Write each setting as 'name: value' on a line of its own."))
        reading.complete = False
    return reading


class _Abandon(Exception):
    """Nothing further can or should be read."""


class _Reader:
    def __init__(self, text: str, mark: Callable[[int, int], Mark]) -> None:
        self._text = text
        self._mark = mark
        self._reading = Reading()
        self._num_values = 0
        self._events: Iterator[events.Event] = iter(())

    def read(self) -> Reading:
        with suppress(_Abandon):
            self._check_characters()
            try:
                self._events = yaml.parse(self._text, Loader=yaml.SafeLoader)
                self._read_document()
            except yaml.MarkedYAMLError as error:
                message, hint = explain(error)
                at = error.problem_mark or error.context_mark
                self._abandon(self._mark(at.line + 1, at.column + 1) if at else self._mark(1, 1), message, hint)
            return self._reading
        self._reading.complete = False
        return self._reading

    def _check_characters(self) -> None:
        if len(self._text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            self._abandon(self._mark(1, 1), f"a config is at most {MOST_BYTES // 1_000_000} MB long")
        if self._text.startswith(_BYTE_ORDER_MARK):
            self._abandon(
                self._mark(1, 1), "the text begins with a byte order mark", "Save it as UTF-8 without a mark (BOM)."
            )
        found = _CONTROL.search(self._text)
        if found:
            before = self._text[: found.start()]
            line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
            self._abandon(self._mark(line, column), f"character U+{ord(found[0]):04X} cannot stand in a config")

    def _read_document(self) -> None:
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                break
        else:
            return
        self._reading.value = self._value(next(self._events), (), None)
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                self._abandon(self._at(event), "a second document begins here; a config is one document")

    def _value(self, event: events.Event, path: Path, key: Mark | None) -> Any:
        """Read the value that begins with `event`; `key` is the mark of its key or list item."""
        self._num_values += 1
        if self._num_values > MOST_VALUES:
            self._abandon(self._at(event), f"a config holds at most {MOST_VALUES:,} keys and values")
        if len(path) > MOST_NESTING:
            self._abandon(self._at(event), f"values are nested deeper than {MOST_NESTING} levels")
        mark = key if key and _is_nothing(event) else self._at(event)
        self._reading.marks.values[path] = mark
        self._reading.marks.keys[path] = key or mark
        self._check_properties(event, path)
        if isinstance(event, events.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, events.SequenceStartEvent):
            return self._sequence(path)
        if isinstance(event, events.ScalarEvent):
            return self._scalar(event, path)
        return None

    def _check_properties(self, event: events.Event, path: Path) -> None:
        """Refuse what makes a value more than what is written: aliases, anchors and tags."""
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if isinstance(event, events.AliasEvent):
            self._unreadable(event, path, f"alias '*{clip(anchor)}' is not read", "Write the value out.")
        elif anchor:
            message = f"anchor '&{clip(anchor)}' is not read"
            self._unreadable(event, path, message, "Remove it and write the value out wherever it is used.")
        elif tag:
            message = f"tag '{clip(tag.replace(_YAML_TAG, '!!'))}' is not read"
            self._unreadable(event, path, message, "Remove it; dlrun knows the type of every setting.")

    def _unreadable(self, event: events.Event, path: Path, message: str, hint: str) -> None:
        self._fault(self._at(event), path, message, hint)
        self._reading.unknown.add(path)

    def _mapping(self, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), events.MappingEndEvent):
            key = self._key(event, path)
            if key in mapping:
                self._fault(self._at(event), (*path, key), f"key '{clip(key)}' is already set on line {lines[key]}")
                self._skip((*path, key))
                continue
            lines[key] = _start(event).line + 1
            value = self._value(next(self._events), (*path, key), self._at(event))
            if key == "<<" and getattr(event, "style", None) is None:
                self._unreadable(event, path, "merge key '<<' is not read", "Write the settings out.")
            else:
                mapping[key] = value
        return mapping

    def _key(self, event: events.Event, path: Path) -> str:
        if not isinstance(event, events.ScalarEvent):
            what = "an alias" if isinstance(event, events.AliasEvent) else "a list or a mapping"
            self._abandon(self._at(event), f"{what} cannot be a key", "Put the key in quotes if it is text.", path)
        self._check_properties(event, path)
        if _is_nothing(event):
            self._fault(self._at(event), path, "a key is missing before ':'")
        return str(event.value)

    def _skip(self, path: Path) -> None:
        """Check the next value, but do not use it."""
        marks = self._reading.marks.copy()
        self._value(next(self._events), path, None)
        self._reading.marks = marks

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), events.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items)), None))
        return items

    def _scalar(self, event: events.ScalarEvent, path: Path) -> Any:
        if not event.implicit[0]:
            return event.value
        try:
            return resolve(event.value)
        except NotANumber as error:
            self._fault(self._at(event), path, str(error))
            self._reading.unknown.add(path)
            return None

    def _at(self, event: events.Event) -> Mark:
        return self._mark(_start(event).line + 1, _start(event).column + 1)

    def _fault(self, mark: Mark, path: Path, message: str, hint: str = "") -> None:
        self._reading.faults.append(Fault(mark, path, message, hint))
        if len(self._reading.faults) >= _MOST_FAULTS:
            self._abandon(mark, f"{_MOST_FAULTS} faults found so far; the rest is not read")

    def _abandon(self, mark: Mark, message: str, hint: str = "", path: Path = ()) -> NoReturn:
        self._reading.faults.append(Fault(mark, path, message, hint))
        raise _Abandon


def _start(event: events.Event) -> yaml.Mark:
    """Return where an event begins, which is always known of a text that is parsed."""
    return cast("yaml.Mark", event.start_mark)


def _is_nothing(event: events.Event) -> bool:
    """Tell whether nothing is written where a value could be."""
    return isinstance(event, events.ScalarEvent) and _start(event).index == cast("yaml.Mark", event.end_mark).index


_UNEXPECTED: Final = {
    "'\\t'": ("found a tab", "Indent with spaces."),
    "'@'": ("text cannot begin with '@'", "Put it in quotes."),
    "'`'": ("text cannot begin with a backtick", "Put it in quotes."),
    "'%'": ("text cannot begin with '%'", "Put it in quotes."),
}

_KNOWN: Final = (
    ("mapping values are not allowed here", "a ':' is not expected here", "Indent alike; quote text that holds ': '."),
    ("could not find expected ':'", "expected 'name: value'", "Put a space after the ':' and indent alike."),
    ("but found ':'", "a key is missing before ':'", "Write 'name: value'."),
    ("expected <block end>", "the indentation fits no line above", "Indent the settings of a section alike."),
    ("expected ',' or ']'", "expected ',' or ']' in the list that begins {where}", "Is a ',' or the ']' missing?"),
    ("expected ',' or '}'", "expected ',' or '}' in the mapping that begins {where}", "Is a ',' or the '}' missing?"),
    ("found unexpected end of stream", "the quoted text that begins {where} does not end", "Close the quotes."),
    (
        "found unknown escape character",
        "unknown escape after a backslash",
        "Single quotes keep backslashes as they are.",
    ),
    ("sequence entries are not allowed here", "a list item '-' is not expected here", "Begin it on a line of its own."),
)


def explain(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    """Return what is wrong with the text, and a remedy.

    Args:
        error: What PyYAML's scanner or parser raised.
    """
    problem = str(error.problem or error.context or "the text is not YAML")
    if "cannot start any token" in problem:
        for character, explained in _UNEXPECTED.items():
            if character in problem:
                return explained
    for beginning, message, hint in _KNOWN:
        if beginning in problem:
            opened = error.context_mark
            where = f"on line {opened.line + 1}" if opened else "above"
            return message.replace("{where}", where), hint
    return f"not YAML: {problem}", ""
