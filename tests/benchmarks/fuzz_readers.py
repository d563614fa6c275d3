"""Feed a reader with damaged and invented content until the time is over; whatever it is, it is read or refused.

Usage: python tests/benchmarks/fuzz_readers.py READER [SECONDS] [--atheris]; READER is config, journal, history, status,
checkpoint, npz or pickle.

Content comes from hypothesis: pieces of real files, cut, repeated, mixed with each other and with odd bytes. With
`--atheris`, where that is installed, it comes from libFuzzer instead, guided by the lines of dlrun that it reaches.
Prints how many contents were tried and how many were read; stops at the first that breaks a promise, and shows it:
a reader raises its own error alone, and takes no more than two seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def _instrumented() -> contextlib.AbstractContextManager[object]:
    """Let libFuzzer see the lines of what is imported in the block."""
    if "--atheris" not in sys.argv:
        return contextlib.nullcontext()
    import atheris

    return atheris.instrument_imports(include=["dlrun", "yaml", "json", "zipfile"])


with _instrumented():
    from dlrun.base.inside import inside
    from dlrun.errors import ConfigError, DataError, StorageError
    from dlrun.experiment.datasets.readers.restricted_pickle import load as load_pickle
    from dlrun.experiment.datasets.sources.npz import Npz
    from dlrun.experiment.load import load_text
    from dlrun.learners.checkpoint import Checkpoint
    from dlrun.records.checkpoints import path_of, read_checkpoint, write_checkpoint
    from dlrun.records.folder import RunFolder
    from dlrun.records.history import HistoryWriter, read_history
    from dlrun.records.status import Heartbeat, read_status
    from dlrun.studies.state.book import Book
    from dlrun.studies.state.journal import FILE as JOURNAL
    from dlrun.studies.state.journal import Journal

MOST_SECONDS = 2.0
"""Longest time that one content may take."""

Target = Callable[[bytes], object]

_ODD = (
    b"", b"\0", b"\n", b"\r\n", b"\t", b",", b": ", b"- ", b"[", b"]", b"{", b"}", b"*a", b"&a ", b"!!python/name:os ",
    b"<<: ", b"? ", b"|", b">", b"'", b'"', b"#", b"---\n", b"...", b"1e999", b"-0", b".nan", b"0x1f", b"NaN",
    b"1" * 400, b"null", b"true", b"~", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\x1b[2J", b"kind",
    b"PK\x01\x02", b"PK\x05\x06", b"\xff\xff\xff\xff", b"\x93NUMPY", b"objectO", b"c__builtin__\nopen\n", b"\x80\x04",
    b"r\xff\xff\x00\x00", b"R.", b"2026-11-21T19:15:02+00:00",
)  # fmt: skip


class Readers:
    """The readers and real content for each, in a folder of temporary files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run = RunFolder(folder)
        self.num_read = 0
        self.targets: dict[str, tuple[Target, type[Exception], list[bytes]]] = {
            "config": (self._config, ConfigError, _configs()),
            "journal": (self._journal, StorageError, [self._some_journal()]),
            "history": (self._history, StorageError, [self._some_history()]),
            "status": (self._status, StorageError, [self._some_status()]),
            "checkpoint": (self._checkpoint, StorageError, [self._some_checkpoint()]),
            "npz": (self._npz, DataError, _archives()),
            "pickle": (self._pickle, pickle.UnpicklingError, _pickles()),
        }

    def try_one(self, name: str, content: bytes) -> None:
        """Read a content.

        Raises:
            AssertionError: It took too long.
            Exception: Any error but the one that the reader is to raise.
        """
        target, refusal, _ = self.targets[name]
        began = time.process_time()
        try:
            target(content)
        except refusal:
            pass
        else:
            self.num_read += 1
        seconds = time.process_time() - began
        assert seconds < MOST_SECONDS, f"took {seconds:.1f} s"

    def _config(self, content: bytes) -> object:
        return load_text(content.decode("utf-8", "replace"))

    def _journal(self, content: bytes) -> object:
        path = self._written(JOURNAL, content)
        book = Book.read(self._folder)
        table = book.table()
        journal = Journal(self._folder)  # a torn end is cut off; what was read stays
        try:
            whole = Book()
            whole.replay(journal.events, self._folder)
        finally:
            journal.close()
        assert path.read_bytes() == content[: content.rfind(b"\n") + 1]
        assert len(whole.table()) == len(table)
        return table

    def _history(self, content: bytes) -> object:
        path = self._written("history.csv", content)
        rows = read_history(inside(path.parent) / path.name)
        with HistoryWriter(inside(path.parent) / path.name):  # a torn end is cut off; what was read stays
            pass
        assert repr(read_history(inside(path.parent) / path.name)) == repr(rows)
        return rows

    def _status(self, content: bytes) -> object:
        self._written("status.json", content)
        return read_status(self._run).seconds

    def _checkpoint(self, content: bytes) -> object:
        self._written(path_of("last/state"), content)
        return read_checkpoint(self._run, "last/state")

    def _npz(self, content: bytes) -> object:
        return Npz(path=str(self._written("data.npz", content)), max_bytes=2**28).load()

    def _pickle(self, content: bytes) -> object:
        return load_pickle(io.BytesIO(content))

    def _written(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path

    def _some_journal(self) -> bytes:
        journal = Journal(self._folder)
        journal.append("study", kind="random", seed=42, mode="min", others={"latency": "min"}, space="bbdc")
        journal.append("opened", host="a", pid=1)
        for trial in range(3):
            values = {"optimizer.learning_rate": 10.0**-trial}
            journal.append("asked", trial=trial, point=values, overrides=values, seen={"told": "", "pending": ""})
            journal.append("reported", trial=trial, epoch=1, value=0.5, durable=False)
            outcome = {"state": "finished", "value": 1.5 - trial, "others": {"latency": 2.0}, "run": "a", "epochs": 2}
            last = {"last_epoch": 2, "then": "retry" if trial == 1 else "end", "stopped": None}
            journal.append("told", trial=trial, outcome=outcome | {"seconds": 0.25}, **last)
        journal.append("again", trial=1, attempt=2, to_the_end=True)
        journal.close()
        return self._folder.joinpath(JOURNAL).read_bytes()

    def _some_history(self) -> bytes:
        path = self._folder / "some.csv"
        with HistoryWriter(inside(path.parent) / path.name) as writer:
            for epoch in range(1, 5):
                writer.write(0, epoch, {"loss": 1 / epoch, "val_loss": 2 / epoch, "learning_rate": 1e-3})
        return path.read_bytes()

    def _some_status(self) -> bytes:
        with Heartbeat(self._run):
            pass
        return self._run.file("status.json").read_bytes()

    def _some_checkpoint(self) -> bytes:
        facts = {"fold": 0, "history": [{"fold": 0, "epoch": 1, "loss": 0.5}], "step": 0, "done": False}
        write_checkpoint(self._run, "last/state", Checkpoint({"0000/kernel": np.ones((2, 3), np.float32)}, facts))
        return self._run.file(path_of("last/state")).read_bytes()


def _configs() -> list[bytes]:
    found = [*(ROOT / "tests/golden/config").glob("*.yaml"), *(ROOT / "dlrun").glob("c*/**/*.yaml")]
    return [path.read_bytes() for path in sorted(found) if path.stat().st_size < 20_000]


def _archives() -> list[bytes]:
    arrays = {"x": np.arange(24, dtype=np.uint8).reshape(6, 2, 2), "y": np.array([0, 1, 2, 0, 1, 2])}
    contents = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, **arrays)
        contents.append(buffer.getvalue())
    return contents


