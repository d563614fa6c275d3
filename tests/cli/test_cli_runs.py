"""`dlrun ls`, `dlrun show` and `dlrun logs`."""

from __future__ import annotations

import json
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from dlrun.cli.commands.ls import age
from dlrun.reports.summary import summary_lines

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "now"), (59, "59 s"), (61, "1 min"), (7200, "2 h"), (86_400 * 400, "400 d"), (-5, "now")],
)
def test_age(seconds: float, text: str) -> None:
    assert age((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == text


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def test_ls_without_runs(dlrun) -> None:
    ended = dlrun("ls")
    assert (ended.code, ended.out, ended.err) == (0, "no runs in runs. Train one with `dlrun train`.\n", "")
    assert json.loads(dlrun("ls", "--json").out) == {"runs_dir": str(dlrun.folder / "runs"), "runs": []}


def test_ls_tells_whole_damaged_and_hostile_runs(dlrun, make_run, golden) -> None:
    runs = dlrun.folder / "runs"
    times = {"started": ago(3 * 3600), "finished": ago(3 * 3600 - 4.5)}
    make_run(runs, **times)
    make_run(runs, "trees", minute=1, metrics=None, state="failed", error="the loss became NaN", exit_code=1, **times)
    make_run(runs, "evil", minute=2, **times).write_text(
        "config.yaml", 'dataset: {kind: "[red]\\e[31m\\n東京"}\nmodel: linear\n'
    )
    (make_run(runs, "torn", minute=3).path / "metrics.json").write_text('{"task"')
    ended = dlrun("ls")
    assert (ended.code, ended.err) == (0, "")
    assert "\x1b" not in ended.out
    golden("cli/ls.txt", ended.out.replace(str(dlrun.folder), "FOLDER"))


@pytest.mark.parametrize(
    ("columns", "titles"),
    [
        (200, ["run", "state", "age", "dataset", "model", "validation", "test", "seconds"]),
        (70, ["run", "state", "age", "validation", "test"]),
        (1, ["run", "state", "validation"]),
    ],
)
def test_ls_fits_the_terminal_and_tells_what_it_has_no_room_for(dlrun, make_run, columns: int, titles) -> None:
    for minute in range(2):
        make_run(dlrun.folder / "runs", minute=minute, started=ago(90_000), finished=ago(89_000))
    ended = dlrun("ls", environment={"COLUMNS": str(columns)})
    lines = ended.out.splitlines()
    assert lines[0].split() == titles
    assert len(lines) == {200: 3, 70: 4, 1: 5}[columns]
    assert columns == 1 or max(map(len, lines)) <= columns
    assert ("no room for dataset, model, seconds: --json has all" in ended.out) == (columns == 70)
    assert ("loss 0.0800, accuracy 0.9700" in ended.out) == (columns == 200)


def test_on_a_narrow_terminal_ids_lose_their_time_before_the_test_score_goes(dlrun, make_run) -> None:
    folder = make_run(dlrun.folder / "runs", "a-name-that-takes-some-room")
    lines = dlrun("ls", environment={"COLUMNS": "80"}).out.splitlines()
    assert "test" in lines[0].split()
    name = lines[1].split()[0]
    assert name == folder.id[16:]
    assert dlrun("show", name).out.startswith(folder.id)


def test_ls_keeps_every_column_for_a_program_that_reads_it(dlrun, make_run) -> None:
    make_run(dlrun.folder / "runs")
    assert "seconds" in dlrun("ls", environment={"COLUMNS": ""}).out


def test_ls_json_and_runs_dir(dlrun, make_run) -> None:
    for minute in range(3):
        make_run(dlrun.folder / "elsewhere", minute=minute)
    ended = dlrun("ls", "--json", "--last", "2", environment={"DLRUN_RUNS": "elsewhere"})
    listed = json.loads(ended.out)["runs"]
    assert [run["id"] for run in listed] == ["20261121-191602-digits-0001", "20261121-191702-digits-0002"]
    assert listed[0]["validation"] == {"loss": 0.08, "accuracy": 0.97}
    assert listed[0]["state"] == "finished"
    assert listed[0]["problem"] is None
    assert dlrun("ls", "--runs-dir", "elsewhere").out.count("digits-") == 3


def test_show(dlrun, make_run, golden) -> None:
    folder = make_run(dlrun.folder / "runs")
    ended = dlrun("show", "latest")
    assert (ended.code, ended.err) == (0, "")
    summary = "\n".join(summary_lines(folder.read_json("metrics.json")))
    assert "0.960 [0.940, 0.980]" in summary
    golden("cli/show.txt", ended.out.replace(summary, "SUMMARY").replace(str(dlrun.folder), "FOLDER"))


@pytest.mark.parametrize("command", ["show", "logs"])
def test_without_a_run_the_latest_is_taken_and_told(dlrun, make_run, command: str) -> None:
    make_run(dlrun.folder / "runs", "older")
    newest = make_run(dlrun.folder / "runs", "newer", minute=1)
    ended, named = dlrun(command), dlrun(command, "newer")
    assert (ended.code, ended.out) == (0, named.out)
    assert (ended.err, named.err) == (f"latest run: {newest.id}\n", "")
    assert json.loads(dlrun(command, "--json").out)["id"] == newest.id


def test_running_text_fits_the_terminal(dlrun, make_run) -> None:
    diagnosis = {"summary": "word " * 60, "evidence": ["proof " * 40], "suggestions": ["advice " * 40]}
    folder = make_run(dlrun.folder / "runs")
    folder.write_json("metrics.json", folder.read_json("metrics.json") | {"diagnosis": diagnosis})
    lines = dlrun("show", environment={"COLUMNS": "60"}).out.splitlines()
    text = [line for line in lines if line.split() and line.split()[-1] in {"word", "proof", "advice"}]
    assert {len(line) for line in text} <= set(range(61))
    assert max(map(len, text)) > 50


@pytest.mark.parametrize("content", ["[1]", '{"validation": 3}', '"text"', '{"validation": {"loss": "a"}}', "{"])
def test_show_of_damaged_metrics_names_the_file(dlrun, make_run, content: str) -> None:
    make_run(dlrun.folder / "runs").write_text("metrics.json", content)
    ended = dlrun("show", "latest")
    assert ended.code == 1
    assert "metrics.json is damaged" in ended.err


def test_show_json(dlrun, make_run) -> None:
    folder = make_run(dlrun.folder / "runs")
    ended = dlrun("show", "2026", "--json")
    shown = json.loads(ended.out)
    assert shown["id"] == folder.id
    assert shown["path"] == str(folder.path)
    assert shown["state"] == "finished"
    assert shown["metrics"]["test"] == {"loss": 0.09, "accuracy": 0.96}
    assert shown["config"].startswith("dataset: digits")
    assert "metrics.json" in shown["files"]
    assert folder.id in ended.err


def test_show_of_a_failed_run_tells_the_error_harmlessly(dlrun, make_run) -> None:
    make_run(dlrun.folder / "runs", metrics=None, state="failed", error="class '\x1b[2J' is alone", exit_code=2)
    ended = dlrun("show", "latest")
    assert ended.code == 0
    assert "error: class '\\x1b[2J' is alone" in ended.out


def test_show_lists_no_links(dlrun, make_run) -> None:
    folder = make_run(dlrun.folder / "runs")
    (folder.path / "secret").symlink_to("/etc/passwd")
    (folder.path / "deeper").symlink_to("/etc")
    assert "secret" not in dlrun("show", "latest").out
    assert "passwd" not in dlrun("show", "latest").out


@pytest.mark.parametrize("command", ["show", "logs"])
@pytest.mark.parametrize("reference", ["nothing", "latest", "best", "../runs", "/etc"])
def test_references_to_nothing(dlrun, command: str, reference: str) -> None:
    ended = dlrun(command, reference, "--json")
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert json.loads(ended.out)["error"]["message"] in ended.err


def test_best_by_a_metric(dlrun, make_run) -> None:
    runs = dlrun.folder / "runs"
    for minute, (loss, accuracy) in enumerate([(0.1, 0.7), (0.2, 0.9)]):
        make_run(
            runs,
            minute=minute,
            metrics={"task": "multiclass", "monitor": "val_loss", "validation": {"loss": loss, "accuracy": accuracy}},
        )
    assert json.loads(dlrun("logs", "best", "--json").out)["id"].endswith("0000")
    assert json.loads(dlrun("logs", "best", "--metric", "accuracy", "--json").out)["id"].endswith("0001")
    ended = dlrun("logs", "best", "--metric", "beauty")
    assert (ended.code, ended.out) == (2, "")
    assert "beauty" in ended.err


def test_logs(dlrun, make_run) -> None:
    folder = make_run(dlrun.folder / "runs")
    folder.write_bytes("output.log", b"loading\n\x1b[31mred\xff\nnot yet whole")
    assert dlrun("logs", "latest").out == "loading\n\\x1b[31mred\ufffd\n"
    assert json.loads(dlrun("logs", "latest", "--json").out)["lines"] == ["loading", "\x1b[31mred\ufffd"]
    (folder.path / "output.log").unlink()
    ended = dlrun("logs", "latest")
    assert ended.code == 1
    assert "output.log" in ended.err


def running(make_run, runs):
    """Make a run that goes on, as far as anybody can tell."""
    now = datetime.now(UTC).isoformat()
    return make_run(runs, state="running", heartbeat=now, finished=None, exit_code=None)


def test_logs_follow_until_the_run_ends(dlrun, make_run) -> None:
    folder = running(make_run, dlrun.folder / "runs")
    process = dlrun.start("logs", "latest", "--follow")
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading the data\n"
        with (folder.path / "output.log").open("a") as log:
            log.write("epoch 2\n")
        assert [process.stdout.readline() for _ in range(2)][1] == "epoch 2\n"
        folder.write_json("status.json", folder.read_json("status.json") | {"state": "finished"})
        assert process.wait(timeout=30) == 0


def test_logs_follow_ends_with_ctrl_c(dlrun, make_run) -> None:
    running(make_run, dlrun.folder / "runs")
    process = dlrun.start("logs", "latest", "--follow")
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr is not None
        assert process.stderr.read() == "stopped by SIGINT\n"


def test_a_reader_that_leaves_is_no_error(dlrun, make_run) -> None:
    folder = make_run(dlrun.folder / "runs")
    folder.write_text("output.log", "a long line of text\n" * 50_000)
    process = dlrun.start("logs", "latest")
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 1
