"""Writing: an Experiment back to the YAML that a person would write."""

from __future__ import annotations

from typing import Any

import yaml

from dlrun.base.settings import Settings
from dlrun.config.forms import Form, form_of_field, form_of_section
from dlrun.config.scalars import FLOAT

_WIDTH = 100


def plain(value: Any, form: Form | None = None, *, only_set: bool = False) -> Any:
    """Turn settings into plain values in the written form: layers under their names, lists, mappings.

    Args:
        value: An experiment, a section of it or the value of a field.
        form: What may be written in its place; not needed for settings that have one form only.
        only_set: Whether to leave out what was left to its default.
    """
    if form is None:
        form = form_of_section(type(value)) if isinstance(value, Settings) else Form()
    if isinstance(value, Settings):
        return _plain_section(value, form, only_set=only_set)
    if value is None:
        return False if form.switch else None
    if isinstance(value, list | tuple):
        items = form.items.form if form.items else Form()
        return [plain(item, items, only_set=only_set) for item in value]
    if isinstance(value, dict):
        values = form.values.form if form.values else Form()
        return {str(key): plain(item, values, only_set=only_set) for key, item in value.items()}
    return value


def _plain_section(settings: Settings, form: Form, *, only_set: bool) -> Any:
    fields: dict[str, Any] = {}
    for name in sorted(type(settings).model_fields, key=lambda name: name != "kind"):
        if name == "kind" or not only_set or name in settings.model_fields_set:
            fields[name] = plain(getattr(settings, name), form_of_field(type(settings), name), only_set=only_set)
    if not form.by_name or "kind" not in fields:
        return fields
    name = fields.pop("kind")
    if list(fields) == [type(settings).main]:
        return {name: fields.popitem()[1]}
    return {name: fields} if fields else name


def to_yaml(settings: Settings) -> str:
    """Write settings as YAML: every setting, in the order of the fields, that reads back as the same settings.

    Sections that fit on a line are written on one, layers one a line; numbers are written so that any reader of
    YAML 1.1 takes them for numbers.

    Args:
        settings: An experiment, or a section of it.
    """
    node = _node(plain(settings))
    if isinstance(node, yaml.CollectionNode):
        _open(node)
    return str(yaml.serialize(node, Dumper=_Dumper, width=float("inf"), allow_unicode=True))


def one_line(value: Any) -> str:
    """Write plain values as YAML on one line."""
    text = str(yaml.serialize(_node(value), Dumper=_Dumper, width=float("inf"), allow_unicode=True))
    return text.removesuffix("\n").removesuffix("\n...")


class _Dumper(yaml.SafeDumper):
    """Quotes what either YAML 1.1 or dlrun would take for something other than text."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's signature
        super().increase_indent(flow, False)


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))


def _node(value: Any) -> yaml.ScalarNode | yaml.CollectionNode:
    """Make a node, in flow style throughout."""
    if isinstance(value, dict):
        pairs = [(_node(str(name)), _node(item)) for name, item in value.items()]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=True)
    if isinstance(value, list):
        return yaml.SequenceNode("tag:yaml.org,2002:seq", [_node(item) for item in value], flow_style=True)
    if isinstance(value, bool) or value is None:
        tag, word = ("null", "null") if value is None else ("bool", str(value).lower())
        return yaml.ScalarNode(f"tag:yaml.org,2002:{tag}", word)
    if isinstance(value, int):
        return yaml.ScalarNode("tag:yaml.org,2002:int", str(value))
    if isinstance(value, float):
        return yaml.ScalarNode("tag:yaml.org,2002:float", _decimal(value))
    return yaml.ScalarNode("tag:yaml.org,2002:str", str(value))


def _decimal(number: float) -> str:
    """Write a number with a point, and a sign before its exponent, as YAML 1.1 asks."""
    written = repr(number)
    mantissa, _, exponent = written.partition("e")
    if not exponent:
        return written
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}e{exponent if exponent[0] in '+-' else f'+{exponent}'}"


def _open(node: yaml.CollectionNode, indent: int = 0) -> None:
    """Write a mapping or a list over several lines, and open in turn what does not fit on one."""
    node.flow_style = False
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            fits = indent + len(key.value) + 2 + _length(value) <= _WIDTH
            if isinstance(value, yaml.CollectionNode) and (not fits or _holds_layers(value)):
                _open(value, indent + 2)
    else:
        for item in node.value:
            if isinstance(item, yaml.MappingNode) and (len(item.value) == 1 or _holds_layers(item)):
                _open_item(item, indent + 2)


def _open_item(node: yaml.MappingNode, indent: int) -> None:
    """Write an item of a list of mappings: `- dense: {...}` on one line, unless it holds layers itself."""
    node.flow_style = False
    for _, value in node.value:
        if isinstance(value, yaml.CollectionNode) and _holds_layers(value):
            _open(value, indent + 2)


def _holds_layers(node: yaml.Node) -> bool:
    """Tell whether a list of mappings stands somewhere in a node; it is written an item a line."""
    if isinstance(node, yaml.SequenceNode):
        return any(isinstance(item, yaml.CollectionNode) for item in node.value)
    return isinstance(node, yaml.MappingNode) and any(_holds_layers(value) for _, value in node.value)


def _length(node: yaml.Node) -> int:
    """Estimate how many characters a node takes in flow style."""
    if isinstance(node, yaml.MappingNode):
        return sum(_length(key) + _length(value) + 4 for key, value in node.value) + 2
    if isinstance(node, yaml.SequenceNode):
        return sum(_length(item) + 2 for item in node.value) + 2
    return len(node.value)
