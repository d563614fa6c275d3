"""An ensemble that is killed or refused its disk touches no member; a damaged member is skipped by name."""

from __future__ import annotations

import json
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

KILLS = 32
"""At so many calls the process is really killed."""

MODELS = ("linear", "random_forest", "gradient_boosting")

COMMAND = ("ensemble", "runs/*", "--method", "weighted", "--json")


@pytest.fixture(scope="module")
def trained(saboteur: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three finished runs that fit together; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("members")
    config = "name: member\ndataset: iris\nmodel: linear\nevaluation: {bootstrap: 20}\n"
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    for model in MODELS:
        ended = saboteur("train", "config.yaml", f"model={model}", folder=folder)
        assert ended.code == 0, ended.err
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A folder with three finished runs."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    return tmp_path


def members_of(folder: Path, assess: Any) -> dict[str, dict[str, str]]:
    """Return the digests of every run, by id."""
    return {run.name: assess.digests(run) for run in (folder / "runs").glob("2*")}


def check_left(folder: Path, before: dict[str, Any], saboteur: Any, assess: Any) -> list[str]:
    """Check that the members are as they were, and that all is readable; return the states of what is new."""
    left = [run for run in (folder / "runs").glob("2*") if run.name not in before]
    after = members_of(folder, assess)
    assert {name: after[name] for name in before} == before
    for run in left:
        assess.whole(run)
    found = assess.readable(saboteur, folder / "runs", [run.name for run in left])
    states = [found[run.name]["state"] or "none" for run in left]
    for run in left:
        shutil.rmtree(run)
    return states


def test_killed_at_calls(saboteur: Any, assess: Any, folder: Path) -> None:
    before = members_of(folder, assess)
    undisturbed = saboteur(*COMMAND, folder=folder, fault={"kind": "none", "trace": True})
    assert undisturbed.code == 0, undisturbed.err
    assert check_left(folder, before, saboteur, assess) == ["finished"]
    calls = range(1, len(undisturbed.calls) + 1)
    for number in sorted(random.Random(0).sample(calls, min(KILLS, len(calls)))):
        fault = {"kind": "kill", "at": number, "half": number % 2 == 0}
        ended = saboteur(*COMMAND, folder=folder, fault=fault)
        assert ended.code == -signal.SIGKILL, ended.err
        states = check_left(folder, before, saboteur, assess)
        assert set(states) <= {"none", "lost", "finished"}
        again = saboteur(*COMMAND, folder=folder)
        assert again.code == 0, again.err
        answer, first = json.loads(again.out), json.loads(undisturbed.out)
        assert answer["members"] == first["members"]
        assert answer["metrics"]["cross_fitted"] == first["metrics"]["cross_fitted"]
        check_left(folder, before, saboteur, assess)


@pytest.mark.parametrize("code", ["ENOSPC", "EIO"])
def test_calls_refused(saboteur: Any, assess: Any, folder: Path, code: str) -> None:
    before = members_of(folder, assess)
    calls = len(saboteur(*COMMAND, folder=folder, fault={"kind": "none", "trace": True}).calls)
    check_left(folder, before, saboteur, assess)
    words = {"ENOSPC": "the disk is full", "EIO": "input/output error"}[code]
    refused = 0
    for number in range(1, calls + 1, 3):
        ended = saboteur(
            *COMMAND, folder=folder, fault={"kind": "refuse", "at": number, "errno": code, "lasting": False}
        )
        assess.one_line(ended.err)
        assert ended.code in {0, 1}, ended.err
        if ended.code:
            refused += 1
            assert words in ended.err
            assert str(folder / "runs") in ended.err
            assert "dlrun resume" not in ended.err, "an ensemble is made anew"
        states = check_left(folder, before, saboteur, assess)
        assert ended.code or "finished" in states
    assert refused > calls // 6


READ = ("config.yaml", "dataset.json", "metrics.json", "predictions/validation.npz", "predictions/test.npz")
"""Files of a member that an ensemble looks into."""


def damages(content: bytes) -> list[bytes]:
    """Cut a file off at several places, flip bits, and put something else in its place."""
    cut = [content[: int(len(content) * share)] for share in (0.0, 0.4, 0.97)]
    flipped = bytearray(content)
    for place in range(7, len(content), 97):
        flipped[place] ^= 0x55
    return [*cut, bytes(flipped), b"{}", b"\x00" * 100, b"[" * 5000]


def test_a_damaged_member_is_skipped_by_name(saboteur: Any, folder: Path) -> None:
    bad = sorted((folder / "runs").glob("2*"))[1]
    names = [path.relative_to(bad).as_posix() for path in bad.rglob("*") if path.is_file() and path.name != ".lock"]
    assert set(READ) <= set(names)
    skipped = 0
    for name in sorted(names):
        content = (bad / name).read_bytes()
        for damage in damages(content) if name in READ else damages(content)[:1]:
            (bad / name).write_bytes(damage)
            ended = saboteur(*COMMAND, folder=folder)
            assert "Traceback" not in ended.err
            assert ended.code == 0, (name, damage[:20], ended.err)
            answer = json.loads(ended.out)
            reasons = {entry["id"]: entry["reason"] for entry in answer["skipped"]}
            ids = {member["id"] for member in answer["members"]}
            assert (bad.name in reasons) != (bad.name in ids), name
            assert len(ids - {bad.name}) == len(MODELS) - 1
            skipped += bad.name in reasons
            shutil.rmtree(answer["path"])
        (bad / name).write_bytes(content)
    assert skipped >= 4 * 4
