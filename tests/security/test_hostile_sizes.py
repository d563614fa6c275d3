"""Files from strangers that are small on the disk and would be large in memory: refused before they are read."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LARGE = 4 * 2**30


def header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def grown(name: str, head: bytes, num_bytes: int, others: dict[str, bytes]) -> bytes:
    """Return an archive with a member of zeros, which is a 230th as large."""
    buffer = io.BytesIO()
    zeros = bytes(2**24)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for other, content in others.items():
            archive.writestr(other, content)
        with archive.open(name, "w", force_zip64=True) as member:
            member.write(head)
            for _ in range(num_bytes // len(zeros)):
                member.write(zeros)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def handed_over(saboteur: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of numbers, its bundle, and rows to predict."""
    folder = tmp_path_factory.mktemp("sizes")
    x = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)
    np.savez(folder / "data.npz", x=x, y=x[:, 0] * 2)
    np.savez(folder / "new.npz", x=x)
    (folder / "config.yaml").write_text(
        "dataset: {kind: npz, path: data.npz, task: regression}\nmodel: linear\nevaluation: {bootstrap: 10}\n"
    )
    ended = saboteur("train", "config.yaml", "--json", folder=folder)
    assert ended.code == 0, ended.err
    (folder / json.loads(ended.out)["path"]).rename(folder / "run")
    assert saboteur("export", "run", "-o", "bundle.zip", folder=folder).code == 0
    return folder


@pytest.fixture
def work(handed_over: Path, guarded: Any) -> Path:
    shutil.copytree(handed_over, guarded.folder, dirs_exist_ok=True)
    return Path(guarded.folder)


PREDICT = ("-o", "out.npz")


def test_an_array_of_a_run_that_grows(guarded: Any, work: Path) -> None:
    file = work / "run/predictions/validation.npz"
    file.write_bytes(grown("y_true.npy", header((LARGE // 8, 1)), LARGE, {"y_pred.npy": header((1, 1)) + bytes(8)}))
    assert file.stat().st_size < 2**25
    ended = guarded("predict", "run", "new.npz", *PREDICT)
    assert "validation.npz is damaged" in ended.err
    assert "made to fill the memory" in ended.err
    guarded("ensemble", "run", "run")


def test_a_file_of_a_bundle_that_grows(guarded: Any, work: Path) -> None:
    with zipfile.ZipFile(work / "bundle.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    del members["model/model.skops"]
    (work / "bundle.zip").write_bytes(grown("model/model.skops", b"", LARGE, members))
    ended = guarded("predict", "bundle.zip", "new.npz", *PREDICT)
    assert "bundle.zip is no bundle of dlrun: it would grow from" in ended.err


def test_many_files_of_a_bundle_that_grow_a_little(guarded: Any, work: Path) -> None:
    with zipfile.ZipFile(work / "bundle.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members |= {f"members/{number:04d}/model/model.skops": bytes(2**24) for number in range(20)}
    with zipfile.ZipFile(work / "bundle.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert "it would grow from" in guarded("predict", "bundle.zip", "new.npz", *PREDICT).err


def test_a_directory_that_promises_little(guarded: Any, work: Path) -> None:
    """What an entry holds ends where the directory says, so that its checksum is another."""
    file = work / "bundle.zip"
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    del members["model/model.skops"]
    content = bytearray(grown("model/model.skops", b"", 2**30, members))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 1000)
    file.write_bytes(bytes(content))
    ended = guarded("predict", "bundle.zip", "new.npz", *PREDICT)
    assert "model/model.skops is damaged" in ended.err


def test_a_bundle_that_was_packed_anew_is_read(guarded: Any, work: Path) -> None:
    with zipfile.ZipFile(work / "bundle.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(work / "bundle.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert guarded("predict", "bundle.zip", "new.npz", *PREDICT, refused=False).code == 0


@pytest.mark.parametrize("inner", ["schema.json", "zeros.npy"])
def test_a_stored_model_that_grows(guarded: Any, work: Path, inner: str) -> None:
    file = work / "run/model/model.skops"
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != inner}
    file.write_bytes(grown(inner, b"", LARGE, members))
    assert "made to fill the memory" in guarded("predict", "run", "new.npz", *PREDICT).err


def test_a_schema_of_a_million_lists(guarded: Any, work: Path) -> None:
    """Sixty megabytes of text are not suspected as arrays, but as objects they would take two gigabytes."""
    file = work / "run/model/model.skops"
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["schema.json"] = b'{"content": [' + b"[]," * 20_000_000 + b"[]]}"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert "'schema.json' would grow from" in guarded("predict", "run", "new.npz", *PREDICT).err


@pytest.mark.parametrize("name", ["model/model.skops", "predictions/validation.npz"])
def test_a_file_of_holes(guarded: Any, work: Path, name: str) -> None:
    file = work / "run" / name
    os.truncate(file, LARGE)
    if file.stat().st_blocks * 512 > LARGE // 2:
        pytest.skip("this file system stores holes")
    ended = guarded("predict", "run", "new.npz", *PREDICT)
    assert f"would grow to {LARGE:,}" in ended.err
