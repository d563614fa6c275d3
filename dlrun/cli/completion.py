"""What the shell offers to complete; light, since it runs at every press of the tab key."""

from __future__ import annotations

import os
from pathlib import Path

_SUFFIXES = (".yaml", ".yml")
_DATA_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet", ".pq", ".npz")


def complete_config(incomplete: str) -> list[str]:
    """Offer YAML files and folders that begin as typed; nothing for an override."""
    return [] if "=" in incomplete else _files(incomplete, _SUFFIXES)


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
    from dlrun.cli.init import templates

    return [(template.name, template.title) for template in templates() if template.name.startswith(incomplete)]


def complete_method(incomplete: str) -> list[str]:
    """Offer the ways to combine members."""
    from dlrun.ensembling.methods.union import AnyMethod
    from dlrun.settings import members

    return [name for name in members(AnyMethod) if name.startswith(incomplete)]
