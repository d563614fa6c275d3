"""Runs dlrun while the file system fails it, a process for every run and milliseconds to start one.

As a program it imports all that an estimator's run needs, and forks a child for every request that it reads: a JSON
object a line, with the answer as another line. With `--once` it carries out one request in its own process, which is
what networks need: TensorFlow does not survive a fork. `Saboteur` is the other end.

A request names the `arguments` of the command, the `folder` to run it in, the folder to `watch`, and a `fault`:

    {"kind": "none"}                                only report the calls that change what lies in the watched folder
    {"kind": "kill", "at": n, "half": false}        SIGKILL at the n-th call, before it or halfway through it
    {"kind": "later", "seconds": s}                 SIGKILL after so many seconds
    {"kind": "refuse", "at": n, "errno": "EIO"}     refuse the n-th call; with "lasting": true all after it as well
    {"kind": "photograph", "into": folder}          copy what is there before each call, and halfway through each write
    {"kind": "limit", "bytes": n}                   let no file grow longer; this also reaches libraries written in C
"""

# ruff: noqa: PTH100, PTH115, PTH118, PTH119, PTH120

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """\
name: small
dataset: {kind: iris}
model: {kind: linear}
validation: {kind: holdout, fraction: 0.3, test_fraction: 0}
"""
"""An experiment of a tenth of a second."""

_system_open, _system_write, _system_fsync, _system_os_open = io.open, os.write, os.fsync, os.open
_EVENTS = {
    "os.mkdir": "mkdir",
    "os.remove": "remove",
    "os.rmdir": "rmdir",
    "os.truncate": "truncate",
}
_FOLDERS = {"os.mkdir": 2, "os.remove": 1, "os.rmdir": 1}
"""Which argument of an event is the descriptor of the folder that its path counts from."""

_CLEANING = ("remove", "rmdir")
"""Calls that need no room, and that no disk refuses for want of it."""


