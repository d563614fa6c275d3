"""`dlrun doctor`."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from dlrun.cli.commands import doctor
from dlrun.cli.commands.doctor import find_cache, find_devices, find_disk, find_missing

FETCHED = {"mnist", "fashion_mnist", "cifar10", "cifar100", "imdb", "reuters", "california_housing"}


def healthy(**changes: Any) -> dict[str, Any]:
    return {
        "packages": {"numpy": "2.0"},
        "tensorflow": {"devices": ["CPU:0", "GPU:0"], "cuda": True, "error": None},
        "hardware": {"gpus": ["NVIDIA H200"]},
        "disk": {"path": "/runs", "free_bytes": 10**12, "writable": True},
        **changes,
    }


def test_nothing_is_missing() -> None:
    assert find_missing(healthy()) == []


@pytest.mark.parametrize(
    ("changes", "what", "remedy", "needed"),
    [
        ({"packages": {"skops": None}}, "the package skops", "pip install skops", True),
        ({"tensorflow": {"devices": [], "cuda": False, "error": "no AVX"}}, "loads: no AVX", "pip install", True),
        ({"tensorflow": {"devices": ["CPU:0"], "cuda": True, "error": None}}, "NVIDIA H200", '"dlrun[gpu]"', False),
        ({"disk": {"path": "/runs", "free_bytes": 10**12, "writable": False}}, "write to /runs", "--runs-dir", True),
        ({"disk": {"path": "/runs", "free_bytes": 10**8, "writable": True}}, "room in /runs", "free some", False),
    ],
)
def test_what_is_missing_and_how_to_get_it(changes: dict[str, Any], what: str, remedy: str, needed: bool) -> None:
    (item,) = find_missing(healthy(**changes))
    assert what in item["what"]
    assert remedy in item["remedy"]
    assert item["needed"] is needed


def test_cached_datasets(tmp_path, datasets_folder) -> None:
    found = find_cache(str(datasets_folder / "keras"))
    assert found["path"] == datasets_folder / "keras" / "datasets"
    assert found["cached"] == ["fashion_mnist"]
    assert set(found["cached"] + found["not_cached"]) == FETCHED
    assert find_cache(str(tmp_path))["cached"] == []


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path) -> None:
    found = find_disk(tmp_path / "a" / "b")
    assert found["path"] == tmp_path / "a" / "b"
    assert found["writable"] is True
    assert found["free_bytes"] > 0
    (tmp_path / "file").write_text("")
    assert find_disk(tmp_path / "file" / "runs")["writable"] is False


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("raise ImportError('libcudart is missing')", "ImportError: libcudart is missing"),
        ("import os; os._exit(3)", "ended with code 3"),
        ("print('no json')", "Expecting value"),
    ],
)
def test_a_tensorflow_that_does_not_load(monkeypatch, program: str, error: str) -> None:
    monkeypatch.setattr(doctor, "_DEVICES_PROGRAM", program)
    found = find_devices()
    assert found["devices"] == []
    assert error in found["error"]


def test_doctor_itself(dlrun) -> None:
    ended = dlrun("doctor", "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["python"] == sys.version.split()[0]
    assert found["tensorflow"]["error"] is None
    assert "CPU:0" in found["tensorflow"]["devices"]
    assert found["disk"]["path"] == str(dlrun.folder / "runs")
    assert "tensorflow" in ended.err
    assert not (dlrun.folder / "runs").exists()
