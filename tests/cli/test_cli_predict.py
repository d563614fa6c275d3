"""`dlrun predict`, `dlrun evaluate` and `dlrun export`, by the real program; and the same from Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

CONFIG = """
name: visitors
dataset: {kind: csv, path: train.csv, target: kind, drop: [id]}
model: {kind: linear}
evaluation: {bootstrap: 50}
"""


def table(num_rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    age = random.uniform(1, 90, num_rows).round(2)
    return pl.DataFrame(
        {
            "id": random.choice(["=a", "b", "c"], num_rows),
            "age": age,
            "city": random.choice(["oslo", "rome"], num_rows),
            "kind": np.where(age + random.normal(0, 5, num_rows) > 40, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def trained(program: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, its data and new ones."""
    folder = tmp_path_factory.mktemp("predict")
    table(200, 0).write_csv(folder / "train.csv")
    table(50, 1).write_csv(folder / "new.csv")
    (folder / "config.yaml").write_text(CONFIG)
    ended = program(folder)("train", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["metrics"]["test_looks"] == 1
    assert "look 1 at this test set" in ended.err
    return folder


@pytest.fixture
def here(trained: Path, dlrun: Any) -> Any:
    """The program in a copy of that folder."""
    shutil.copytree(trained, dlrun.folder, dirs_exist_ok=True)
    return dlrun


def test_unseen_categories_are_told(here) -> None:
    frame = pl.read_csv(here.folder / "new.csv").with_columns(city=pl.lit("Oslo"))
    frame.write_csv(here.folder / "odd.csv")
    told = "column 'city' holds categories in 50 rows that no training row held, such as 'Oslo': did you mean 'oslo'?"
    assert told in here("predict", "latest", "odd.csv").err
    assert told in here("evaluate", "latest", "odd.csv").out
    for command in (["predict", "--output", "o.csv"], ["evaluate"]):
        ended = here(command[0], "latest", "odd.csv", *command[1:], "--json")
        assert ended.code == 0
        assert told in json.loads(ended.out)["notes"]


def test_a_full_disk_behind_stdout_is_told(here) -> None:
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("needs /dev/full")
    with device.open("wb") as full, here.start("predict", "latest", "new.csv", stdout=full.fileno()) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err == "error: cannot write to standard output: No space left on device\n"


def test_predictions_go_to_stdout(here) -> None:
    ended = here("predict", "latest", "new.csv", "--keep", "id")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "id,label,probability_no,probability_yes"
    assert len(lines) == 51
    assert {line.split(",")[0] for line in lines[1:]} == {"'=a", "b", "c"}


def test_predictions_go_to_a_file(here) -> None:
    ended = here("predict", "best", "new.csv", "-o", "out.parquet", "--json")
    facts = json.loads(ended.out)
    assert ended.code == 0, ended.err
    assert facts["rows"] == 50
    assert facts["columns"] == ["label", "probability_no", "probability_yes"]
    assert facts["classes"] == ["no", "yes"]
    written = pl.read_parquet(facts["output"])
    assert written.columns == facts["columns"]
    right = written["label"] == pl.read_csv(here.folder / "new.csv")["kind"]
    assert right.mean() > 0.8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["latest", "absent.csv"], "there is no file"),
        (["latest", "config.yaml"], "does not tell what it holds"),
        (["nobody", "new.csv"], "there is no run 'nobody'"),
        (["config.yaml", "new.csv"], "config.yaml"),
        (["latest", "new.csv", "--json"], "--json prints facts, not predictions"),
        (["latest", "new.csv", "--confidence", "2"], "expected a share between 0 and 1"),
        (["latest", "new.csv", "-o", "out.xlsx"], "does not tell what it holds"),
        (["latest", "new.csv", "--keep", "nothing"], "no column 'nothing'"),
        (["latest", "other.csv"], "no column 'age' ('age': did you mean 'Age'?)"),
    ],
)
def test_what_cannot_be_predicted_is_refused(here, arguments, message) -> None:
    (here.folder / "other.csv").write_text("Age,city\n1,oslo\n")
    ended = here("predict", *arguments)
    assert ended.code == 2
    assert message in ended.err


def test_a_run_that_did_not_finish_is_refused(here, make_run) -> None:
    run = make_run(here.folder / "runs", minute=3, state="interrupted")
    ended = here("predict", run.id, "new.csv")
    assert ended.code == 2
    assert "is interrupted, only a finished run predicts" in ended.err


def test_damage_is_told(here) -> None:
    next(here.folder.glob("runs/*/model/model.skops")).write_bytes(b"PK")
    ended = here("predict", "latest", "new.csv")
    assert (ended.code, ended.out) == (1, "")
    assert "model/model.skops is damaged" in ended.err


