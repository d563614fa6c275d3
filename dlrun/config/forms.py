"""Forms: what may be written in each place of a config, read off the annotations of the settings classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from dlrun.base.settings import ByKind, ByName, Later, OneOrMore, ReadsSwitch, Settings, fields_of, members


@dataclass(frozen=True)
class Number:
    """Numbers between bounds.

    Args:
        whole: Whether only integers are allowed.
        bounds: Pairs of a comparison and a number, such as `(">=", 1)`.
    """

    whole: bool
    bounds: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Type:
    """An annotation and the metadata that belong to it; what it allows is read only when asked for."""

    annotation: Any
    metadata: tuple[Any, ...] = ()

    @property
    def form(self) -> Form:
        return _form(self.annotation, self.metadata)


@dataclass(frozen=True)
class Form:
    """What may be written in one place.

    Args:
        words: Values that are allowed literally, such as `auto`.
        numbers: Numbers that are allowed.
        text: Whether text is allowed; with its pattern if it has one.
        boolean: Whether `true` and `false` are allowed.
        null: Whether `null` is allowed.
        anything: Whether any value is allowed.
        switch: Whether `true` and `false` switch the section on and off.
        by_kind: Classes of the section, by the value of `kind`.
        by_name: Classes of the section, by the name that it is written under.
        what: What the members of `by_name` are called.
        section: Class of a section that has one form only.
        items: Type of the items of a list.
        length: Fewest and most items of the list.
        values: Type of the values of a mapping with free keys.
    """

    words: tuple[Any, ...] = ()
    numbers: tuple[Number, ...] = ()
    text: bool = False
    pattern: str | None = None
    boolean: bool = False
    null: bool = False
    anything: bool = False
    switch: bool = False
    by_kind: Mapping[str, type[Settings]] = field(default_factory=dict)
    by_name: Mapping[str, type[Settings]] = field(default_factory=dict)
    what: str = ""
    section: type[Settings] | None = None
    items: Type | None = None
    length: tuple[int, int | None] = (0, None)
    values: Type | None = None

    @property
    def sections(self) -> tuple[type[Settings], ...]:
        """Every class that a mapping written here may become."""
        alone = (self.section,) if self.section else ()
        return (*alone, *self.by_kind.values(), *self.by_name.values())


NOTHING_KNOWN = Form()
"""The form of a setting that does not exist."""


def form_of_section(settings_class: type[Settings]) -> Form:
    """Return the form of a section that has one class."""
    return Form(section=settings_class)


@cache
def form_of_field(settings_class: type[Settings], name: str) -> Form:
    """Return the form of a field; that of nothing if the class has no such field."""
    known = fields_of(settings_class).get(name)
    return type_of_field(known).form if known else NOTHING_KNOWN


def type_of_field(known: FieldInfo) -> Type:
    """Return the type of a field, with all that its declaration says of it."""
    return Type(known.annotation, tuple(known.metadata))


def _form(annotation: Any, metadata: tuple[Any, ...]) -> Form:
    annotation, metadata = _unwrapped(annotation, metadata)
    for mark in metadata:
        if isinstance(mark, Later):
            return _form(mark.type, ())
        if isinstance(mark, ByKind):
            return Form(by_kind=members(annotation))
        if isinstance(mark, ByName):
            return Form(by_name=members(annotation), what=mark.what)
        if isinstance(mark, OneOrMore):
            return _joined([_form(get_args(annotation)[0], ()), _form_of_plain(annotation, metadata)])
        if isinstance(mark, BeforeValidator) and _says_input(mark):
            return _form(mark.json_schema_input_type, ())
    if get_origin(annotation) in (Union, UnionType):
        joined = _joined([_form(arm, metadata) for arm in get_args(annotation)])
        switch = any(isinstance(mark, ReadsSwitch) for mark in metadata)
        return replace(joined, switch=True) if switch else joined
    return _form_of_plain(annotation, metadata)


def _unwrapped(annotation: Any, metadata: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """Take metadata out of `Annotated` and of the fields that stand in it."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *inner = get_args(annotation)
            metadata = (*inner, *metadata)
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        else:
            break
    flat: list[Any] = []
    for mark in metadata:
        flat.extend(mark.metadata if isinstance(mark, FieldInfo) else (mark,))
    return annotation, tuple(flat)


def _says_input(validator: BeforeValidator) -> bool:
    stated = validator.json_schema_input_type
    return isinstance(stated, type | UnionType) or (get_origin(stated) is not None and not _has_variable(stated))


def _has_variable(annotation: Any) -> bool:
    return isinstance(annotation, TypeVar) or any(_has_variable(argument) for argument in get_args(annotation))


def _form_of_plain(annotation: Any, metadata: tuple[Any, ...]) -> Form:
    """Return the form of an annotation that is no union."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return Form(words=arguments)
    if origin in (tuple, list):
        return _form_of_list(arguments, metadata)
    if origin in (dict, Mapping):
        return Form(values=Type(arguments[1]))
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return form_of_section(annotation)
    if annotation in (int, float):
        return Form(numbers=(Number(annotation is int, _bounds(metadata)),))
    if annotation is str:
        patterns = [mark.pattern for mark in metadata if getattr(mark, "pattern", None)]
        return Form(text=True, pattern=patterns[0] if patterns else None)
    plain = {bool: Form(boolean=True), NoneType: Form(null=True), None: Form(null=True)}
    return plain.get(annotation, Form(anything=True))


def _form_of_list(arguments: tuple[Any, ...], metadata: tuple[Any, ...]) -> Form:
    fewest, most = 0, None
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        arguments = arguments[:1]
    elif len(arguments) > 1:
        fewest = most = len(arguments)
    for mark in metadata:
        fewest = getattr(mark, "min_length", None) or fewest
        most = getattr(mark, "max_length", None) or most
    item = arguments[0] if len(set(map(repr, arguments))) == 1 else Union[arguments]  # noqa: UP007 - made at run time
    return Form(items=Type(item), length=(fewest, most))


def _bounds(metadata: tuple[Any, ...]) -> tuple[tuple[str, float], ...]:
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return tuple(
        (sign, bound)
        for name, sign in signs.items()
        for mark in metadata
        if (bound := getattr(mark, name, None)) is not None
    )


def _joined(forms: list[Form]) -> Form:
    """Return the form that allows what any of `forms` allows."""
    return reduce(_either, forms)


def _either(one: Form, other: Form) -> Form:
    return Form(
        words=(*one.words, *other.words),
        numbers=(*one.numbers, *other.numbers),
        text=one.text or other.text,
        pattern=one.pattern or other.pattern,
        boolean=one.boolean or other.boolean,
        null=one.null or other.null,
        anything=one.anything or other.anything,
        switch=one.switch or other.switch,
        by_kind={**one.by_kind, **other.by_kind},
        by_name={**one.by_name, **other.by_name},
        what=one.what or other.what,
        section=one.section or other.section,
        items=one.items or other.items,
        length=one.length if one.items else other.length,
        values=one.values or other.values,
    )
