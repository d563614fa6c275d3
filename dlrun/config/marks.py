"""Marks: where every key and every value of a config was written."""

from __future__ import annotations

from dataclasses import dataclass, field

from dlrun.errors import Problem

Path = tuple[str | int, ...]
"""Keys and list positions from the top of the config, as the YAML is written."""


@dataclass(frozen=True)
class Mark:
    """One place in a file, or one override.

    Args:
        place: What is shown to people: `file:line:column`, or the override as it was typed.
        order: What marks are sorted by: line and column; overrides come after every line.
    """

    place: str
    order: tuple[int, int]


def in_file(name: str, line: int, column: int) -> Mark:
    """Mark a place in a file; line and column count from 1."""
    return Mark(f"{name}:{line}:{column}", (line, column))


def in_override(text: str, number: int) -> Mark:
    """Mark an override; `number` is its position on the command line."""
    return Mark(f"override '{text}'", (1 << 62, number))


@dataclass
class Marks:
    """Marks of all that was written.

    Args:
        keys: Mark of every key of a mapping and of every list item, by path.
        values: Mark of every value, by path; `()` is the whole config.
    """

    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)

    def written(self, path: Path) -> Path:
        """Return the deepest part of `path` that was written."""
        while path and path not in self.values:
            path = path[:-1]
        return path

    def of_value(self, path: Path) -> Mark:
        """Mark of the value at `path`, or of the deepest section around it that was written."""
        written = self.written(path)
        return self.values[written] if written == path else self.of_key(written)

    def of_key(self, path: Path) -> Mark:
        """Mark of the key at `path`, or of the deepest section around it that was written."""
        written = self.written(path)
        return self.keys.get(written, self.values[written])

    def put(self, path: Path, mark: Mark) -> None:
        """Blame `mark` for `path` and forget all that was written below it."""
        for marks in (self.keys, self.values):
            for known in [known for known in marks if known[: len(path)] == path]:
                del marks[known]
            marks[path] = mark

    def add(self, path: Path, mark: Mark) -> None:
        """Blame `mark` for `path` unless something is known of it already."""
        self.keys.setdefault(path, mark)
        self.values.setdefault(path, mark)

    def copy(self) -> Marks:
        return Marks(dict(self.keys), dict(self.values))


@dataclass(frozen=True)
class Fault:
    """A problem whose place is still a mark, so that problems can be sorted.

    Args:
        mark: Where to look.
        path: Path of the setting; it may go on below what was written.
        message: What was found and what was expected.
        hint: The nearest known name or another remedy; empty if there is none.
    """

    mark: Mark
    path: Path
    message: str
    hint: str = ""

    def problem(self) -> Problem:
        end = "." if self.hint and self.message[-1:] not in ".!?" else ""
        return Problem(self.mark.place, dotted(self.path), self.message + end, self.hint)


def dotted(path: Path) -> str:
    """Write a path as users do: `model.layers.0.dense.units`."""
    return ".".join(str(part) for part in path)


def in_order(faults: list[Fault]) -> list[Problem]:
    """Turn faults into problems, in the order of the file and without repetitions."""
    problems = [fault.problem() for fault in sorted(faults, key=lambda fault: fault.mark.order)]
    return list(dict.fromkeys(problems))