def test_scores_of_new_rows_and_looks_at_the_test_rows(here) -> None:
    ended = here("evaluate", "latest", "new.csv", "--json")
    facts = json.loads(ended.out)
    assert ended.code == 0, ended.err
    assert (facts["rows"], facts["test_looks"]) == (50, None)
    low, high = facts["intervals"]["accuracy"]
    assert low <= facts["scores"]["accuracy"] <= high
    assert facts["baseline"]["kind"] == "majority"
    run = next(here.folder.glob("runs/2*"))
    with np.load(run / "predictions/test.npz") as arrays:
        pl.read_csv(here.folder / "train.csv")[arrays["row"]].write_csv(here.folder / "test.csv")
    told = here("evaluate", "latest", "test.csv")
    assert told.code == 0, told.err
    assert "a known test set: look 2 at it" in told.out
    assert "baseline: the majority of the training rows" in told.out
    again = here("train", "--json")
    assert json.loads(again.out)["metrics"]["test_looks"] == 3
    why = [json.loads(line)["why"] for line in (here.folder / "runs/ledger.jsonl").read_text().splitlines()]
    assert why == ["train", "evaluate", "train"]


def test_a_bundle_stands_for_its_run(here) -> None:
    expected = here("predict", "latest", "new.csv").out
    ended = here("export", "latest", "--to", "bundle", "-o", "model.zip", "--json")
    facts = json.loads(ended.out)
    assert ended.code == 0, ended.err
    assert facts["bytes"] == (here.folder / "model.zip").stat().st_size
    shutil.rmtree(here.folder / "runs")
    (here.folder / "train.csv").unlink()
    assert here("predict", "model.zip", "new.csv").out == expected
    assert "baseline: the majority" in here("evaluate", "model.zip", "new.csv").out
    (here.folder / "broken.zip").write_bytes((here.folder / "model.zip").read_bytes()[:-9])
    broken = here("predict", "broken.zip", "new.csv")
    assert broken.code == 2
    assert "is no bundle of dlrun" in broken.err


def test_the_same_from_python(here) -> None:
    program = """
import json, sys
import dlrun
light = sorted({"numpy", "pydantic", "tensorflow"} & set(sys.modules))
import polars as pl
run = dlrun.train("config.yaml", "name=other", "seed=7")
more = dlrun.train({"dataset": {"kind": "csv", "path": "train.csv", "target": "kind", "drop": ["id"]},
                    "model": {"kind": "random_forest", "num_trees": 5}}, "seed=7")
frame = pl.read_csv("new.csv")
first = dlrun.load(run).predict(frame)
both = dlrun.ensemble(run, more, method="uniform", keep_all=True)
print(json.dumps({
    "light": light,
    "looks": [run.metrics["test_looks"], more.metrics["test_looks"]],
    "same": bool((first == dlrun.load(run.id).predict(frame)).all()),
    "mean": float(abs((first + dlrun.load(more).predict(frame)) / 2 - dlrun.load(both).predict(frame)).max()),
    "labels": dlrun.load("latest").predict_labels(frame).tolist()[:3],
}))
"""
    out, err = here.python("-c", program).communicate(timeout=120)
    found = json.loads(out.splitlines()[-1])
    assert found["light"] == [], err
    assert found["looks"] == [1, 2]  # another seed, another test set; then the same one again
    assert found["same"]
    assert found["mean"] < 1e-6
    assert set(found["labels"]) <= {"yes", "no"}


def test_long_files_take_no_more_memory(here) -> None:
    """300,000 rows of 60 MB, of which only chunks may be in memory at a time."""
    for name, num_rows in (("short.csv", 3_000), ("long.csv", 300_000)):
        frame = table(num_rows, 2)
        padding = [pl.lit("x" * 16).alias(f"padding_{column}") for column in range(10)]
        frame.with_columns(padding).write_csv(here.folder / name)
    assert (here.folder / "long.csv").stat().st_size > 50 * 2**20
    program = (
        "import resource, sys\n"
        "from dlrun.cli.app import run\n"
        "code = run(['predict', 'latest', sys.argv[1], '--keep', 'padding_0', '-o', 'out.' + sys.argv[2]])\n"
        "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    peaks = {}
    for name in ("short.csv", "long.csv"):
        out, err = here.python("-c", program, name, "parquet").communicate(timeout=180)
        code, peaks[name] = map(int, out.splitlines()[-1].split())
        assert code == 0, err
    assert pl.scan_parquet(here.folder / "out.parquet").select(pl.len()).collect().item() == 300_000
    assert peaks["long.csv"] < peaks["short.csv"] + 100, peaks
