"""Settings: the frozen, extra-forbidding base of every config section, and the two ways to name a kind.

A section is either chosen `by kind` (`optimizer: {kind: adam, learning_rate: 1e-3}`, or just `optimizer: adam`) or
`by name` (`- dense: {units: 64}`, `- dense: 64`, `- flatten`). Both are pydantic unions over `kind`; the annotations
`ByKind` and `ByName` read the written form, write it back and describe it in the JSON Schema.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from dlrun.base.requirement import Requirement

Auto = Literal["auto"]
"""The word that leaves a choice to dlrun; the resolved config says what was chosen."""


class Settings(BaseModel):
    """Base of every config section: immutable, strict about types, closed to unknown keys.

    A string under a field is its help; `dlrun.config.docs` reads it when it is asked for. Validators are built when
    they are first used, so that the hundred classes of an experiment load fast.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        defer_build=True,
        protected_namespaces=(),
        ser_json_inf_nan="constants",
    )

    main: ClassVar[str | None] = None
    """The setting that a bare value goes to, as in `- dense: 64`."""

    requires: ClassVar[tuple[Requirement, ...]] = ()
    """Optional packages that the section cannot do without."""

    stays: ClassVar[frozenset[str]] = frozenset()
    """Settings that stay as they are written when an override sets another kind."""

    @classmethod
    def faults_of_whole(cls, settings: Any, data: Any, marks: Any, faults: Sequence[Any]) -> list[Any]:
        """Find what is wrong with a whole config of this class, beside what is wrong with single settings.

        Args:
            settings: The settings; None if they have faults.
            data: Plain values that they were made of.
            marks: Where these were written, `dlrun.config.marks.Marks`.
            faults: What is wrong with single settings.

        Returns:
            Further faults, of `dlrun.config.marks.Fault`.
        """
        del settings, data, marks, faults
        return []


def _switch(value: object) -> object:
    if value is True:
        return {}
    return None if value is False else value


def as_tuple(value: object) -> object:
    """Turn a YAML list into a tuple; leave all else to the validation that follows."""
    return tuple(value) if isinstance(value, list) else value


SettingsType = TypeVar("SettingsType", bound=Settings)
Item = TypeVar("Item")


def chosen(value: Item | Auto) -> Item:
    """Return a setting of a settled experiment, in which nothing is left to dlrun.

    Raises:
        RuntimeError: It is `auto`: the experiment was not settled.
    """
    if value == "auto":
        raise RuntimeError("settle() makes every choice and comes first")
    return value


class ReadsSwitch:
    """Annotation of an optional section that is also switched by `true`, `false` and `null`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_switch, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        return {"anyOf": [{"type": "boolean"}, *described.get("anyOf", [described])]}


Switch = Annotated[SettingsType | None, ReadsSwitch()]
"""`true` takes the defaults of the section, `false` and `null` leave it out: `Switch[BatchNorm]`."""

Items = Annotated[tuple[Item, ...], BeforeValidator(as_tuple)]
"""A YAML list that becomes an immutable tuple: `Items[int]`."""


class OneOrMore:
    """Annotation of a tuple of names that is also written as one name alone: `drop: id` for `drop: [id]`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        return {"anyOf": [described.get("items", {}), described]}

    @staticmethod
    def _read(value: object) -> object:
        return (value,) if isinstance(value, str) else as_tuple(value)


Names = Annotated[tuple[Item, ...], OneOrMore()]
"""One name, or a list of names, as an immutable tuple: `Names[str]`."""


