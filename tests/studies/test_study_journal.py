"""The journal of a study: torn at any byte, killed at any moment, read while it is written, locked."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from dlrun.errors import StorageError
from dlrun.experiment.tuner.tuners import Tuner
from dlrun.studies.state.ask_tell import Outcome, Study, StudyLocked
from dlrun.studies.state.book import Book
from dlrun.studies.state.journal import FILE, Journal, read_events

TUNER: TypeAdapter[Any] = TypeAdapter(Tuner)
SPACE = {"x": {"uniform": [0, 1]}, "c": {"choice": [1, {"y": {"int": [1, 3]}}]}}
GRID = TUNER.validate_python(
    {
        "kind": "grid",
        "space": {"a": {"int": [1, 6]}, "b": {"int": [1, 5]}},
        "pruner": "median",
        "failures": {"retries": 2},
    }
)
STATES = ["finished", "pruned", "diverged", "failed", "lost", "out_of_memory", "interrupted"]


def open_study(folder: Path, tuner: Any = GRID) -> Study:
    folder.mkdir(exist_ok=True)
    return Study.open(folder, tuner, seed=4, mode="max", written={"a": 1, "b": 1}, others={"parameters": "min"})


def state_of(book: Book) -> dict[str, Any]:
    """Return all that a book knows, as plain values."""
    return {
        "trials": book.table(),
        "waiting": book.waiting,
        "to_the_end": book.to_the_end,
        "failures": book.failures,
        "curves": {trial: curve.by_step() for trial, curve in book.curves.items()},
        "finished": book.finished,
        "history": list(book.history),
        "front": book.front,
        "rest": (book.best, book.stopped, book.failed_in_a_row, book.facts),
    }


def live(folder: Path, steps: list[tuple[int, int]], tuner: Any = GRID) -> dict[str, Any]:
    """Carry out a study by numbers that say what happens next; return its state."""
    with open_study(folder, tuner) as study:
        for what, choice in steps:
            active = study.pending()
            if what <= 1 or not active:
                study.ask()
            elif what <= 4:
                number = active[choice % len(active)]
                study.report(number, study.trials[number].last_epoch + 1, choice / 7 if choice % 5 else float("nan"))
            else:
                state: Any = STATES[choice % len(STATES)]
                value = choice / 3 if state == "finished" else None
                outcome = Outcome(state, value=value, reason=f"reason {choice}", others={"parameters": float(choice)})
                study.tell(active[choice % len(active)], outcome)
        return state_of(study._book)


stories = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 20)), max_size=40)


@settings(max_examples=40, deadline=None)
@given(stories)
def test_replayed_equals_live(tmp_path_factory: Any, steps: list[tuple[int, int]]) -> None:
    folder = tmp_path_factory.mktemp("study")
    expected = live(folder, steps)
    book = Book(GRID.sampler(4, {"a": 1, "b": 1}).coordinates)
    book.replay(read_events(folder), folder)
    assert state_of(book) == expected
    table = [(trial.id, trial.point, trial.state, trial.value, trial.outcome) for trial in Book.read(folder).table()]
    assert table == [(t.id, t.point, t.state, t.value, t.outcome) for t in expected["trials"]]


def test_a_journal_torn_at_any_byte_is_read_up_to_there(tmp_path: Path) -> None:
    story = [(0, 0), (0, 0), (2, 1), (0, 0), (7, 0), (2, 3), (7, 4), (7, 2)]
    live(tmp_path / "whole", story)
    content = (tmp_path / "whole" / FILE).read_bytes()
    states = []
    for size in range(len(content) + 1):
        torn = tmp_path / "torn"
        torn.mkdir(exist_ok=True)
        (torn / FILE).write_bytes(content[:size])
        book = Book()
        book.replay(read_events(torn), torn)
        states.append(len(book.trials) + len(list(read_events(torn))))
    assert states == sorted(states)
    assert states[-1] == content.count(b"\n") + 3


@settings(max_examples=30, deadline=None)
@given(cut=st.floats(0, 1))
def test_a_torn_study_goes_on_and_loses_nothing(tmp_path_factory: Any, cut: float) -> None:
    folder = tmp_path_factory.mktemp("study")
    carry_out(folder, 6)
    path = folder / FILE
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    kept = {trial.id: trial.value for trial in Book.read(folder).table() if trial.state == "finished"}
    carry_out(folder, 12)
    assert all(json.loads(line) for line in path.read_bytes().splitlines())
    trials = Book.read(folder).table()
    assert {number: trials[number].value for number in kept} == kept
    assert [(trial.point["a"], trial.point["b"]) for trial in trials] == [(1 + n // 5, 1 + n % 5) for n in range(12)]


def carry_out(folder: Path, num_trials: int) -> None:
    tuner = GRID.model_copy(update={"trials": num_trials})
    with open_study(folder, tuner) as study:
        while suggestion := study.ask():
            study.report(suggestion.trial, 1, 1.0)
            outcome = Outcome("finished", value=float(suggestion.point["a"]), others={"parameters": 1.0})
            study.tell(suggestion.trial, outcome)


@pytest.mark.parametrize("kind", ["tpe", "random", "anneal"])
def test_a_driver_that_is_killed_anywhere_tries_the_same_points(kind: str, tmp_path: Path) -> None:
    more = {"random_trials": 8} if kind == "tpe" else {}
    tuner = TUNER.validate_python({"kind": kind, "space": SPACE, "trials": 30, **more})

    def drive(folder: Path, patience: int) -> bool:
        """Carry out the study for a number of steps; return whether it is complete."""
        folder.mkdir(exist_ok=True)
        with Study.open(folder, tuner, seed=2, mode="min") as study:
            while patience > 0 and (suggestion := study.ask()):
                for epoch in range(1, 4):
                    study.report(suggestion.trial, epoch, suggestion.point.get("x", 0.5) / epoch)
                patience -= 1
                if patience:
                    study.tell(suggestion.trial, Outcome("finished", value=suggestion.point.get("x", 0.5)))
            return patience > 0

    assert drive(tmp_path / "undisturbed", 1000)
    generator = random.Random(kind)
    while not drive(tmp_path / "killed", generator.randint(1, 9)):
        pass
    undisturbed, killed = (
        [(trial.id, trial.point, trial.value) for trial in Book.read(tmp_path / name).table()]
        for name in ("undisturbed", "killed")
    )
    assert killed == undisturbed
    assert len(killed) == 30


def test_sigkill_loses_no_finished_trial(tmp_path: Path, repository: Path) -> None:
    program = f"""
