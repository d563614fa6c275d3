from __future__ import annotations

import errno
import struct
import threading
from pathlib import Path
from typing import Any

import pytest

from dlrun.base.inside import Inside, inside
from dlrun.errors import StorageError
from dlrun.learners.listener import REFIT, EpochReport
from dlrun.reports.tensorboard import TensorBoard, flatten

SETTINGS = {
    "name": "digits",
    "model": {"kind": "network", "layers": [{"dense": {"units": 64, "l2": 1e-4, "batch_norm": None}}, {"flatten": {}}]},
    "training": {"epochs": 3, "refit": True, "milestones": (1, 2)},
}


def read(folder: Path) -> list[Any]:
    """Read all events of a folder, checking the length and both checksums of each record."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    events = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack("<Q", data[at : at + 8])
            assert struct.unpack("<I", data[at + 8 : at + 12])[0] == masked_crc32c(data[at : at + 8])
            body = data[at + 12 : at + 12 + length]
            assert struct.unpack("<I", data[at + 12 + length : at + 16 + length])[0] == masked_crc32c(body)
            events.append(Event.FromString(body))
            at += length + 16
    return events


def scalars(folder: Path) -> dict[tuple[str, int], float]:
    return {
        (value.tag, event.step): pytest.approx(value.simple_value)
        for event in read(folder)
        for value in event.summary.value
        if not value.tag.startswith("_hparams_")
    }


def row(epoch: int, fold: int = 0) -> dict[str, float]:
    return {
        "fold": fold,
        "epoch": epoch,
        "loss": 1 / epoch,
        "val_loss": 2 / epoch,
        "learning_rate": 0.1,
        "seconds": 9.0,
    }


def write_events(
    folder: Inside, rows: list[dict[str, float]], settings: dict[str, Any], scores: dict[str, Any]
) -> None:
    """Write all events of a run, as it does one by one."""
    num_folds = len({row["fold"] for row in rows} - {REFIT})
    with TensorBoard(folder, max(1, num_folds)) as board:
        for each in rows:
            values = {name: value for name, value in each.items() if name not in ("fold", "epoch", "seconds")}
            board.log(int(each["fold"]), int(each["epoch"]), values)
        board.conclude(settings, scores)


def test_training_and_validation_share_their_tags(tmp_path: Path) -> None:
    write_events(inside(tmp_path) / "tensorboard", [row(1), row(2)], SETTINGS, {"validation/loss": 1.0})
    folder = tmp_path / "tensorboard"
    assert scalars(folder / "training") == {
        ("loss", 1): 1.0,
        ("learning_rate", 1): 0.1,
        ("loss", 2): 0.5,
        ("learning_rate", 2): 0.1,
    }
    assert scalars(folder / "validation") == {("loss", 1): 2.0, ("loss", 2): 1.0}
    assert read(folder / "training")[0].file_version == "brain.Event:2"


def test_folds_and_the_refit_have_folders_of_their_own(tmp_path: Path) -> None:
    write_events(inside(tmp_path), [row(1, 0), row(1, 1), {"fold": REFIT, "epoch": 1, "loss": 7.0}], {}, {})
    found = {path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("events*")}
    assert found == {
        *(f"fold-{fold}/{part}" for fold in (0, 1) for part in ("training", "validation")),
        "refit/training",
        ".",
    }
    assert scalars(tmp_path / "refit" / "training") == {("loss", 1): 7.0}


def test_hyper_parameters_stand_with_the_scores(tmp_path: Path) -> None:
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    scores = {"validation/accuracy": 0.9, "test/auc": None, "test/loss": float("inf")}
    write_events(inside(tmp_path), [], SETTINGS, scores)
    assert scalars(tmp_path) == {("validation/accuracy", 0): 0.9}
    plugins = {
        value.tag: HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for event in read(tmp_path)
        for value in event.summary.value
        if value.tag.startswith("_hparams_")
    }
    started = plugins["_hparams_/session_start_info"].session_start_info.hparams
    assert started["model.layers.0.dense.units"].number_value == 64
    assert started["training.refit"].bool_value is True
    assert started["name"].string_value == "digits"
    metrics = plugins["_hparams_/experiment"].experiment.metric_infos
    assert [info.name.tag for info in metrics] == ["validation/accuracy"]
    assert "_hparams_/session_end_info" in plugins


def test_a_listener_writes_while_the_run_goes_on(tmp_path: Path) -> None:
    before = threading.active_count()
    with TensorBoard(inside(tmp_path)) as board:
        values = {"loss": 0.5, "val_loss": 0.6}
        board.epoch_finished(EpochReport(0, 1, 3, values, "val_loss", 1, 0.6, 0.1))
        board.flush()
        assert scalars(tmp_path / "validation") == {("loss", 1): 0.6}
        assert threading.active_count() == before
    board.close()
    assert scalars(tmp_path / "training") == {("loss", 1): 0.5}


def test_nothing_is_made_without_events(tmp_path: Path) -> None:
    with TensorBoard(inside(tmp_path) / "tensorboard"):
        pass
    assert not (tmp_path / "tensorboard").exists()


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot create .*training: "):
        TensorBoard(inside(tmp_path) / "tensorboard").log(0, 1, {"loss": 1.0})


def test_a_full_disk_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboardX.event_file_writer import EventsWriter

    def fail(_: EventsWriter) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with TensorBoard(inside(tmp_path)) as board:
        board.log(0, 1, {"loss": 1.0})
        with monkeypatch.context() as patched:
            patched.setattr(EventsWriter, "flush", fail)
            with pytest.raises(StorageError, match="the disk is full"):
                board.flush()


def test_nested_settings_become_dotted_names() -> None:
    assert flatten(SETTINGS) == {
        "name": "digits",
        "model.kind": "network",
        "model.layers.0.dense.units": 64,
        "model.layers.0.dense.l2": 1e-4,
        "training.epochs": 3,
        "training.refit": True,
        "training.milestones": "[1, 2]",
    }
