"""Memory that is limited, or of which the system takes the process away: words, a code, nothing lost and no hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CONFIGS = {
    "linear": "dataset: iris\nmodel: linear\nevaluation: {bootstrap: 10}\n",
    "network": (
        "dataset: iris\nmodel: {kind: network, layers: [{dense: 4}]}\n"
        "training: {epochs: 2}\nevaluation: {bootstrap: 10}\n"
    ),
}
TUNER = """\
tuner: {kind: random, trials: 4, space: {SETTING: {loguniform: [0.001, 0.1]}}, selection: {finalists: 1, rescorings: 0}}
"""
SETTINGS = {"linear": "model.l2", "network": "optimizer.learning_rate"}
OWN_DATA = """
import os, signal, time
import numpy as np

def load(way="well"):
    if way == "abort":
        os.abort()
    if way == "exit":
        os._exit(1)
    if way == "interrupt":
        signal.raise_signal(signal.SIGINT)
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if way in ("wait", "deaf"):
        print("waiting", os.getpid(), os.getpgid(0), flush=True)
        time.sleep(60)
    if way == "call":
        from dlrun.base.limits import memory_limit

        import mmap
        from scipy.linalg import lapack

        limit, taken = memory_limit(), []
        while limit.num_bytes - limit.taken() > 2**24:
            taken.append(mmap.mmap(-1, 2**20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        lapack.dpotrf(np.eye(100))
    x = np.random.default_rng(1).normal(size=(60, 3))
    return x, (x[:, 0] > 0).astype(int)
"""
NO_WORDS = ("internal error", "Traceback", "fault of dlrun")


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Limited:
    """Starts dlrun with a limit of its memory."""

    folder: Path

    def start(self, *arguments: str, limit: str = "-v 8000000") -> subprocess.Popen[str]:
        command = f'ulimit {limit} && exec "$@"'
        return subprocess.Popen(
            ["bash", "-c", command, "bash", sys.executable, "-m", "dlrun", *arguments],
            cwd=self.folder,
            env=os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, limit: str = "-v 8000000") -> Ended:
        """Carry out a command, which is to come to an end within two minutes."""
        with self.start(*arguments, limit=limit) as process:
            try:
                out, err = process.communicate(timeout=120)
            finally:
                process.kill()
        return Ended(process.returncode, out, err)


@pytest.fixture
def limited(tmp_path: Path) -> Limited:
    for name, text in CONFIGS.items():
        (tmp_path / f"{name}.yaml").write_text(text)
        (tmp_path / f"tune-{name}.yaml").write_text(text + TUNER.replace("SETTING", SETTINGS[name]))
    (tmp_path / "data.py").write_text(OWN_DATA)
    (tmp_path / "own.yaml").write_text("dataset: {kind: python, path: data.py}\nmodel: linear\n")
    return Limited(tmp_path)


def told_in_words(ended: Ended) -> bool:
    """Check the words of a command; return whether it ended well."""
    words = ended.out + ended.err
    assert not any(word in words for word in NO_WORDS), words
    assert ended.code in (0, 1), words
    if ended.code:
        assert "memory ran out" in ended.err, words
        assert "ulimit" in ended.err, words
    return ended.code == 0


RANGES = [
    (("check", "linear.yaml"), "-v", (20, 40, 100, 200, 400)),
    (("train", "linear.yaml"), "-v", (40, 150, 300, 450, 550, 650)),
    (("train", "linear.yaml"), "-d", (30, 150, 300, 600)),
    (("train", "network.yaml"), "-v", (500, 1500, 1800, 2000)),
    (("train", "network.yaml"), "-d", (300, 500)),
    (("tune", "tune-linear.yaml", "-j", "2"), "-v", (300, 500, 600)),
    (("tune", "tune-network.yaml", "-j", "2"), "-v", (1000, 1500, 1900)),
]
CASES = [
    pytest.param(arguments, f"{option} {megabytes * 1024}", id=f"{' '.join(arguments)} {option} {megabytes}")
    for arguments, option, several in RANGES
    for megabytes in several
]


@pytest.mark.parametrize(("arguments", "limit"), CASES)
def test_whatever_the_limit_the_end_is_told(limited: Limited, arguments: tuple[str, ...], limit: str) -> None:
    told_in_words(limited(*arguments, limit=limit))


@pytest.mark.parametrize("name", ["linear", "network"])
def test_with_room_enough_all_is_as_without_a_limit(limited: Limited, name: str) -> None:
    ended = limited("train", f"{name}.yaml", "-q", limit="-v 60000000")
    assert told_in_words(ended)
    assert (Path(ended.out.strip()) / "metrics.json").is_file()


@pytest.mark.parametrize("way", ["abort", "exit"])
def test_a_library_that_ends_the_program_is_told(limited: Limited, way: str) -> None:
    ended = limited("train", "own.yaml", f"dataset.arguments.way={way}", "--json")
    assert not told_in_words(ended)
    message = json.loads(ended.out)["error"]["message"]
    assert ("the program died: SIGABRT" if way == "abort" else "a library ended the program") in message
    assert "this process may take 7,812 MB (ulimit -v)" in message


def test_an_interrupt_that_a_library_sends_itself_is_no_stop_by_people(limited: Limited) -> None:
    ended = limited("train", "own.yaml", "dataset.arguments.way=interrupt")
    assert ended.code == 1
    assert "memory ran out: a library ended the program; this process may take" in ended.err


def test_other_ends_have_their_codes_within_a_limit(limited: Limited) -> None:
    assert limited("train", "none.yaml").code == 2
    assert limited("--version").code == 0
    assert "memory" not in limited("train", "own.yaml", "dataset.path=none.py").err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_what_is_carried_out(limited: Limited, number: signal.Signals) -> None:
    with limited.start("train", "own.yaml", "dataset.arguments.way=wait") as process:
        worker = waiting(process)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"stopped by {number.name}" in err
    assert not is_alive(worker)


def test_the_second_signal_ends_what_does_not_hear(limited: Limited) -> None:
    with limited.start("train", "own.yaml", "dataset.arguments.way=deaf") as process:
        worker = waiting(process)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert not is_alive(worker)


def test_what_is_carried_out_ends_with_its_parent(limited: Limited) -> None:
    with limited.start("train", "own.yaml", "dataset.arguments.way=wait") as process:
        worker = waiting(process)
        process.kill()
        process.communicate(timeout=60)
    assert eventually(lambda: not is_alive(worker))


def test_a_killed_program_is_told(limited: Limited) -> None:
    ended = limited("train", "own.yaml", "dataset.arguments.way=kill")
    assert ended.code == 1
    assert "SIGKILL, which the system sends when memory runs out" in ended.err


def test_a_call_that_asks_for_memory_for_ever_is_ended(limited: Limited) -> None:
    ended = limited("train", "own.yaml", "dataset.arguments.way=call", limit="-d 1000000")
    assert not told_in_words(ended)
    assert "memory ran out: the program died: SIGPROF, as a library came to no end of asking for memory" in ended.err
    assert "this process may take 976 MB (ulimit -d)" in ended.err


def test_data_that_the_system_kills_the_loading_of_are_told(limited: Limited) -> None:
    (limited.folder / "tune.yaml").write_text(
        (limited.folder / "own.yaml").read_text() + TUNER.replace("SETTING", "model.l2")
    )
    ended = limited("tune", "tune.yaml", "dataset.arguments.way=kill", limit="-v unlimited")
    assert ended.code == 1
    assert "memory ran out: the process that loads the data has died: SIGKILL" in ended.err
    assert "dataset.limit" in ended.err


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("name", ["linear", "network"])
def test_workers_that_all_die_at_once_end_the_search_and_it_goes_on_later(
    limited: Limited, name: str, jobs: str
) -> None:
    arguments = ("tune", f"tune-{name}.yaml", "-j", jobs, "--trials", "8")
    with limited.start(*arguments, limit="-v unlimited") as process:
        number = kill_workers(process)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert 5 <= number <= 20
    assert not any(word in out + err for word in NO_WORDS)
    assert "its worker died: SIGKILL, which the system sends when memory runs out" in err
    assert "Run fewer jobs at a time (--jobs)" in err
    (study,) = (limited.folder / "runs").glob("2*")
    ended = limited("tune", "--study", str(study), limit="-v unlimited")
    assert ended.code in (0, 3), ended.err
    assert (study / "best.yaml").is_file()


def test_a_killed_zygote_is_told_and_the_study_goes_on(limited: Limited) -> None:
    with limited.start("tune", "tune-network.yaml", limit="-v unlimited") as process:
        assert eventually(lambda: bool(children(process.pid)))
        os.kill(children(process.pid)[0], signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "memory ran out: the process that starts the workers has died: SIGKILL" in err
    assert "go on with: dlrun tune --study" in err
    assert limited("tune", "--study", "latest", limit="-v unlimited").code == 0


def waiting(process: subprocess.Popen[str]) -> int:
    """Return the number of the process that loads the data."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("waiting"):
            _, pid, group = line.split()
            assert pid == group
            return int(pid)
    raise AssertionError(process.stderr.read() if process.stderr else "")


def children(pid: int) -> list[int]:
    """Return the children that are zygotes or their forks, and no short-lived ones that look at the machine."""
    found = subprocess.run(
        ["pgrep", "-P", str(pid), "-f", "dlrun.studies.workers.zygote"], capture_output=True, text=True, check=False
    ).stdout
    return [int(word) for word in found.split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ")[-1][0] != "Z"
    except OSError:
        return False


def eventually(holds: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def kill_workers(process: subprocess.Popen[str]) -> int:
    """Kill each worker as soon as it is there, until the command ends; return how many there were."""
    killed: set[int] = set()
    loader: set[int] = set()
    deadline = time.monotonic() + 100
    while process.poll() is None and time.monotonic() < deadline:
        for worker in workers(process.pid):
            if not loader:
                loader.add(worker)
            elif worker not in killed | loader:
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
        time.sleep(0.01)
    return len(killed)


def workers(driver: int) -> Iterator[int]:
    for zygote in children(driver):
        yield from (pid for pid in children(zygote) if is_alive(pid))