import time
from pathlib import Path
from pydantic import TypeAdapter
from dlrun.studies.state.journal import Journal
from dlrun.studies.state.ask_tell import Outcome, Study
from dlrun.experiment.tuner.tuners import Tuner
tuner = TypeAdapter(Tuner).validate_python({GRID.model_dump(exclude={"objectives", "seed"}, mode="json")!r})
with Study.open(Path({str(tmp_path)!r}), tuner, seed=4, mode="min", written={{"a": 1, "b": 1}}) as study:
    while suggestion := study.ask():
        for epoch in range(1, 4):
            study.report(suggestion.trial, epoch, 1.0)
            time.sleep(0.002)
        study.tell(suggestion.trial, Outcome("finished", value=float(suggestion.trial)))
        print(suggestion.trial, flush=True)
"""
    environment = os.environ | {"PYTHONPATH": str(repository)}
    generator = random.Random(1)
    told: list[int] = []
    for attempt in range(6):
        process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        if attempt < 5:
            told.append(int(process.stdout.readline()))
            time.sleep(generator.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout if line.endswith("\n")]
        process.stdout.close()
        process.wait()
    trials = Book.read(tmp_path).table()
    assert told == sorted(set(told))  # one may be told and not printed
    events = [event["trial"] for event in read_events(tmp_path) if event["event"] == "told"]
    assert events == list(range(30))
    assert [trial.value for trial in trials] == [float(number) for number in range(30)]
    assert [(trial.point["a"], trial.point["b"]) for trial in trials] == [(1 + n // 5, 1 + n % 5) for n in range(30)]


def test_a_second_driver_is_refused(tmp_path: Path) -> None:
    import socket

    with open_study(tmp_path) as study:
        study.ask()
        message = f"is being carried out by process {os.getpid()} on {socket.gethostname()}"
        with pytest.raises(StudyLocked, match=message):
            open_study(tmp_path)
        assert len(Book.read(tmp_path).table()) == 1
        study.ask()
    open_study(tmp_path).close()


def test_a_failed_opening_releases_the_lock(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nonsense\n")
    for _ in range(2):
        with pytest.raises(StorageError, match="line 1 is no line of a journal"):
            open_study(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "line 3 is no line of a journal"),
        (b"[1]", "line 3 is no line of a journal"),
        (b'{"format": 1}', "line 3 is no line of a journal"),
        (b"\xff\xfe", "line 3 is no line of a journal"),
        (b'{"format": 2, "event": "asked"}', "line 3 has format 2, known is 1"),
        (b'{"format": 1, "a": ' + b"[" * 5000, "line 3 is no line of a journal"),
        (
            b'{"format": 1, "event": "told", "trial": 7, "then": "end", "outcome": {"state": "lost"}, "last_epoch": 0}',
            "event 3 cannot be",
        ),
        (
            b'{"format": 1, "event": "told", "trial": 7, "then": "end", "last_epoch": 0, '
            b'"outcome": {"state": "lost", "run": "../../victim"}}',
            r"line 3 is no line of a journal \(outcome.run: Value error, it is no id of a run\)",
        ),
        (
            b'{"format": 1, "event": "told", "trial": 7, "then": "end", "outcome": {}, "last_epoch": 0}',
            r"line 3 is no line of a journal \(outcome.state: Field required\)",
        ),
        (
            b'{"format": 1, "event": "again", "trial": 0, "attempt": "two", "to_the_end": false}',
            r"line 3 is no line of a journal \(attempt: Input should be a valid integer\)",
        ),
        (b'{"format": 1, "event": "asked", "trial": 5, "point": {}, "overrides": {}}', "event 3 cannot be"),
    ],
)
def test_a_damaged_line_is_named(line: bytes, message: str, tmp_path: Path) -> None:
    live(tmp_path, [(0, 0), (0, 0)])
    lines = (tmp_path / FILE).read_bytes().splitlines()
    (tmp_path / FILE).write_bytes(b"\n".join([*lines[:2], line, *lines[2:], b""]))
    for read in (Book.read, open_study):
        with pytest.raises(StorageError, match=message):
            read(tmp_path)


def test_events_of_a_later_version_of_the_format_are_skipped(tmp_path: Path) -> None:
    live(tmp_path, [(0, 0)])
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"format": 1, "event": "rested", "hours": 8}\n')
    assert len(Book.read(tmp_path).table()) == 1


def test_a_write_that_fails_leaves_the_journal_and_the_study_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlrun.studies.state import journal

    def full(descriptor: int, content: bytes) -> None:
        os.write(descriptor, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with open_study(tmp_path) as study:
        study.ask()
        before = (tmp_path / FILE).read_bytes()
        with monkeypatch.context() as patched:
            patched.setattr(journal.files, "write_all", full)
            with pytest.raises(StorageError, match=r"journal\.jsonl: the disk is full"):
                study.ask()
            with pytest.raises(StorageError):
                study.tell(0, Outcome("diverged"))
        assert (tmp_path / FILE).read_bytes() == before
        assert study.pending() == [0]
        second = study.ask()
        assert second is not None
        assert second.trial == 1


def test_suggestions_say_what_they_had_seen(tmp_path: Path) -> None:
    with open_study(tmp_path) as study:
        for _ in range(4):
            study.ask()
        for number in (0, 2, 3):
            study.tell(number, Outcome("finished", value=1.0, others={"parameters": 1.0}))
        study.ask()
    asked = [event for event in read_events(tmp_path) if event["event"] == "asked"]
    assert asked[0]["seen"] == {"told": "", "pending": ""}
    assert asked[3]["seen"] == {"told": "", "pending": "0-2"}
    assert asked[4]["seen"] == {"told": "0,2-3", "pending": "1"}


@pytest.mark.parametrize("name", ["journal.jsonl", "study.lock"])
def test_links_in_a_study_are_not_followed(tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("one line without an end")
    study = tmp_path / "study"
    study.mkdir()
    (study / name).symlink_to(precious)
    with pytest.raises(StorageError, match="is a link, and no file of a run"):
        Journal(study)
    assert precious.read_text() == "one line without an end"