class Watch:
    """Sees every call of this process that changes a folder, and lets one go wrong.

    Args:
        folder: The folder.
        fault: What is to go wrong.
    """

    def __init__(self, folder: Path, fault: dict[str, Any]) -> None:
        self.calls: list[tuple[str, str]] = []
        self._folder = os.path.realpath(folder)
        self._fault = fault
        self._lock = threading.RLock()
        self._inside = False
        self._beside = threading.local()

    def begin(self) -> None:
        """Watch from now on, until the process ends."""
        sys.addaudithook(self._audit)
        os.write = self._write
        os.fsync = self._fsync
        os.open = self._os_open
        builtins.open = io.open = self._open

    def _path(self, target: Any, folder: int | None = None) -> str | None:
        """Return the path inside the watched folder that a path or a descriptor stands for; None outside of it.

        Args:
            target: The path or descriptor.
            folder: Descriptor of the folder that a relative path counts from; None or -1 for the current one.
        """
        if isinstance(target, int):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/self/fd/{target}")
        if not isinstance(target, str | bytes | os.PathLike):
            return None
        path = os.fsdecode(target)
        if folder is not None and folder >= 0:
            path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)
        path = os.path.abspath(path)
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        inside = path == self._folder or path.startswith(self._folder + os.sep)
        return os.path.relpath(path, self._folder) if inside else None

    def _meet(
        self,
        name: str,
        target: Any,
        half: Callable[[], object] | None = None,
        source: Any | None = None,
        folders: tuple[int | None, int | None] = (None, None),
    ) -> None:
        """Note a call that is about to be made, and do what is to be done at this one.

        Args:
            name: The call.
            target: Path or descriptor.
            half: Does the first half of the call; None if it has no halves.
            source: What a file was called before it is renamed.
            folders: Descriptors of the folders that relative paths of target and source count from.
        """
        if self._inside or (path := self._path(target, folders[0])) is None:
            return
        with self._lock:
            self._inside = True
            try:
                self.calls.append((name, f"{self._path(source, folders[1])} -> {path}" if source else path))
                self._act(name, len(self.calls), half)
            finally:
                self._inside = False

    def _act(self, name: str, number: int, half: Callable[[], object] | None) -> None:
        kind, at = self._fault["kind"], self._fault.get("at")
        if kind == "photograph":
            self._copy(f"{number:05d}")
        elif kind == "kill" and number == at:
            if self._fault.get("half") and half is not None:
                half()
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
        elif kind == "refuse" and name not in _CLEANING and self._is_refused(number):
            code = getattr(errno, self._fault["errno"])
            raise OSError(code, os.strerror(code))

    def _is_refused(self, number: int) -> bool:
        at = self._fault["at"]
        return bool(number >= at if self._fault.get("lasting") else number == at)

    def _photograph_half(self) -> None:
        if self._fault["kind"] == "photograph" and not self._inside:
            self._inside = True
            self._copy(f"{len(self.calls):05d}-half")
            self._inside = False

    def _copy(self, name: str) -> None:
        """Copy the folder, but for the heartbeat's temporary file, which its thread may rename meanwhile."""
        others = shutil.ignore_patterns(".status-*")
        shutil.copytree(self._folder, Path(self._fault["into"], name), symlinks=True, ignore=others)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            target, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
                self._meet("open", target, folders=(getattr(self._beside, "folder", None), None))
        elif event == "os.rename":
            self._meet("rename", arguments[1], source=arguments[0], folders=(arguments[3], arguments[2]))
        elif event in _EVENTS:
            self._meet(
                _EVENTS[event], arguments[0], folders=(arguments[_FOLDERS[event]] if event in _FOLDERS else None, None)
            )

    def _os_open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """Open a file; the event that tells of it does not tell the folder."""
        before = getattr(self._beside, "folder", None)
        self._beside.folder = dir_fd
        try:
            return _system_os_open(path, flags, mode, dir_fd=dir_fd)
        finally:
            self._beside.folder = before

    def _write(self, descriptor: int, content: Any) -> int:
        return self._halved(descriptor, content, lambda part: _system_write(descriptor, part))

    def _halved(self, target: Any, content: Any, write: Callable[[Any], int]) -> int:
        """Write in two halves, so that there is a moment between them."""
        if self._inside or self._path(target) is None:
            return write(content)
        content = memoryview(content).cast("B")
        first = content[: len(content) // 2]
        self._meet("write", target, lambda: write(first))
        if len(content) < 2 or self._fault["kind"] != "photograph":
            return write(content)
        written = write(first)
        self._photograph_half()
        return written + write(content[written:])

    def _fsync(self, descriptor: int) -> None:
        self._meet("fsync", descriptor)
        _system_fsync(descriptor)

    def _open(self, file: Any, mode: str = "r", buffering: int = -1, *options: Any, **named: Any) -> Any:
        if not set(mode) & set("wax+") or isinstance(file, int) or self._path(file) is None:
            return _system_open(file, mode, buffering, *options, **named)
        raw = _WatchedFile(self, file, mode.replace("b", "").replace("t", ""))
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, *options, **named)


class _WatchedFile(io.FileIO):
    """A file whose writes are seen, as those of libraries that write through `open`."""

    def __init__(self, watch: Watch, file: Any, mode: str) -> None:
        self._watch = watch
        super().__init__(file, mode)

    def write(self, content: Any) -> int:
        return self._watch._halved(self.name, content, super().write)


def _carry_out(request: dict[str, Any], answer: Path) -> int:
    """Run one command in this process, and write the calls that it made."""
    os.chdir(request["folder"])
    fault = request["fault"]
    watch = Watch(Path(request["watch"]), fault)
    if fault["kind"] == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault["bytes"], fault["bytes"]))
    elif fault["kind"] not in {"none", "later"} or fault.get("trace"):
        watch.begin()
    from dlrun.cli.app import run

    code = run(request["arguments"])
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    if watch.calls:
        Path(answer).write_text(json.dumps(watch.calls), encoding="utf-8")
    return code


