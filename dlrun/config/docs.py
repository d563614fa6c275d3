"""Docs: the docstrings of settings, read from the source when they are asked for.

pydantic can read them itself (`use_attribute_docstrings`), but does so whenever a class is made: a quarter of the time
that `dlrun check` takes, for texts that it does not show.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from dlrun.base.settings import Settings


@cache
def descriptions(settings_class: type[Settings]) -> dict[str, str]:
    """Return what the docstring under each setting of a class says, by the setting's name.

    Args:
        settings_class: The class; settings that it inherits are described where they are declared.
    """
    found: dict[str, str] = {}
    for ancestor in reversed(settings_class.__mro__):
        if issubclass(ancestor, Settings):
            found |= _described(ancestor)
    return {name: found[name] for name in settings_class.model_fields if name in found}


def _described(settings_class: type[Settings]) -> dict[str, str]:
    node = _classes(settings_class.__module__).get(settings_class.__qualname__.rsplit(".", 1)[-1])
    return dict(_documented(node)) if node else {}


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """Return every class of a module's source, by its name."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _documented(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield every annotated name of a class that a string follows, and the string."""
    for statement, following in pairwise(node.body):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
