"""Disks that are full or read-only: the program says so, and what was written before is whole."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

LINEAR = ["train", "dataset=wine", "model=linear", "evaluation.bootstrap=10", "--name", "wine"]
NETWORK = ["train", "dataset=wine", "model.layers=[dense: 8]", "--name", "wine"]

Mount = Callable[[str], AbstractContextManager[Path]]


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    """Mount a disk in memory; the test is skipped where that is not allowed."""

    @contextmanager
    def mounted(options: str) -> Iterator[Path]:
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no disk can be mounted here")
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)

    return mounted


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if ".tmp" in path.name]


def test_a_read_only_disk_is_refused_before_any_work(mount: Mount, dlrun: Any, alike: Any) -> None:
    with mount("ro,size=1m") as disk:
        for runs in (disk, disk / "deeper" / "runs"):
            ended = dlrun(*LINEAR, "--runs-dir", str(runs), "--quiet")
            assert (ended.code, ended.out) == (1, "")
            assert ended.err == (
                f"error: cannot create a run in {runs}: the disk is read-only\n"
                "Choose a folder that can be written to with --runs-dir.\n"
            )


def test_a_disk_without_any_room_keeps_nothing(mount: Mount, dlrun: Any, alike: Any) -> None:
    with mount("size=8k") as disk:
        ended = dlrun(*LINEAR, "--runs-dir", str(disk), "--quiet")
        assert list(disk.iterdir()) == []
    assert (ended.code, ended.out) == (1, "")
    message, remedy = alike(ended.err, disk).splitlines()
    assert message.startswith("error: cannot write <folder>/<run>/")
    assert message.endswith(": the disk is full")
    assert remedy == "Free some space, or choose another folder with --runs-dir."


def test_a_disk_that_fills_up_at_the_plots_leaves_the_scores(mount: Mount, dlrun: Any, alike: Any) -> None:
    with mount("size=96k") as disk:
        ended = dlrun(*LINEAR, "--runs-dir", str(disk), "--json")
        (run,) = disk.glob("2*")
        status = json.loads((run / "status.json").read_text())
        metrics = json.loads((run / "metrics.json").read_text())
        assert leftovers(disk) == []
        assert (run / "predictions" / "test.npz").is_file()
    assert ended.code == 1
    message, remedy, resume, folder = alike(ended.err, disk).splitlines()[-4:]
    assert resume.startswith("go on with: dlrun resume ")
    assert message.startswith("error: cannot write <folder>/<run>/plots/")
    assert message.endswith(".png: the disk is full")
    assert remedy == "Free some space, or choose another folder with --runs-dir."
    assert folder == "run folder <folder>/<run>"
    assert (status["state"], status["exit_code"]) == ("failed", 1)
    assert f"error: {status['error']}" in ended.err
    assert metrics["validation"]["accuracy"] > 0.5
    told = json.loads(ended.out)
    assert told["path"] == str(run)
    assert f"error: {told['error']['message']}" in ended.err


def test_a_disk_that_fills_up_while_training_keeps_state_and_best_weights(mount: Mount, dlrun: Any) -> None:
    from safetensors.numpy import load_file

    endless = ["training.epochs=100000", "training.early_stopping=false", "training.checkpoint_seconds=0"]
    with mount("size=120k") as disk:
        ended = dlrun(*NETWORK, *endless, "--runs-dir", str(disk), "--quiet")
        (run,) = disk.glob("2*")
        status = json.loads((run / "status.json").read_text())
        assert leftovers(disk) == []
        assert load_file(run / "checkpoints" / "last" / "state.safetensors")
        rows = (run / "history.csv").read_text().splitlines()
        listed = dlrun("ls", "--runs-dir", str(disk), "--json")
    assert ended.code == 1
    assert ended.err.splitlines()[0].startswith("error: cannot write ")
    assert ended.err.splitlines()[0].endswith(": the disk is full")
    assert (status["state"], status["exit_code"]) == ("failed", 1)
    assert "the disk is full" in status["error"]
    assert len(rows) > 2
    assert [entry["state"] for entry in json.loads(listed.out)["runs"]] == ["failed"]


LIMITED = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
runpy.run_module("dlrun", run_name="__main__", alter_sys=True)
"""


def test_a_limit_on_the_length_of_files_is_told(dlrun: Any, alike: Any) -> None:
    pytest.importorskip("resource")
    with dlrun.python("-c", LIMITED, *LINEAR, "--quiet") as process:
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    (run,) = (dlrun.folder / "runs").glob("2*")
    assert alike(err, dlrun.folder) == (
        "error: cannot write <folder>/runs/<run>/model/model.skops: the file would be longer than the system or "
        "`ulimit -f` allows\n"
        "Raise that limit, or choose another folder with --runs-dir.\n"
        "go on with: dlrun resume <run>\n"
        "run folder <folder>/runs/<run>\n"
    )
    assert json.loads((run / "status.json").read_text())["state"] == "failed"
    assert leftovers(run) == []


def test_a_config_is_written_as_a_whole_or_not_at_all(mount: Mount, program: Any) -> None:
    with mount("size=4k") as disk:
        (disk / "other").write_bytes(b"x" * 4096)
        for force in ([], ["--force"]):
            ended = program(disk)("init", *force)
            assert [path.name for path in disk.iterdir()] == ["other"]
            assert ended.code == 1
            assert ended.err == "error: cannot write config.yaml: the disk is full\nChoose another --output.\n"
