"""Membership: which ensembles need a run in order to predict."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dlrun.errors import StorageError
from dlrun.records.folder import RunFolder
from dlrun.records.kinds import MEMBERS


def ensembles_of(folders: Sequence[RunFolder]) -> dict[Path, set[Path]]:
    """Map the folder of every member of an ensemble to the folders of the ensembles that it belongs to.

    A trial is inside the folder of its study, which goes as a whole, so the study counts as a member too. An ensemble
    that does not tell its members any more predicts no more, and needs none.

    Args:
        folders: All runs, among them the ensembles.
    """
    known = {folder.path for folder in folders}
    found: dict[Path, set[Path]] = {}
    for folder in folders:
        for member in _members(folder):
            for path in (member, *member.parents):
                if path in known:
                    found.setdefault(path, set()).add(folder.path)
    return found


def _members(folder: RunFolder) -> list[Path]:
    if not folder.file(MEMBERS).is_file():
        return []
    try:
        entries = folder.read_json(MEMBERS)["members"]
        beside = [Path(os.path.normpath(folder.path / str(entry["path"]))) for entry in entries]
        moved = [folder.path.parent / Path(str(entry["id"])).name for entry in entries]
    except (StorageError, LookupError, TypeError):
        return []
    return [path if path.is_dir() else other for path, other in zip(beside, moved, strict=True)]
