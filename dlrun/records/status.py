"""status.json: the state of a run and the sign of life of the process that carries it out."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

from dlrun.base.limits import own
from dlrun.base.text import json_text, parse_json, printable
from dlrun.errors import DlrunError, Interrupted, StorageError
from dlrun.learners.listener import Pruned
from dlrun.records.folder import RunFolder
from dlrun.records.process import is_there, this_process

State = Literal["running", "finished", "failed", "pruned", "interrupted", "lost"]
"""What became of a run. `lost` is never written: it is how a run reads whose process is gone."""

FILE = "status.json"
INTERVAL = 5.0
"""Seconds between two heartbeats."""
LOST_AFTER = 60.0
"""Seconds without a heartbeat after which a run on another machine counts as lost; one as far ahead is no better."""

FORMAT = 1
"""Format of the records. Runs from before there were numbers count as 1; other formats are refused by name."""

_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Status:
    """The content of status.json. Times are ISO 8601 in UTC.

    Args:
        state: What became of the run.
        started: When it began.
        heartbeat: When the process last gave a sign of life.
        finished: When it ended, in whatever state; None while it goes on.
        pid: Number of the process.
        host: Name of the machine.
        process: What tells the process from a later one with the same number; empty where the system does not say.
        error: What went wrong, in words for the user; None if nothing did.
        exit_code: Exit code of the command; None while it goes on.
        resumed: When the run was last resumed; None if it never was.
        earlier: Seconds that it took before it was last resumed.
        elapsed: Seconds that it has taken since, by a clock that nobody sets; None in records of older versions.
        format: Format of the records.
    """

    state: State
    started: str
    heartbeat: str
    finished: str | None = None
    pid: int = 0
    host: str = ""
    process: str = ""
    error: str | None = None
    exit_code: int | None = None
    resumed: str | None = None
    earlier: float = 0.0
    elapsed: float | None = None
    format: int = FORMAT

    @property
    def seconds(self) -> float:
        """Seconds that processes have worked on it, until the end or the last sign of life; never less than none."""
        if self.elapsed is not None:
            return self.earlier + self.elapsed
        told = _time(self.finished or self.heartbeat) - _time(self.resumed or self.started)
        return self.earlier + max(told.total_seconds(), 0.0)

    @property
    def is_ahead(self) -> bool:
        """Whether the last sign of life came later than now, by a clock that is not ours or was set back since."""
        return (_time(self.heartbeat) - datetime.now(UTC)).total_seconds() > LOST_AFTER


def seconds_in_all(status: Status, metrics: object) -> float:
    """Return the seconds of a run as every place shows them: those of its summary once there is one.

    A summary is written before the plots are drawn, so the status counts a little longer. A study has no seconds but
    those of its status.

    Args:
        status: How the run stands.
        metrics: Content of its `metrics.json`, of whatever form.
    """
    if isinstance(metrics, Mapping) and not metrics.get("study"):
        seconds = metrics.get("seconds")
        total = seconds.get("total") if isinstance(seconds, Mapping) else None
        if isinstance(total, int | float) and math.isfinite(total):
            return total
    return status.seconds


def read_status(folder: RunFolder, *, now: datetime | None = None) -> Status:
    """Read the status of a run; a run that claims to go on but whose process is gone reads as `lost`.

    Args:
        folder: The run.
        now: Time to compare the heartbeat with; the present unless given.

    Raises:
        StorageError: There is no status, or it is damaged.
    """
    file = folder.file(FILE)
    status = _parsed(file.path, file.read_bytes(limit=_MAX_BYTES))
    if status.state == "running" and not _alive(status, now or datetime.now(UTC)):
        return replace(status, state="lost")
    return status


def _parsed(path: Path, content: bytes) -> Status:
    try:
        written = parse_json(content)
        found = written.get("format", FORMAT)
        values = {field.name: written[field.name] for field in fields(Status) if field.name in written}
        if found == FORMAT:
            status = Status(**values)
            _check(status)
            return status
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise StorageError(f"{printable(str(path))} is damaged: it holds no status of a run") from error
    raise StorageError(
        f"{printable(str(path))} has the record format {printable(repr(found))}; this dlrun reads format {FORMAT}",
        remedy="Use the version of dlrun that wrote it, named in environment.json.",
    )


def _check(status: Status) -> None:
    """Raise an error if a value has a wrong type."""
    if status.state not in get_args(State) or status.state == "lost":
        raise ValueError(status.state)
    texts = (status.host, status.process, status.error or "")
    numbers = (status.pid, status.exit_code or 0)
    for seconds in (status.earlier, 0.0 if status.elapsed is None else status.elapsed):
        if type(seconds) not in (int, float) or not math.isfinite(seconds):
            raise TypeError(seconds)
    if not all(isinstance(text, str) for text in texts) or not all(type(number) is int for number in numbers):
        raise TypeError(texts, numbers)
    for moment in (
        status.started,
        status.heartbeat,
        status.finished or status.started,
        status.resumed or status.started,
    ):
        _time(moment)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _alive(status: Status, now: datetime) -> bool:
    there = is_there(status.process, status.pid)
    return abs((now - _time(status.heartbeat)).total_seconds()) <= LOST_AFTER if there is None else there


class Heartbeat:
    """Keeps status.json alive while a run goes on, and writes how it ended.

        with Heartbeat(folder) as heartbeat:
            ...

    Leaving the block writes `finished`, or after an error `interrupted` or `failed` with its message and exit code.
    `end` does so before that, for a state that no error stands for.

    Args:
        folder: The run.
        earlier: Status of a run that is resumed now; None for a new run.
        before: Seconds that this process has spent on the run already, such as on loading its data.
        interval: Seconds between two signs of life.
    """

    def __init__(
        self, folder: RunFolder, *, earlier: Status | None = None, before: float = 0.0, interval: float = INTERVAL
    ) -> None:
        now = _now()
        self._began = time.monotonic()
        self._folder = folder
        self._interval = interval
        self._status = Status(
            "running",
            earlier.started if earlier else now,
            now,
            pid=os.getpid(),
            host=socket.gethostname(),
            process=this_process(),
            resumed=now if earlier else None,
            earlier=round((earlier.seconds if earlier else 0.0) + before, 3),
            elapsed=0.0,
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    @property
    def status(self) -> Status:
        """What was last put into the file."""
        return self._status

    def __enter__(self) -> Heartbeat:
        self._write()
        try:
            self._thread.start()
        except RuntimeError as error:  # there is no room for its stack
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._over.is_set():
            return
        if error is None:
            self.end("finished")
            return
        with suppress(StorageError):  # the error that ended the run is the one to hear of
            if isinstance(error, Pruned):
                self.end("pruned")
            else:
                interrupted = isinstance(error, KeyboardInterrupt)
                state: State = "interrupted" if interrupted else "failed"
                self.end(state, error=error_text(error), exit_code=exit_code(error))

    def end(self, state: State, *, error: str | None = None, exit_code: int = 0) -> None:
        """Stop beating and write the last state.

        Args:
            state: `finished`, `failed`, `pruned` or `interrupted`.
            error: What went wrong, in words for the user.
            exit_code: Exit code of the command.

        Raises:
            StorageError: The file could not be written.
        """
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        now = _now()
        ended = replace(self._status, state=state, heartbeat=now, finished=now, error=error, exit_code=exit_code)
        self._status = replace(ended, elapsed=self._elapsed())
        try:
            self._write()
        except StorageError:
            self._folder.file(FILE).overwrite(self._content())

    def _beat(self) -> None:
        while not self._over.wait(self._interval):
            self._status = replace(self._status, heartbeat=_now(), elapsed=self._elapsed())
            with suppress(StorageError):  # a disk that is full now may have room at the next beat
                self._write()

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def _write(self) -> None:
        self._folder.write_bytes(FILE, self._content())

    def _content(self) -> bytes:
        values: dict[str, Any] = {field.name: getattr(self._status, field.name) for field in fields(Status)}
        return (json_text(values) + "\n").encode()


def error_text(error: BaseException) -> str:
    """Put an error into words for the user: message and remedy of dlrun's own, name and message of others."""
    error = own(error)
    if isinstance(error, DlrunError | Interrupted):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped by SIGINT"
    return f"internal error: {type(error).__name__}: {error}"


def exit_code(error: BaseException) -> int:
    """Return the exit code that an error stands for."""
    if isinstance(error, DlrunError | Interrupted):
        return error.exit_code
    return 130 if isinstance(error, KeyboardInterrupt) else 1
