"""Journal: what happened to a study, one JSON object a line; it only grows, and one process at a time writes it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dlrun.base import files
from dlrun.base.text import parse_json, printable
from dlrun.errors import StorageError, UsageError
from dlrun.records.exclusive import Busy, Lock
from dlrun.records.folder import RunFolder, check_id
from dlrun.studies.state.trial import State

FORMAT = 1
"""Version of the lines."""

FILE = "journal.jsonl"
LOCK = "study.lock"

_REPORT = b'{"format": 1, "event": "reported"'


class StudyLocked(UsageError):
    """Another process carries out the study."""


class Journal:
    """The journal of one study, locked against other writers.

    Every line goes to the system in one write, so that a killed process tears at most the last one. A torn line is cut
    off when the journal is opened, and when a write fails, as on a full disk.

    Args:
        folder: The study's folder.

    Raises:
        StudyLocked: Another process has it open; its host and number are named.
        StorageError: The journal cannot be opened, or is damaged.
    """

    def __init__(self, folder: Path) -> None:
        own = RunFolder(folder)
        self._path = own.file(FILE).path
        try:
            self._lock = Lock(own.file(LOCK))
        except Busy as error:
            message = f"the study {printable(folder.name)} is being carried out by {error.holder}"
            raise StudyLocked(message, remedy=error.remedy) from None
        try:
            self._file, self.events = self._open(own)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, folder: RunFolder) -> tuple[int, list[dict[str, Any]]]:
        """Open the file for appending, cut off a torn line, and return it with all events."""
        path = folder.file(FILE)
        is_new = not path.exists()
        file = path.open_to_append()
        try:
            content = path.read_bytes()
            complete = content[: content.rfind(b"\n") + 1]
            events = list(_parse(self._path, complete, reports=True))
            if len(complete) < len(content):
                os.ftruncate(file, len(complete))
            if is_new:
                folder.content.sync()
        except BaseException:
            os.close(file)
            raise
        return file, events

    def append(self, event: str, *, durable: bool = True, **values: Any) -> dict[str, Any]:
        """Add a line and return it as it will be read.

        Args:
            event: What happened.
            durable: Whether to wait until it is on the disk.
            values: What else to say; plain values.

        Raises:
            StorageError: It could not be written; the journal is as it was.
        """
        line = json.dumps({"format": FORMAT, "event": event, **values})
        size = os.fstat(self._file).st_size
        try:
            files.write_all(self._file, f"{line}\n".encode())
            if durable:
                os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, size)
            raise files.storage_error("write", self._path, error) from error
        read: dict[str, Any] = json.loads(line)
        return read

    def close(self) -> None:
        """Close the file and release the lock."""
        os.close(self._file)
        self._lock.close()


def read_events(folder: Path, *, reports: bool = True) -> Iterator[dict[str, Any]]:
    """Read the journal of a study, which may be open elsewhere. A torn last line is ignored.

    Args:
        folder: The study's folder.
        reports: Whether to read the reports of single epochs too, which are most of the lines.

    Raises:
        StorageError: It cannot be read or is damaged; the line is named.
    """
    file = RunFolder(folder).file(FILE)
    content = file.read_bytes()
    yield from _parse(file.path, content[: content.rfind(b"\n") + 1], reports=reports)


def _parse(path: Path, content: bytes, *, reports: bool) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        if not reports and line.startswith(_REPORT):
            continue
        try:
            event = parse_json(line)
            version, known = event["format"], isinstance(event["event"], str)
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path, number) from error
        if not known or not isinstance(version, int):
            raise _damaged(path, number)
        if version > FORMAT:
            raise StorageError(
                f"{printable(str(path))}: line {number} has format {version}, known is {FORMAT}",
                remedy="Use the dlrun that wrote it, or a newer one.",
            )
        fault = fault_of(event)
        if fault:
            raise _damaged(path, number, fault)
        yield event


def _damaged(path: Path, number: int, fault: str = "") -> StorageError:
    what = f" ({printable(fault)})" if fault else ""
    return StorageError(f"{printable(str(path))} is damaged: line {number} is no line of a journal{what}")


Count = Annotated[int, Field(ge=0, lt=2**63)]
RunId = Annotated[str, AfterValidator(check_id)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, defer_build=True)


class _Begun(_Form):
    mode: Literal["min", "max"]
    others: dict[str, Literal["min", "max"]]


class _Asked(_Form):
    trial: Count
    point: dict[str, Any]
    overrides: dict[str, Any]


class _AskedAgain(_Form):
    trial: Count
    attempt: Count
    to_the_end: bool


class _Reported(_Form):
    trial: Count
    epoch: Count
    value: Finite | None


class _Outcome(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    state: State
    value: Finite | None = None
    run: RunId | None = None
    reason: str | None = None
    epochs: Count | None = None
    seconds: Finite | None = None
    others: dict[str, Finite] = Field(default_factory=dict)


class _Told(_Form):
    trial: Count
    outcome: _Outcome
    last_epoch: Count
    then: str
    stopped: str | None = None


_FORMS: dict[str, type[_Form]] = {
    "study": _Begun,
    "asked": _Asked,
    "again": _AskedAgain,
    "reported": _Reported,
    "told": _Told,
}


def fault_of(event: Mapping[str, Any]) -> str:
    """Say what is wrong with the form of a line; empty if nothing is.

    Args:
        event: A line with the name of its event; one of an unknown name has any form.
    """
    form = _FORMS.get(event["event"])
    if form is None:
        return ""
    try:
        form.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return ""
