"""Membership: which ensembles need a run in order to predict, and which folders keep all that predictions need."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

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
            place = Path(os.path.realpath(member.path))
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
    return has_model(folder) and bool(members) and all(member.file("model").is_own_folder() for member in members)


def member_folder(ensemble: RunFolder, id: str, path: str) -> RunFolder:  # noqa: A002 - the word for it everywhere
    """Return the folder of a member of an ensemble: where it lay, or beside the ensemble if both were moved.

    Args:
        ensemble: Its folder.
        id: Id of the member, as `members.json` has it.
        path: The way from the ensemble to the member, as `members.json` has it, with `/`.

    Raises:
        ValueError: They are no name of a folder, or no way from one folder to another.
    """
    if "\0" in id + path or PurePosixPath(path).is_absolute() or PurePosixPath(id).name != id:
        raise ValueError(f"{id!r} at {path!r} is no member of an ensemble")
    lay = RunFolder(Path(os.path.normpath(ensemble.path / path)))
    return lay if lay.content.is_own_folder() else RunFolder(ensemble.path.parent / id)


def _members(folder: RunFolder) -> list[RunFolder]:
    try:
        entries = folder.read_json(MEMBERS)["members"] if folder.file(MEMBERS).is_file() else []
        return [member_folder(folder, str(entry["id"]), str(entry["path"])) for entry in entries]
    except (StorageError, LookupError, TypeError, ValueError):
        return []
