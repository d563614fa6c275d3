"""Stored: the files of a run to read, wherever they lie: in a run folder, or in a bundle that came from elsewhere.

A bundle is a zip archive of some files of a run folder, with `bundle.json` that lists them with their checksums. It is
read in memory, name by name: nothing is ever unpacked to the disk, so that no name in it can lead anywhere.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dlrun.base import files
from dlrun.base.inside import FINAL
from dlrun.base.text import parse_json, printable
from dlrun.errors import DataError, StorageError, UsageError
from dlrun.records.arrays import array_names, decode_arrays
from dlrun.records.folder import RunFolder
from dlrun.records.kinds import MEMBERS
from dlrun.records.membership import member_folder
from dlrun.records.status import read_status

if TYPE_CHECKING:
    from numpy.typing import NDArray

MANIFEST = "bundle.json"
FORMAT = 1
"""Version of the layout of a bundle."""

MAX_FILE_BYTES = 4 * 2**30
MAX_FILES = 100_000
_MAX_TEXT_BYTES = 64 * 2**20
_PIECE = 2**20
_UNSUSPECTED_BYTES = 2**26
_MOST_TIMES_LARGER = 20
"""How much larger than itself all files of a large bundle may be; dlrun packs none, others may have packed it anew."""


class Stored(ABC):
    """The files of one run, by their paths inside its folder.

    Args:
        id: Id of the run.
        name: What messages call the place.
    """

    def __init__(self, id: str, name: str) -> None:  # noqa: A002 - the word for it everywhere
        self.id = id
        self.name = name

    @abstractmethod
    def read(self, relative: str, *, limit: int = MAX_FILE_BYTES) -> bytes:
        """Read a whole file.

        Args:
            relative: Path inside the run folder, with `/`.
            limit: Most bytes that it may have.

        Raises:
            StorageError: It is not there, too long or damaged.
        """

    @abstractmethod
    def has(self, relative: str) -> bool:
        """Tell whether there is such a file."""

    @abstractmethod
    def member(self, position: int, id: str, path: str) -> Stored:  # noqa: A002
        """Return the files of a member of this ensemble.

        Args:
            position: Its position among the members, from 0.
            id: Its id.
            path: The way from the ensemble's folder to its own, with `/`.

        Raises:
            UsageError, StorageError: It is not there any more, or has not finished.
        """

    def text(self, relative: str) -> str:
        """Read a UTF-8 text; raises StorageError."""
        try:
            return self.read(relative, limit=_MAX_TEXT_BYTES).decode()
        except UnicodeDecodeError as error:
            raise self.damaged(relative, "it is not UTF-8 text") from error

    def json(self, relative: str) -> Any:
        """Read a JSON file; raises StorageError."""
        try:
            return parse_json(self.text(relative))
        except ValueError as error:
            raise self.damaged(relative, "it is not JSON") from error

    def arrays(self, relative: str, *wanted: str) -> list[NDArray[Any]]:
        """Read some arrays of an npz file; raises StorageError."""
        try:
            found = decode_arrays(self.read(relative), PurePosixPath(relative).name, wanted)
        except DataError as error:
            raise self.damaged(relative, printable(error.message)) from error
        return [found[name] for name in wanted]

    def array_names(self, relative: str) -> list[str]:
        """Return the names of the arrays of an npz file; raises StorageError."""
        try:
            return array_names(self.read(relative), PurePosixPath(relative).name)
        except DataError as error:
            raise self.damaged(relative, printable(error.message)) from error

    def damaged(self, relative: str, reason: str) -> StorageError:
        """Return the error for a file that does not hold what it should."""
        return StorageError(f"{printable(self.name)}: {printable(relative)} is damaged: {reason}")


class StoredFolder(Stored):
    """The files of a run folder.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(folder.id, str(folder.path))
        self.folder = folder

    def read(self, relative: str, *, limit: int = MAX_FILE_BYTES) -> bytes:
        return self.folder.file(relative).read_bytes(limit=limit)

    def has(self, relative: str) -> bool:
        return self.folder.file(relative).is_file()

    def member(self, position: int, id: str, path: str) -> Stored:  # noqa: A002, ARG002 - members lie beside it
        try:
            folder = member_folder(self.folder, id, path)
        except ValueError as error:
            raise self.damaged(MEMBERS, f"{printable(str(error))}") from error
        if folder.content.is_own_folder():
            opened = open_stored(folder)
            opened.id = id  # one that was trained again lies in a folder with another name
            return opened
        raise StorageError(
            f"{printable(self.name)} is an ensemble, and its member {printable(id)} is not there any more",
            remedy="Put the folder back beside that of the ensemble; `dlrun export` makes a bundle of all together.",
        )


