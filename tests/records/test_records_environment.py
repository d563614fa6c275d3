"""environment.json: what a run was carried out with."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dlrun import __version__
from dlrun.base.machine import usable_cpus
from dlrun.records.environment import environment, git_state, versions


def git(folder: Path, *arguments: str) -> None:
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env=os.environ | identity)


def test_environment_is_plain_and_complete() -> None:
    described = environment(argv=["dlrun", "train"], devices=["CPU:0"], threads=1)
    assert json.loads(json.dumps(described)) == described
    assert described["dlrun"] == __version__
    assert described["argv"] == ["dlrun", "train"]
    assert described["threads"] == 1
    assert described["packages"]["numpy"] == np.__version__
    assert described["hardware"]["devices"] == ["CPU:0"]
    assert described["hardware"]["usable_cpus"] == usable_cpus() >= 1
    assert described["hardware"]["memory_bytes"] > 1e8


def test_no_environment_variable_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "very-secret-token")
    assert "very-secret-token" not in json.dumps(environment(argv=[]))


def test_missing_packages_have_no_version() -> None:
    assert versions(["no-such-package-of-any-kind"]) == {"no-such-package-of-any-kind": None}


def test_git_state_tells_commit_and_changes(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) is None
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "first")
    head = (tmp_path / ".git" / "HEAD").read_text().split()[1]
    commit = (tmp_path / ".git" / head).read_text().strip()
    (tmp_path / "untracked").write_text("1")
    assert git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path) == {"commit": commit, "dirty": True}


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_state(tmp_path) is None