def _fork(request: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Carry out a request in a forked child and report what became of it."""
    answer, out, err = scratch / "calls.json", scratch / "out", scratch / "err"
    answer.unlink(missing_ok=True)
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            for number, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
            code = _carry_out(request, answer)
        except BaseException:  # noqa: BLE001 - the outermost place of the child
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    if request["fault"]["kind"] == "later":
        time.sleep(request["fault"]["seconds"])
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": out.read_text(encoding="utf-8", errors="replace"),
        "err": err.read_text(encoding="utf-8", errors="replace"),
        "calls": json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else [],
        "seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "max_bytes": usage.ru_maxrss * 1024,
    }


def _serve() -> None:
    """Import everything by carrying out an experiment; then answer requests until there are no more."""
    from dlrun.cli.app import run

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
        answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        with contextlib.redirect_stdout(io.StringIO()):
            code = run(["train", str(folder / "config.yaml"), "--runs-dir", str(folder / "runs")])
            run(["show", "latest", "--runs-dir", str(folder / "runs")])
            run(["ls", "--runs-dir", str(folder / "runs"), "--json"])
        print(json.dumps({"ready": code == 0}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(_fork(json.loads(line), folder)), file=answers, flush=True)


@dataclass(frozen=True)
class Ended:
    """What became of a command: exit code (negative: the signal that ended it), texts, calls, and what it took."""

    code: int
    out: str
    err: str
    calls: list[tuple[str, str]] = field(repr=False, default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    max_bytes: int = 0


class Saboteur:
    """Asks a process that has imported everything to run commands that fail."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_surroundings(),
            text=True,
            encoding="utf-8",
        )
        assert self._read() == {"ready": True}

    def __call__(
        self, *arguments: str, folder: Path, fault: dict[str, Any] | None = None, watch: Path | None = None
    ) -> Ended:
        """Run a command.

        Args:
            arguments: What stands behind `dlrun`.
            folder: Folder to run it in.
            fault: What is to go wrong; see the head of this file.
            watch: Folder in which it goes wrong; `runs` of `folder` unless given.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(_request(arguments, folder, fault, watch)) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        return Ended(**{**answer, "calls": [(name, path) for name, path in answer["calls"]]})

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the saboteur is gone"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def once(
    *arguments: str, folder: Path, fault: dict[str, Any] | None = None, watch: Path | None = None, seconds: float = 120
) -> Ended:
    """Run a command in a process of its own, which networks need."""
    request = _request(arguments, folder, fault, watch)
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch, "calls.json")
        started = time.perf_counter()
        ended = subprocess.run(
            [sys.executable, __file__, "--once", json.dumps(request), str(answer)],
            env=_surroundings(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        calls = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else []
    took = time.perf_counter() - started
    return Ended(ended.returncode, ended.stdout, ended.stderr, [(name, path) for name, path in calls], took)


def _request(
    arguments: tuple[str, ...], folder: Path, fault: dict[str, Any] | None, watch: Path | None
) -> dict[str, Any]:
    return {
        "arguments": list(arguments),
        "folder": str(folder),
        "fault": fault or {"kind": "none"},
        "watch": str(watch or folder / "runs"),
    }


def _surroundings() -> dict[str, str]:
    """Return the environment of a quiet, plain command with one thread, since threads do not survive a fork."""
    kept = {name: value for name, value in os.environ.items() if name not in {"DLRUN_RUNS", "DLRUN_DEBUG", "CI"}}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    return kept | threads | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def saboteur() -> Iterator[Saboteur]:
    """Start a saboteur, and end it with the block."""
    started = Saboteur()
    try:
        yield started
    finally:
        started.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        sys.exit(_carry_out(json.loads(sys.argv[2]), Path(sys.argv[3])))
    _serve()
