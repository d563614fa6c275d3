"""Bundles: what they hold, and what is refused when they are read."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile

import numpy as np
import pytest

from dlrun.errors import StorageError, UsageError
from dlrun.predictions.bundle import bundle
from dlrun.predictions.load import load
from dlrun.records import stored as stored_module
from dlrun.records.stored import StoredBundle, open_stored


@pytest.mark.parametrize("case", ["table-folds", "table-forest", "numbers-log-folds"])
def test_a_bundle_predicts_as_the_run_does(copied, people_frame, tmp_path, case) -> None:
    folder = copied(case)
    for name in ("one.zip", "two.zip"):
        bundle(open_stored(folder), tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    run, frame = load(folder), people_frame(20, seed=4)
    expected, interval = run.predict(frame), run.residuals
    shutil.rmtree(folder)
    predictor = load(tmp_path / "one.zip")
    assert predictor.id == run.id
    assert np.array_equal(predictor.predict(frame), expected)
    if interval is not None:
        for ours, theirs in zip(
            predictor.residuals.interval(expected, 0.9), interval.interval(expected, 0.9), strict=True
        ):
            assert np.array_equal(ours, theirs)


def test_a_bundle_holds_no_rows_and_nothing_else(trained, tmp_path) -> None:
    bundle(open_stored(trained("table-folds").path), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == [
            "bundle.json",
            "config.yaml",
            "dataset.json",
            "model/fold-0.preprocessing.json",
            "checkpoints/best/fold-0.safetensors",
            "model/fold-1.preprocessing.json",
            "checkpoints/best/fold-1.safetensors",
        ]


def test_names_that_cannot_be_are_refused(trained, tmp_path) -> None:
    for name in ("a.tar", "absent/a.zip"):
        with pytest.raises(UsageError, match="cannot be the file of a bundle"):
            bundle(open_stored(trained("table-linear").path), tmp_path / name)


def rewritten(trained, tmp_path, **changes):
    """Write a bundle anew with other entries, checksums and all."""
    bundle(open_stored(trained("table-linear").path), tmp_path / "good.zip")
    with zipfile.ZipFile(tmp_path / "good.zip") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(contents.pop("bundle.json"))
    contents |= changes.get("contents", {})
    manifest["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest |= changes.get("manifest", {})
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", json.dumps(manifest))
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def test_a_bundle_that_was_packed_anew_is_read(trained, people_frame, tmp_path) -> None:
    path = rewritten(trained, tmp_path)
    frame = people_frame(5)
    assert np.array_equal(load(path).predict(frame), load(tmp_path / "good.zip").predict(frame))


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:evil", "a\\evil", "./evil", "a//b"])
def test_names_that_lead_elsewhere_are_refused(trained, tmp_path, name) -> None:
    path = rewritten(trained, tmp_path, contents={name: b""})
    with pytest.raises(UsageError, match="it holds a file called"):
        StoredBundle(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["good.zip", "other.zip"]


def test_a_name_that_is_there_twice_is_refused(trained, tmp_path) -> None:
    path = rewritten(trained, tmp_path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.yaml", "")
    with pytest.raises(UsageError, match=r"it holds 'config\.yaml' twice"):
        StoredBundle(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"manifest": {"format": 99}}, "is a bundle of format 99"),
        ({"manifest": {"files": {}}}, "checksum|holds no"),
        ({"manifest": {"files": []}}, "damaged"),
        ({"manifest": {"id": 3}}, "damaged"),
        ({"manifest": {"files": {"config.yaml": "0"}}}, "checksum"),
    ],
)
def test_manifests_that_do_not_fit_are_refused(trained, tmp_path, changes, message) -> None:
    with pytest.raises((UsageError, StorageError), match=message):
        load(rewritten(trained, tmp_path, **changes))


def test_more_than_a_limit_is_never_read(trained, tmp_path, monkeypatch) -> None:
    path = rewritten(trained, tmp_path, contents={"config.yaml": b"\n" * (2**20)})
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(stored_module, "_MAX_TEXT_BYTES", 2**16)
    with pytest.raises(StorageError, match="longer than 65,536 bytes"):
        load(path)


def test_files_that_are_no_bundles_are_refused(trained, tmp_path) -> None:
    (tmp_path / "text.zip").write_text("hello")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    good = tmp_path / "good.zip"
    bundle(open_stored(trained("table-linear").path), good)
    (tmp_path / "torn.zip").write_bytes(good.read_bytes()[:-400])
    for name in ("text.zip", "other.zip", "torn.zip"):
        with pytest.raises(UsageError, match="is no bundle of dlrun"):
            load(tmp_path / name)
    harmed = bytearray(good.read_bytes())
    place = harmed.index(b"seed: 42")
    harmed[place : place + 8] = b"seed: 43"
    (tmp_path / "harmed.zip").write_bytes(harmed)
    with pytest.raises(StorageError, match=r"config\.yaml is damaged: Bad CRC"):
        load(tmp_path / "harmed.zip")


@pytest.mark.parametrize("folds", ["{}", "[]", None])
def test_a_record_without_folds_is_damaged(copied, tmp_path, folds) -> None:
    folder = copied("table-linear")
    facts = json.loads((folder / "dataset.json").read_text()) | {"folds": None}
    content = json.dumps(facts) if folds is None else folds
    (folder / "dataset.json").write_text(content)
    with pytest.raises(StorageError, match=r"dataset\.json is damaged: it tells no folds"):
        bundle(open_stored(folder), tmp_path / "bundle.zip")
    with pytest.raises(StorageError, match=r"dataset\.json is damaged"):
        load(folder)
