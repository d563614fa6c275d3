"""How errors are told, and that signals are heard once."""

from __future__ import annotations

import errno
import json
import signal
from pathlib import Path

import pytest

from dlrun.base.limits import own
from dlrun.cli import app
from dlrun.cli.failure import failure_of, report
from dlrun.errors import ConfigError, DataError, Interrupted, Problem, RunFailed
from dlrun.records.status import error_text

PROBLEMS = [
    Problem("a.yaml:1:2", "seed", "found 'x', expected a whole number"),
    Problem("", "name", "too long", "Cut it."),
]


def told(error: BaseException, capsys, *, as_json: bool = False, run=None) -> tuple[int, str, str]:
    code = report(failure_of(error), json=as_json, run=run)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_message_and_remedy_are_lines(capsys) -> None:
    error = DataError("no column 'y'", remedy="Name one of a, b.")
    assert told(error, capsys) == (2, "", "error: no column 'y'\nName one of a, b.\n")


@pytest.mark.parametrize(
    ("error", "message", "remedy"),
    [
        (OSError(errno.EMFILE, "Too many open files", "/dev/null"), "this process may open no more files", "ulimit -n"),
        (OSError(errno.ENFILE, "Too many open files in system"), "the system opens no more files", "fewer jobs"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "no more processes", "ulimit -u"),
        (RuntimeError("can't start new thread"), "no more processes or threads", "ulimit -u"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory ran out", "dataset.limit"),
        (MemoryError(), "memory ran out", "dataset.limit"),
    ],
)
def test_what_the_system_gives_no_more_of_is_told_in_words(capsys, error, message: str, remedy: str) -> None:
    code, out, err = told(error, capsys)
    assert (code, out) == (1, "")
    assert message in err
    assert remedy in err
    assert message in error_text(error)


def test_other_errors_of_the_system_stay_faults(capsys) -> None:
    for error in (OSError(errno.EINVAL, "x"), RuntimeError("x"), ConnectionResetError(errno.EAGAIN, "x")):
        assert "internal error" in told(error, capsys)[2]
        assert own(error) is error


def test_every_problem_of_a_config_is_a_line(capsys) -> None:
    code, out, err = told(ConfigError(PROBLEMS), capsys)
    assert (code, out) == (2, "")
    assert err == (
        "error: the config has 2 problems\n"
        "  a.yaml:1:2: seed: found 'x', expected a whole number\n"
        "  name: too long. Cut it.\n"
    )


def test_json_tells_the_same_and_which_run(capsys, tmp_path: Path) -> None:
    run = {"id": "r", "path": str(tmp_path)}
    code, out, err = told(RunFailed("NaN in epoch 3", remedy="Lower the rate."), capsys, as_json=True, run=run)
    assert code == 1
    assert json.loads(out) == {
        "error": {"message": "NaN in epoch 3", "remedy": "Lower the rate.", "problems": []},
        "id": "r",
        "path": str(tmp_path),
    }
    assert err == f"error: NaN in epoch 3\nLower the rate.\nrun folder {tmp_path}\n"


def test_a_folder_that_is_gone_is_not_named(capsys, tmp_path: Path) -> None:
    run = {"id": "r", "path": str(tmp_path / "r")}
    assert told(DataError("one class"), capsys, run=run) == (2, "", "error: one class\n")
    _, out, _ = told(ConfigError(PROBLEMS), capsys, as_json=True)
    assert json.loads(out)["error"]["problems"][1] == {
        "place": "",
        "path": "name",
        "message": "too long",
        "hint": "Cut it.",
    }


def test_control_characters_are_shown_not_sent(capsys) -> None:
    _, _, err = told(DataError("class '\x1b]0;title\x07' has one row"), capsys)
    assert err == "error: class '\\x1b]0;title\\x07' has one row\n"


def test_an_unexpected_error_is_one_line_and_a_way_to_learn_more(capsys) -> None:
    code, out, err = told(ZeroDivisionError("division by zero"), capsys)
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == "internal error: ZeroDivisionError: division by zero"
    assert "DLRUN_DEBUG=1" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_have_their_codes(capsys, number: int, code: int) -> None:
    assert told(Interrupted(number), capsys) == (code, "", f"stopped by {signal.Signals(number).name}\n")


def raising(error: BaseException):
    def command(**_: object) -> None:
        raise error

    return command


def test_a_traceback_is_shown_where_it_is_asked_for(monkeypatch, capsys) -> None:
    monkeypatch.setattr(app, "program", lambda *_: raising(ZeroDivisionError("x")))
    monkeypatch.setenv("DLRUN_DEBUG", "1")
    assert app.run(["train"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_error_of_the_command_line_is_code_2_in_json_too(capsys) -> None:
    assert app.run(["ls", "--json", "--last", "0"]) == 2
    captured = capsys.readouterr()
    assert "Invalid value" in json.loads(captured.out)["error"]["message"]
    assert "Usage: dlrun ls" in captured.err


def test_what_a_signal_interrupted_does_not_matter(monkeypatch, capsys) -> None:
    def command(**_: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise RuntimeError("a library has made something else of it") from error

    monkeypatch.setattr(app, "program", lambda *_: command)
    before = signal.getsignal(signal.SIGTERM)
    assert app.run(["train"]) == 143
    assert capsys.readouterr().err == "stopped by SIGTERM\n"
    assert signal.getsignal(signal.SIGTERM) is before


PROGRAM = """
import signal, sys, time
from dlrun.cli.signals import Signals
from dlrun.errors import Interrupted
if sys.argv[1] == "ignored":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
with Signals() as signals:
    try:
        print("up", flush=True)
        time.sleep(30)
    except Interrupted as error:
        print(error.exit_code, signals.received, flush=True)
        time.sleep(30)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_interrupts_and_the_second_ends(dlrun, number: signal.Signals) -> None:
    with dlrun.python("-c", PROGRAM, "heard") as process:
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        assert process.stdout.readline() == f"{128 + number} {int(number)}\n"
        process.send_signal(number)
        assert process.wait(timeout=30) == -number


def test_a_signal_that_is_ignored_stays_ignored(dlrun) -> None:
    with dlrun.python("-c", PROGRAM, "ignored") as process:
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "143 15\n"
        process.kill()