def _pickles() -> list[bytes]:
    value = {b"data": np.arange(6, dtype=np.uint8), b"labels": [1, 2, 3], b"name": "a"}
    return [pickle.dumps(value, protocol) for protocol in range(5)]


def contents(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """Cut pieces from real files and put them together with odd ones."""
    place = st.integers(0, 10_000)

    def piece(seed: bytes, start: int, length: int) -> bytes:
        start %= len(seed) + 1
        return seed[start : start + length]

    def edited(seed: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
        content = bytearray(seed)
        for start, removed, new in edits:
            start %= len(content) + 1
            content[start : start + removed] = new
        return bytes(content)

    real = st.sampled_from(seeds)
    odd = st.sampled_from(_ODD) | st.binary(max_size=4) | st.builds(piece, real, place, st.integers(1, 40))
    repeated = st.builds(lambda part, times: part * times, odd, st.sampled_from([1, 1, 1, 2, 60, 3000]))
    edits = st.lists(st.tuples(place, st.integers(0, 12), repeated), min_size=1, max_size=6)
    return st.builds(edited, real, edits) | st.lists(repeated, max_size=8).map(b"".join)


def with_hypothesis(readers: Readers, name: str, seconds: float) -> int:
    """Try contents until the time is over; return how many."""
    tried = 0

    @settings(
        max_examples=1000,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(contents(readers.targets[name][2]))
    def once(content: bytes) -> None:
        nonlocal tried
        tried += 1
        readers.try_one(name, content)

    began = time.monotonic()
    while time.monotonic() - began < seconds:
        once()
    return tried


def with_atheris(readers: Readers, name: str, seconds: float) -> None:
    """Let libFuzzer try contents until the time is over; it ends the process and tells how many."""
    import atheris

    corpus = Path(tempfile.mkdtemp())
    for number, seed in enumerate(readers.targets[name][2]):
        (corpus / str(number)).write_bytes(seed)
    options = [f"-max_total_time={int(seconds)}", "-max_len=20000", "-timeout=5", "-rss_limit_mb=2048", "-verbosity=1"]
    atheris.Setup([sys.argv[0], str(corpus), *options], lambda content: readers.try_one(name, content))
    atheris.Fuzz()


def main() -> None:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reader", choices=["config", "journal", "history", "status", "checkpoint", "npz", "pickle"])
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--atheris", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        readers = Readers(Path(scratch))
        if arguments.atheris:
            with_atheris(readers, arguments.reader, arguments.seconds)
        tried = with_hypothesis(readers, arguments.reader, arguments.seconds)
    answer = {"reader": arguments.reader, "seconds": arguments.seconds, "tried": tried, "read": readers.num_read}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