class StoredBundle(Stored):
    """The files of a bundle, or of a folder inside it.

    Args:
        path: The zip archive.

    Raises:
        UsageError: There is no such file, or it is no bundle of dlrun.
        StorageError: It is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._prefix = ""
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise files.storage_error("read", path, error) from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise _no_bundle(path, "it is no zip archive") from error
        super().__init__(path.stem, str(path))
        self._entries = MappingProxyType(self._listed(path))
        manifest = self._manifest(path)
        self._checksums: dict[str, str] = manifest["files"]
        self.id = str(manifest["id"])

    def read(self, relative: str, *, limit: int = MAX_FILE_BYTES) -> bytes:
        name = self._prefix + relative
        content = self._content(name, limit)
        if hashlib.sha256(content).hexdigest() != self._checksums.get(name):
            raise self.damaged(name, f"its checksum is not the one in {MANIFEST}")
        return content

    def has(self, relative: str) -> bool:
        return self._prefix + relative in self._checksums

    def member(self, position: int, id: str, path: str) -> Stored:  # noqa: A002, ARG002 - members lie inside
        twin = object.__new__(StoredBundle)
        twin.__dict__.update(self.__dict__)
        twin._prefix = f"{self._prefix}{folder_of_member(position)}/"
        twin.id = id
        return twin

    def _listed(self, path: Path) -> dict[str, zipfile.ZipInfo]:
        entries: dict[str, zipfile.ZipInfo] = {}
        infos = self._zip.infolist()
        if len(infos) > MAX_FILES:
            raise _no_bundle(path, f"it holds {len(infos):,} files")
        packed, whole = path.stat().st_size, sum(info.file_size for info in infos)
        if whole > max(_UNSUSPECTED_BYTES, _MOST_TIMES_LARGER * packed):
            raise _no_bundle(
                path, f"it would grow from {packed:,} bytes to {whole:,}, as an archive that is made to fill the memory"
            )
        for info in infos:
            if not _is_plain(info.filename):
                raise _no_bundle(path, f"it holds a file called '{printable(info.filename[:80])}'")
            if info.filename in entries:
                raise _no_bundle(path, f"it holds '{printable(info.filename[:80])}' twice")
            entries[info.filename] = info
        return entries

    def _manifest(self, path: Path) -> dict[str, Any]:
        if MANIFEST not in self._entries:
            raise _no_bundle(path, f"it holds no {MANIFEST}")
        try:
            manifest = parse_json(self._content(MANIFEST, _MAX_TEXT_BYTES))
            version, checksums = manifest["format"], manifest["files"]
            if not isinstance(manifest["id"], str) or not all(isinstance(value, str) for value in checksums.values()):
                raise TypeError("not what dlrun writes")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self.damaged(MANIFEST, "it does not hold what dlrun writes") from error
        if version != FORMAT:
            raise UsageError(
                f"{printable(str(path))} is a bundle of format {printable(str(version)[:20])}, expected {FORMAT}",
                remedy="Export it again with the same version of dlrun, or install the version that wrote it.",
            )
        return dict(manifest)

    def _content(self, name: str, limit: int) -> bytes:
        """Read an entry piece by piece, and no further than allowed; what its size says was compared already.

        zipfile ends each entry at the size in the directory, so that the directory cannot promise little and give much.
        """
        info = self._entries.get(name)
        if info is None:
            raise StorageError(f"{printable(self.name)} holds no {printable(name)}")
        if info.file_size > limit:
            raise self.damaged(name, f"it is longer than {limit:,} bytes")
        pieces, size = [], 0
        try:
            with self._zip.open(info) as stream:
                while piece := stream.read(_PIECE):
                    size += len(piece)
                    if size > limit:
                        raise self.damaged(name, f"it is longer than {limit:,} bytes")
                    pieces.append(piece)
        except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
            raise self.damaged(name, str(error) or type(error).__name__) from error
        return b"".join(pieces)


def folder_of_member(position: int) -> str:
    """Return the folder of a bundle in which the files of a member lie."""
    return f"members/{position:04d}"


def open_stored(run: str | Path | RunFolder) -> Stored:
    """Return the files of a finished run, of the refitted winner of a study, or of a bundle.

    Raises:
        UsageError: There is no such run, it has not finished, or it keeps no model.
        StorageError: The bundle or the status of the run is damaged.
    """
    if not isinstance(run, RunFolder):
        path = Path(run)
        if path.is_file():
            return StoredBundle(path)
        run = RunFolder.at(path)
    state = read_status(run).state
    if state != "finished":
        raise UsageError(
            f"the run {run.id} is {state}, only a finished run predicts",
            remedy="`dlrun ls` lists the runs; train it again, or choose another.",
        )
    if run.file("study.json").is_file():
        return open_stored(_refit_of(run))
    if not run.file("model").is_dir():
        raise UsageError(
            f"the run {run.id} keeps no model, as a study keeps those of its best trials only",
            remedy="`dlrun reproduce` trains it again; tuner.keep_weights keeps more.",
        )
    return StoredFolder(run)


def _refit_of(study: RunFolder) -> RunFolder:
    """Return the run of a study that predicts for it: the winner, fitted again on all rows that are not test."""
    metrics = study.read_json("metrics.json")
    try:
        name = metrics["study"]["winner"]["final"]
    except (LookupError, TypeError):
        name = None
    folder = next((run for run in study.runs(FINAL) if run.id == name), None)
    if folder is None or folder.file("study.json").exists():
        raise StorageError(f"{printable(study.id)}: metrics.json is damaged: it does not name the winner's refit")
    return folder


def _is_plain(name: str) -> bool:
    """Tell whether a name is a path of plain parts, as dlrun writes them."""
    parts = PurePosixPath(name).parts
    return bool(parts) and "/".join(parts) == name and ".." not in parts and not set(name) & set("\\:\0")


def _no_bundle(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"{printable(str(path))} is no bundle of dlrun: {reason}",
        remedy="`dlrun export RUN --to bundle` writes one.",
    )
