"""Files of arrays and models from strangers: given as data, or found in a run folder that was handed over."""

from __future__ import annotations

import gc
import io
import pickle
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

Bait = Callable[[Path], bytes]

READ = ("predictions/validation.npz", "model/model.skops")
"""Files of which each command that reads runs is tried; `ls` is tried on all."""

CONFIG = "dataset: {{kind: npz, path: '{path}'}}\nmodel: {{kind: linear}}\n"


def test_given_as_data(guarded: Any, canary: Path, model_bait: Bait) -> None:
    path = canary.with_name("data.npz")
    path.write_bytes(model_bait(canary))
    (guarded.folder / "config.yaml").write_text(CONFIG.format(path=path), encoding="utf-8")
    for command in ("check", "train"):
        ended = guarded(command, "config.yaml")
        assert path.name in ended.err
    assert not (guarded.folder / "runs").exists()


def files_of(run: Path) -> list[str]:
    names = [path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()]
    return sorted(name for name in names if name != ".lock" and not name.startswith("tensorboard"))


def test_in_place_of_every_file_of_a_finished_run(
    guarded: Any, canary: Path, finished: Path, run_commands: list[str], model_bait: Bait
) -> None:
    content = model_bait(canary)[:2_000_000]
    runs = guarded.folder / "runs"
    names = files_of(finished)
    for number, name in enumerate(names):
        run = runs / f"{finished.name[:-4]}{number:04x}"
        shutil.copytree(finished, run)
        (run / name).write_bytes(content)
    guarded("ls", refused=False)
    for name in READ:
        for command in set(run_commands) - {"logs"}:
            guarded(command, f"{finished.name[:-4]}{names.index(name):04x}", refused=False)


def test_in_place_of_the_checkpoints_of_a_stopped_run(
    guarded: Any, canary: Path, stopped: Path, run_commands: list[str], model_bait: Bait
) -> None:
    if "resume" not in run_commands:
        pytest.skip("there is no resume yet")
    run = guarded.folder / "runs" / stopped.name
    shutil.copytree(stopped, run)
    content = model_bait(canary)
    checkpoints = list((run / "checkpoints").rglob("*.safetensors"))
    assert checkpoints
    for path in checkpoints:
        path.write_bytes(content)
    ended = guarded("resume", run.name)
    assert "safetensors" in ended.err


def test_the_baits_are_dangerous(canary: Path, baits: Any) -> None:
    """A program that trusts them touches the canary; otherwise the tests above would show nothing."""
    import joblib

    touched = canary.with_name("touched")
    careless: list[Callable[[], Any]] = [
        lambda: pickle.loads(baits.pickled(touched)),
        lambda: joblib.load(io.BytesIO(baits.joblib_dumped(touched)))["model"],
        lambda: np.load(io.BytesIO(baits.object_npz(touched)), allow_pickle=True)["x"][0],
        lambda: yaml.unsafe_load(baits.TEXTS["python function"](touched))["name"],
    ]
    for load in careless:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            load().close()
            gc.collect()
        assert touched.exists()
        touched.unlink()


def test_the_bomb_is_an_archive_like_others(canary: Path, baits: Any) -> None:
    content = baits.bomb_npz(canary, 2**24)
    assert len(content) < 2**16
    with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open("x.npy") as member:
        assert archive.namelist() == ["x.npy", "y.npy"]
        assert np.lib.format.read_magic(member) == (1, 0)
        assert np.lib.format.read_array_header_1_0(member) == ((2**20, 4), False, np.dtype("<f4"))
        assert member.read(2**23) == bytes(2**23)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_the_lambdas_are_dangerous(tmp_path: Path, baits: Any, suffix: str) -> None:
    touched = tmp_path / "touched"
    make = baits.lambda_keras if suffix == ".keras" else baits.lambda_h5
    path = tmp_path / f"bait{suffix}"
    path.write_bytes(make(touched))
    program = "import sys, keras; keras.saving.load_model(sys.argv[1], compile=False, safe_mode=False)"
    subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, check=False, timeout=120)
    assert touched.exists()
