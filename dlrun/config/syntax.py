"""Syntax: PyYAML's messages in words that say what to do."""

from __future__ import annotations

from typing import Final

import yaml

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
