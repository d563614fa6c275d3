"""The kinds of dataset and model of a run, read from its config without building anything from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlrun.base.text import printable
from dlrun.errors import StorageError, UsageError

if TYPE_CHECKING:
    from dlrun.base.inside import Inside
    from dlrun.records.folder import RunFolder

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 200


def kinds(file: Inside) -> dict[str, str]:
    """Return the kind of every section of a config that has one, such as `{"dataset": "csv", "model": "network"}`.

    Args:
        file: A config, resolved or as written.

    Raises:
        StorageError: The file cannot be read or is not YAML.
    """
    settings = plain_settings(file)
    return {path[0]: text for path, text in settings.items() if len(path) == 1 or path[1:] == ("kind",)}


def plain_settings(file: Inside) -> dict[tuple[str, ...], str]:
    """Return the text of every setting of a config that is reached through mappings alone, by its path.

    The file is walked event by event: PyYAML's fast loader builds nested values by recursion in C, and a damaged file
    of a thousand brackets would end the process.

    Args:
        file: A config, resolved or as written.

    Raises:
        StorageError: The file cannot be read or is not YAML.
    """
    import yaml

    content = file.read_bytes(limit=_MAX_BYTES)
    try:
        found = _scalars(yaml.parse(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        return {tuple(keys): text for keys, text in found}
    except (yaml.YAMLError, ValueError) as error:
        raise StorageError(f"{printable(str(file))} is damaged: it is not YAML") from error


STUDY = "study.json"
"""The file that tells a study from a run."""


def models_of_study(facts: Mapping[str, Any]) -> str | None:
    """Return the kinds of model of a study's trials, or of its winner once it has one; None where nobody wrote them.

    Args:
        facts: Content of its `study.json`.
    """
    models = facts.get("models")
    return " | ".join(map(str, models)) if isinstance(models, list) and models else None


MEMBERS = "members.json"
"""The file of an ensemble that names its members."""

ENSEMBLE = "ensemble"
"""What stands for the kind of model in the config of an ensemble."""


def is_ensemble(folder: RunFolder) -> bool:
    """Tell whether a folder is that of an ensemble; one without a config is of nothing yet."""
    file = folder.file("config.yaml")
    return file.is_file() and kinds(file).get("model") == ENSEMBLE


def require_run(folder: RunFolder) -> None:
    """Refuse a folder that is not that of a single run.

    Raises:
        UsageError: It is that of a study or an ensemble.
        StorageError: Its config cannot be read.
    """
    if folder.file(STUDY).is_file():
        raise UsageError(
            f"{folder.id} is a study, which is no single run",
            remedy=f"{_going_on(folder)} Its trials and the refit of its winner are runs of their own.",
        )
    if is_ensemble(folder):
        raise UsageError(
            f"{folder.id} is an ensemble, which is no single run",
            remedy="Combine its members again with `dlrun ensemble`.",
        )


def _going_on(study: RunFolder) -> str:
    """Say how a study stands, and how it goes on."""
    from dlrun.records.status import read_status

    facts, command = study.read_json(STUDY), f"`dlrun tune --study {study.id}"
    if study.file("status.json").is_file() and read_status(study).state == "running":
        return f"It is being carried out; `dlrun logs {study.id} --follow` watches it."
    if isinstance(facts, dict) and facts.get("complete") is True:
        return f"It is complete; {command} --trials N` adds trials."
    return f"It is unfinished; {command}` goes on with it."


@dataclass
class _Open:
    """A collection that has begun and not ended; `key` waits for its value. A sequence has no keys."""

    mapping: bool
    key: str | None = None

    def complete(self, text: str) -> None:
        """Take note that a key or a value is complete."""
        self.key = text if self.mapping and self.key is None else None


def _scalars(events: Iterator[Any]) -> Iterator[tuple[list[str], str]]:
    """Yield every scalar that is reached through mappings alone, with the keys that lead to it."""
    import yaml

    stack: list[_Open] = []
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(_Open(isinstance(event, yaml.MappingStartEvent)))
            if len(stack) > _MAX_DEPTH:
                raise ValueError(f"nested deeper than {_MAX_DEPTH}")
            continue
        text = ""
        if isinstance(event, yaml.ScalarEvent):
            text = event.value
            keys = [level.key for level in stack]
            if None not in keys:
                yield [str(key) for key in keys], text
        elif isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
        if stack and isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            stack[-1].complete(text)
