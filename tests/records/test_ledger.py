"""The ledger of looks at test sets."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from dlrun.errors import StorageError
from dlrun.records import ledger


def test_looks_are_counted_for_each_test_set(tmp_path) -> None:
    runs = tmp_path / "runs"
    counts = [ledger.append(runs, fingerprint=name, run=f"run-{name}", why="train") for name in "aabab"]
    assert counts == [1, 2, 1, 3, 2]
    assert [(look.run, look.why) for look in ledger.looks(runs, "b")] == [("run-b", "train")] * 2
    assert ledger.looks(runs, "c") == []
    lines = (runs / "ledger.jsonl").read_text().splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [["fingerprint", "run", "time", "why"]] * 5


def test_no_ledger_holds_no_looks(tmp_path) -> None:
    assert ledger.looks(tmp_path / "absent", "a") == []


def test_a_torn_last_line_is_ignored_and_harms_no_later_look(tmp_path) -> None:
    ledger.append(tmp_path, fingerprint="a", run="one", why="train")
    with (tmp_path / "ledger.jsonl").open("a") as file:
        file.write('{"fingerprint": "a", "run": "to')
    assert len(ledger.looks(tmp_path, "a")) == 1
    assert ledger.append(tmp_path, fingerprint="a", run="three", why="evaluate") == 2
    assert [look.run for look in ledger.looks(tmp_path, "a")] == ["one", "three"]


def test_looks_at_the_same_time_get_different_numbers(tmp_path) -> None:
    numbers: list[int] = []

    def look() -> None:
        numbers.extend(ledger.append(tmp_path, fingerprint="a", run="x", why="train") for _ in range(5))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 21))


def test_what_cannot_be_written_is_told(tmp_path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        ledger.append(tmp_path / "runs", fingerprint="a", run="x", why="train")


def test_a_test_set_is_known_by_its_labels_in_their_order() -> None:
    known = ledger.fingerprint_of(np.array([0, 1, 1]), ("no", "yes"))
    assert known == ledger.fingerprint_of(np.array([0, 1, 1], np.int32), ("no", "yes"))
    others = [
        ledger.fingerprint_of(np.array([1, 0, 1]), ("no", "yes")),
        ledger.fingerprint_of(np.array([0, 1, 1]), ("yes", "no")),
        ledger.fingerprint_of(np.array([[0], [1], [1]]), ("no", "yes")),
        ledger.fingerprint_of(np.array([[0.0], [1.0], [1.5]])),
    ]
    assert len({known, *others}) == 5
