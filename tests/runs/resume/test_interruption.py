"""Signals that wait for a safe place, the pace of checkpoints, and memory that does not suffice."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.base import interruption
from dlrun.errors import Diverged, Interrupted, RunFailed, StorageError
from dlrun.experiment.load import load_text
from dlrun.learners.checkpoint import SHARE, Checkpoint, Pace
from dlrun.learners.estimator import EstimatorLearner
from dlrun.records.checkpoints import path_of, read_checkpoint, write_checkpoint
from dlrun.records.folder import RunFolder
from dlrun.records.index import run_folders
from dlrun.records.status import read_status
from dlrun.runs import resume as resuming
from dlrun.runs.run import run_experiment

FOREST = "dataset: {kind: iris}\nmodel: {kind: random_forest, num_trees: 2}\n"
NETWORK = "dataset: {kind: iris}\nmodel: {kind: network, layers: [{dense: 4}]}\ntraining: {epochs: 1, batch_size: 8}\n"


def test_a_signal_raises_at_once_where_nothing_holds_it_back() -> None:
    with pytest.raises(Interrupted, match="SIGTERM"):
        interruption.arrive(signal.SIGTERM)
    with pytest.raises(Interrupted, match="SIGTERM"):  # again, for a destructor or callback may have swallowed it
        interruption.check()
    interruption.check()


def test_a_held_back_signal_waits_for_the_check() -> None:
    done = []
    with pytest.raises(Interrupted) as caught, interruption.held_back():  # noqa: PT012
        interruption.arrive(signal.SIGINT)
        done.append("half")
        done.append("whole")
        interruption.check()
        done.append("too much")
    assert done == ["half", "whole"]
    assert caught.value.exit_code == 130
    interruption.check()


def test_a_held_back_signal_is_raised_at_the_end_of_the_block() -> None:
    with pytest.raises(Interrupted), interruption.held_back():
        interruption.arrive(signal.SIGINT)


def test_another_error_is_not_hidden_and_the_signal_does_not_come_later() -> None:
    with pytest.raises(Diverged), interruption.held_back():  # noqa: PT012
        interruption.arrive(signal.SIGINT)
        raise Diverged("loss")
    interruption.check()


def test_checkpoints_wait_their_time_and_take_their_share_at_most() -> None:
    now = [0.0]
    pace = Pace(5.0, clock=lambda: now[0])
    assert not pace.due
    now[0] = 5.0
    assert pace.due
    with pace.measured():
        now[0] += 1.0
    now[0] += 5.0
    assert not pace.due
    now[0] += 1 / SHARE - 5.0
    assert pace.due
    assert Pace(0.0, clock=lambda: 0.0).due


def test_the_first_checkpoint_waits_for_its_expected_share() -> None:
    now = [0.0]
    pace = Pace(5.0, clock=lambda: now[0])
    pace.expect(1.0)
    now[0] = 1 / SHARE - 0.1
    assert not pace.due
    now[0] = 1 / SHARE
    assert pace.due
    with pace.measured():
        now[0] += 0.01
    pace.expect(1.0)  # what was measured counts for more
    now[0] += 5.0
    assert pace.due


def test_checkpoints_read_back_as_they_were(tmp_path: Path) -> None:
    arrays = {
        "0000/a": np.float32(3.5),
        "0001/b": np.arange(6, dtype=np.int64).reshape(2, 3),
        "best/0000/a": np.zeros((0, 4)),
        "best/0010/c": np.array([True]),
        "best/0002/b": np.array([1.0], np.float16),
    }
    facts = {"history": [{"epoch": 1, "loss": 0.1 + 0.2, "val_loss": float("inf")}], "step": 3, "trained": None}
    folder = RunFolder(tmp_path)
    write_checkpoint(folder, "last/state", Checkpoint({name: np.asarray(a) for name, a in arrays.items()}, facts))
    found = read_checkpoint(folder, "last/state")
    assert found is not None
    assert found.facts == facts | {"format": 1}
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].shape == array.shape
        np.testing.assert_array_equal(found.arrays[name], array)
    assert [array.shape for array in found.group("best/")] == [(0, 4), (1,), (1,)]
    assert found.group("best/")[1].dtype == np.float16
    assert len(found.group("")) == 2
    assert read_checkpoint(folder, "last/other") is None


def test_a_flipped_bit_anywhere_in_a_checkpoint_is_found(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    arrays = {"0000/a": np.arange(40, dtype=np.float32), "0001/b": np.zeros((3, 2), np.int64)}
    write_checkpoint(folder, "last/state", Checkpoint(arrays, {"step": 3}))
    path = folder.file(path_of("last/state"))
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(StorageError, match=r"state\.safetensors (is damaged|has the format)"):
            read_checkpoint(folder, "last/state")


def failing(tmp_path: Path, text: str, patch: pytest.MonkeyPatch, target: str, error: Exception) -> tuple[str, Any]:
    def fail(*arguments: Any, **settings: Any) -> Any:
        raise error

    patch.setattr(target, fail)
    with pytest.raises(RunFailed) as caught:
        run_experiment(load_text(text, "test.yaml").experiment, runs_dir=tmp_path / "runs")
    status = RunFolder(next((tmp_path / "runs").glob("2*"))).read_json("status.json")
    assert status["state"] == "failed"
    return str(caught.value), status


def test_memory_that_does_not_suffice_says_what_to_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = "dlrun.learners.estimator.EstimatorLearner.fit"
    error = MemoryError("Unable to allocate 9 TiB")
    message, status = failing(tmp_path, FOREST, monkeypatch, target, error)
    assert message.startswith("memory ran out: Unable to allocate 9 TiB\nTry fewer rows (dataset.limit)")
    assert status["error"] == message


def test_a_full_device_asks_for_smaller_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[1,2]\nmore")
    target = "dlrun.learners.engines.resident.ResidentEngine.train_epoch"
    message, _ = failing(tmp_path, NETWORK, monkeypatch, target, error)
    first, second = message.split("\n")
    assert first == "memory ran out: there is no room for an array of shape (1, 2)"
    assert second.startswith("Try training.batch_size=4 (it is 8), training.engine=streaming, ")


def test_an_interrupt_that_native_code_has_turned_into_another_error_is_one(tmp_path, monkeypatch) -> None:
    def fit(self, job):
        try:
            interruption.arrive(signal.SIGINT)
        except BaseException as error:
            raise SystemError("returned a result with an exception set") from error

    monkeypatch.setattr(EstimatorLearner, "fit", fit)
    loaded = load_text("dataset: iris\nmodel: linear\n", "config.yaml")
    with pytest.raises(Interrupted):
        run_experiment(loaded.experiment, runs_dir=tmp_path, source=loaded)
    (folder,) = run_folders(tmp_path)
    assert read_status(folder).state == "interrupted"
    with pytest.raises(ValueError, match="of its own"), interruption.surfacing():
        raise ValueError("of its own")


def test_long_texts_are_told_apart_without_comparing_their_lines() -> None:
    long = "0\n" * 1_000_000
    assert resuming._diff(long, long, "before", "now") == []
    assert resuming._diff("0\n", long, "before", "now")[-1] == "they differ, in up to 1,000,000 lines"
    assert resuming._diff("a\n", "b\n", "before", "now")[-2:] == ["-a", "+b"]
