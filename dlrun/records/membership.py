"""Membership: which ensembles need a run in order to predict, and which folders keep all that predictions need."""

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
    ensembles = {folder.path: members for folder in folders if (members := _members(folder))}
    known = {os.path.realpath(folder.path): folder.path for folder in folders} if ensembles else {}
    found: dict[Path, set[Path]] = {}
    for ensemble, members in ensembles.items():
        for member in members:
            place = Path(os.path.realpath(member))
            for path in (place, *place.parents):
                if str(path) in known and known[str(path)] != ensemble:  # members trained again lie inside it
                    found.setdefault(known[str(path)], set()).add(ensemble)
    return found


def has_model(folder: RunFolder) -> bool:
    """Tell whether a run keeps its model; a study removes those of all but its best trials."""
    return folder.file("model").is_dir()


def can_predict(folder: RunFolder) -> bool:
    """Tell whether an ensemble keeps what it takes to predict: the models of all of its members."""
    members = _members(folder)
    return has_model(folder) and bool(members) and all((member / "model").is_dir() for member in members)


def _members(folder: RunFolder) -> list[Path]:
    if not folder.file(MEMBERS).is_file():
        return []
    try:
        entries = folder.read_json(MEMBERS)["members"]
        beside = [folder.path / str(entry["path"]) for entry in entries]
        moved = [folder.path.parent / Path(str(entry["id"])).name for entry in entries]
    except (StorageError, LookupError, TypeError):
        return []
    return [path if path.is_dir() else other for path, other in zip(beside, moved, strict=True)]
