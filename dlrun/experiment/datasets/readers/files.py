"""Finding the file that a config names."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlrun.base.words import did_you_mean, quoted_list
from dlrun.errors import DataError

_ZIP = b"PK\x03\x04"
_SAVE_AS_CSV = "Save the sheet as CSV, and name that file."
_UNPACK = "Unpack it first; .gz files are read as they are."
_NO_TEXT = (
    (_ZIP, "", ""),
    (b"PAR1", "a Parquet file", "Set dataset.kind=parquet."),
    (b"ARROW1", "an Arrow file", "Save the table as Parquet or CSV."),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", _SAVE_AS_CSV),
    (b"BZh", "packed by bzip2", _UNPACK),
    (b"\xfd7zXZ", "packed by xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", _UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (b"\x89HDF", "an HDF5 file", "Save the table as Parquet or CSV."),
    (b"\x93NUMPY", "a NumPy array", "Save inputs and targets in one file: numpy.savez('data.npz', x=x, y=y)."),
)
"""How files begin that are no text; what they are, and what to do with them."""

_KINDS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".npz": "npz", ".npy": "npy"}


def existing_file(path: str, setting: str) -> Path:
    """Return the absolute path of a file that exists and can be read.

    Args:
        path: Path as the config names it; `~` is the home folder, relative paths start at the current directory.
        setting: Dotted name of the setting, for the message.

    Raises:
        DataError: There is no such file, it is a folder, or it may not be read.
    """
    try:
        found = Path(path).expanduser().absolute()
        is_folder, is_file = found.is_dir(), found.is_file()
    except (OSError, RuntimeError) as error:  # a name that is too long, or the home folder of nobody
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{setting}: '{path}' cannot be a file: {reason}", remedy=f"Correct {setting}.") from error
    if is_folder:
        raise DataError(f"{setting}: '{found}' is a folder", remedy="Name one file.")
    if not is_file:
        raise DataError(
            f"{setting}: there is no file '{found}'{_neighbour(found)}",
            remedy=f"Correct {setting}; relative paths start at the current directory.",
        )
    if not os.access(found, os.R_OK):
        raise DataError(f"{setting}: '{found}' may not be read", remedy="Change the permissions of the file.")
    return found


@contextmanager
def naming(path: Path, *others: Path) -> Iterator[None]:
    """Begin the errors of the block with the path of the file that is read, unless they name a file already.

    Args:
        path: The file.
        others: Further files that errors may name.

    Raises:
        DataError: As the block raises it.
    """
    try:
        yield
    except DataError as error:
        if any(f"'{known}'" in error.message for known in (path, *others)):
            raise
        raise DataError(f"'{path}': {error.message}", remedy=error.remedy) from error


def other_kind(path: Path, kind: str) -> str:
    """Return the remedy for a file whose name says that it is of another kind; empty if it does not.

    Args:
        path: A file that cannot be read as what the config says.
        kind: What the config says.
    """
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    meant = _KINDS.get(suffixes[-1].lower() if suffixes else "", kind)
    if meant == "npy":
        return "Save inputs and targets in one file: numpy.savez('data.npz', x=x, y=y)."
    return "" if meant == kind else f"Set dataset.kind={meant} to read a {suffixes[-1]} file."


def refuse_packed(path: Path) -> None:
    """Refuse a file that is not text, by how it begins: an archive, a workbook, or a table of another kind.

    Args:
        path: A file that is to be read as text; what gzip has packed passes.

    Raises:
        DataError: It is none, with what to do.
    """
    with path.open("rb") as file:
        begins = file.read(8)
    for magic, is_what, remedy in _NO_TEXT:
        if begins.startswith(magic):
            if magic == _ZIP:
                is_what, remedy = _inside_zip(path)
            raise DataError(f"'{path}' is {is_what}, not text", remedy=remedy)


def _inside_zip(path: Path) -> tuple[str, str]:
    """Tell what a zip archive is, and what to do with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        names = []
    if any(name.startswith("xl/") for name in names) or path.suffix.lower() in (".xlsx", ".xlsm"):
        return "an Excel workbook", _SAVE_AS_CSV
    if "content.xml" in names or path.suffix.lower() == ".ods":
        return "a spreadsheet", _SAVE_AS_CSV
    if any(name.endswith(".npy") for name in names):
        return "an archive of arrays", "Set dataset.kind=npz."
    inside = f", which holds {quoted_list(names, most=3)}" if names else ""
    return f"a zip archive{inside}", "Unpack it, and name the file inside; .gz files are read as they are."


def _neighbour(path: Path) -> str:
    if not path.parent.is_dir():
        return " (the folder does not exist either)"
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return ""
    hint = did_you_mean(path.name, names)
    return f"; {hint}" if hint.startswith("did") else ""
