"""What the shell offers to complete; light, since it runs at every press of the tab key."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

import typer

_SUFFIXES = (".yaml", ".yml")
_DATA_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet", ".pq", ".npz")


def complete_config(incomplete: str) -> list[str]:
    """Offer YAML files and folders that begin as typed; if there are none, the settings that do."""
    files = [] if "=" in incomplete else _files(incomplete, _SUFFIXES)
    return files or (_settings(incomplete, None, []) if incomplete else [])


def complete_override(context: typer.Context, incomplete: str) -> list[str]:
    """Offer settings of the config that begin as typed, and behind `=` their values."""
    first, others = context.params.get("config"), list(context.params.get("overrides") or ())
    words = [word for word in (first, *others) if word]
    is_config = bool(first) and "=" not in str(first) and others[:1] != ["="]
    config = str(first) if is_config else None
    before = words[1:] if is_config else words
    if before[-1:] != ["="]:
        return _settings(incomplete, config, _joined(before))
    # bash takes a setting, the sign and the value for three words, and wants no more than the value
    setting = f"{before[-2]}=" if len(before) > 1 else "="
    found = _settings(setting + incomplete, config, _joined(before[:-2]))
    return [offer.removeprefix(setting) for offer in found]


def _joined(words: list[str]) -> list[str]:
    """Put together the overrides that bash has split at their signs."""
    joined: list[str] = []
    for word in words:
        if word == "=" or (joined and joined[-1].endswith("=")):
            joined[-1:] = [f"{joined[-1] if joined else ''}{word}"]
        else:
            joined.append(word)
    return joined


def whole_words(environment: MutableMapping[str, str]) -> None:
    """Make the word empty that bash completes right behind a `=`, which it takes for a word of its own.

    Args:
        environment: Of this process; bash's words are corrected in it.
    """
    words, position = environment.get("COMP_WORDS", "").split(), environment.get("COMP_CWORD", "")
    if position.isdigit() and words[int(position) : int(position) + 1] == ["="]:
        environment["COMP_CWORD"] = str(int(position) + 1)


def _settings(typed: str, config: str | None, before: list[str]) -> list[str]:
    from dlrun.config.find import find
    from dlrun.config.offers import offers
    from dlrun.errors import ConfigError
    from dlrun.experiment.experiment import Experiment

    try:
        text = find(config).read_text(encoding="utf-8")
    except (ConfigError, OSError, UnicodeDecodeError):
        text = ""
    return offers(typed, text, before, Experiment)


def complete_data(incomplete: str) -> list[str]:
    """Offer files of data and folders that begin as typed."""
    return _files(incomplete, _DATA_SUFFIXES)


def complete_run_or_bundle(incomplete: str) -> list[str]:
    """Offer runs, and bundles that lie here."""
    return complete_run(incomplete) + (_files(incomplete, (".zip",)) if incomplete else [])


def _files(incomplete: str, suffixes: tuple[str, ...]) -> list[str]:
    folder, _, beginning = incomplete.rpartition("/")
    root = Path(f"{folder}/" if incomplete.startswith("/") or folder else ".").expanduser()
    offers = []
    try:
        with os.scandir(root) as entries:
            for entry in entries:
                if not entry.name.startswith(beginning) or (entry.name.startswith(".") and not beginning):
                    continue
                shown = f"{folder}/{entry.name}" if "/" in incomplete else entry.name
                if entry.is_dir():
                    offers.append(f"{shown}/")
                elif entry.name.endswith(suffixes):
                    offers.append(shown)
    except OSError:
        return []
    return sorted(offers)


def complete_run(incomplete: str) -> list[str]:
    """Offer the ids of runs, newest first, and the words that stand for one."""
    from dlrun.errors import StorageError
    from dlrun.records.index import run_folders

    try:
        folders = run_folders(Path(os.environ.get("DLRUN_RUNS", "runs")))
    except StorageError:
        folders = []
    names = ["latest", "best", *(folder.id for folder in reversed(folders))]
    return [name for name in names if name.startswith(incomplete)]


def complete_template(incomplete: str) -> list[tuple[str, str]]:
    """Offer the templates of `dlrun init` with their titles."""
    from dlrun.cli.templates import templates

    return [(template.name, template.title) for template in templates() if template.name.startswith(incomplete)]


def complete_method(incomplete: str) -> list[str]:
    """Offer the ways to combine members."""
    from dlrun.base.settings import members
    from dlrun.ensembles.methods.methods import AnyMethod

    return [name for name in members(AnyMethod) if name.startswith(incomplete)]