class Later:
    """Annotation of a section whose classes are loaded when a config has it: most configs have none.

    Args:
        module: Where the type is defined.
        name: Its name there.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    @cached_property
    def type(self) -> Any:
        """The type that the annotation stands for."""
        return getattr(importlib.import_module(self._module), self._name)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.type)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: self._adapter.validate_python(value),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value, info: self._adapter.dump_python(value, mode=info.mode), info_arg=True
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(self._adapter.core_schema)


def fields_of(settings_class: type[Settings]) -> Mapping[str, FieldInfo]:
    """Map the name of every setting of a class to its declaration, forward references looked up.

    Args:
        settings_class: A class of settings.
    """
    if not settings_class.__pydantic_fields_complete__:
        settings_class.model_rebuild()
    return settings_class.model_fields


def kind_of(settings_class: type[Settings]) -> str:
    """Return the name that a class of settings goes by in a config."""
    return str(get_args(settings_class.model_fields["kind"].annotation)[0])


def members(union: Any) -> dict[str, type[Settings]]:
    """Map every name of an annotated union of settings to its class.

    Args:
        union: An annotated union, such as `Layer` or `Optimizer`.
    """
    classes: dict[str, type[Settings]] = {}
    for argument in get_args(union) or (union,):
        if isinstance(argument, type) and issubclass(argument, Settings):
            classes[kind_of(argument)] = argument
        elif get_args(argument):
            classes |= members(argument)
    return classes


class ByKind:
    """Annotation of a union over `kind` that also accepts a bare name: `optimizer: adam`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        names = sorted(described.get("discriminator", {}).get("mapping", {}))
        if not names:
            return described
        described = {"type": "object", "required": ["kind"], **described}
        return {"anyOf": [{"type": "string", "enum": names}, described]}

    @staticmethod
    def _read(value: object) -> object:
        return {"kind": value} if isinstance(value, str) else value


class ByName:
    """Annotation of a union over `kind` that is written `name: {settings}`, `name: value` or `name`.

    Args:
        what: What the members are called in messages, such as `layer`.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._main: dict[str, str | None] = {}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        classes = members(source)
        self._main = {name: settings_class.main for name, settings_class in classes.items()}

        def read(value: object) -> object:
            return self._read(value, classes)

        return core_schema.no_info_before_validator_function(
            read,
            handler(source),
            serialization=core_schema.wrap_serializer_function_ser_schema(self._write),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the written forms; `json_schema` completes what `main` marks, when all is defined."""
        described = handler(schema)
        mapping: dict[str, str] = described.get("discriminator", {}).get("mapping", {})
        written: list[dict[str, Any]] = [{"type": "string", "enum": sorted(mapping)}]
        for name, reference in sorted(mapping.items()):
            settings = {"anyOf": [{"$ref": reference}, {"type": "null"}], "main": self._main.get(name)}
            written.append(
                {
                    "type": "object",
                    "properties": {name: settings},
                    "required": [name],
                    "additionalProperties": False,
                }
            )
        return {"anyOf": written}

    def _read(self, value: object, classes: Mapping[str, type[Settings]]) -> object:
        if isinstance(value, Settings):
            return value
        name, settings = self._split(value)
        if name not in classes:
            raise PydanticCustomError(
                "unknown_name",
                "unknown {what} '{name}'",
                {"what": self.what, "name": name, "known": sorted(classes)},
            )
        return {"kind": name, **expand(classes[name], settings)}

    def _split(self, value: object) -> tuple[str, object]:
        if isinstance(value, str):
            return value, None
        if isinstance(value, Mapping) and len(value) == 1:
            ((name, settings),) = value.items()
            return str(name), settings
        raise PydanticCustomError(
            "not_named",
            "a {what} is written '- name: {settings}', one name an item",
            {"what": self.what},
        )

    @staticmethod
    def _write(value: Any, serialize: Any) -> object:
        written = serialize(value)
        if not isinstance(written, dict) or "kind" not in written:
            return written
        return {written.pop("kind"): written}


def expand(settings_class: type[Settings], settings: object) -> dict[str, Any]:
    """Turn what stands behind a name into a mapping of settings.

    Args:
        settings_class: The class that the name stands for.
        settings: A mapping, a bare value for the main setting, or None for the defaults.

    Raises:
        PydanticCustomError: A bare value was given, and the class has no main setting; or `kind` is said again.
    """
    if settings is None:
        return {}
    if isinstance(settings, Mapping):
        if "kind" in settings:
            raise PydanticCustomError("kind_said_twice", "the name already says the kind: remove 'kind'")
        return {str(key): value for key, value in settings.items()}
    if settings_class.main is None:
        raise PydanticCustomError(
            "no_main_setting",
            "expected a mapping of settings",
            {"known": sorted(set(settings_class.model_fields) - {"kind"})},
        )
    return {settings_class.main: settings}
