"""`dlrun check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dlrun.cli.arguments import load_config, placing, split_arguments
from dlrun.cli.commands.check import layer_table
from dlrun.errors import ConfigError, ModelError, Problem, UsageError
from dlrun.experiment.models.network.summary import LayerRow

CONFIG = """\
name: wine
dataset: wine
model:
  kind: network
  layers:
    - dense: 16
"""


@pytest.mark.parametrize(
    ("first", "others", "config", "overrides"),
    [
        (None, [], None, []),
        ("a.yaml", [], "a.yaml", []),
        ("a.yaml", ["seed=1", "name=a=b"], "a.yaml", ["seed=1", "name=a=b"]),
        ("dataset.path=data.yaml", ["seed=1"], None, ["dataset.path=data.yaml", "seed=1"]),
        ("a=b.yaml", ["seed=1"], "a=b.yaml", ["seed=1"]),
    ],
)
def test_config_and_overrides(tmp_path, monkeypatch, first, others, config, overrides) -> None:
    (tmp_path / "a=b.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert split_arguments(first, others) == (config, overrides)


@pytest.mark.parametrize(("first", "others"), [("a.yaml", ["b.yaml"]), ("seed=1", ["a.yaml"])])
def test_an_argument_that_is_neither(first, others) -> None:
    with pytest.raises(UsageError, match="yaml' is no override"):
        split_arguments(first, others)


def test_without_a_config_the_packaged_quickstart_is_named(dlrun, golden) -> None:
    ended = dlrun("check")
    assert (ended.code, ended.err) == (0, "")
    kept = [
        line for line in ended.out.splitlines(keepends=True) if not line.startswith("engine")
    ]  # the machine's choice
    assert len(kept) == ended.out.count("\n") - 1
    golden("cli/check.txt", "".join(kept))


def test_the_nearest_config_is_taken(dlrun) -> None:
    (dlrun.folder / "configs").mkdir()
    (dlrun.folder / "configs" / "default.yaml").write_text(CONFIG)
    assert dlrun("check").out.startswith(f"{Path('configs/default.yaml')} is valid\n")
    (dlrun.folder / "config.yaml").write_text(CONFIG)
    assert dlrun("check").out.startswith("config.yaml is valid\n")
    (dlrun.folder / "other.yaml").write_text(CONFIG)
    assert dlrun("check", "other.yaml").out.startswith("other.yaml is valid\n")


def test_the_resolved_config_is_complete_and_resolves_to_itself(dlrun) -> None:
    ended = dlrun("check", "--resolved", "training.epochs=7")
    assert ended.code == 0
    assert ended.err.endswith("jit False\n")
    assert "epochs: 7" in ended.out
    assert "auto" not in ended.out
    (dlrun.folder / "again.yaml").write_text(ended.out)
    assert dlrun("check", "again.yaml", "--resolved").out == ended.out


def test_json(dlrun) -> None:
    (dlrun.folder / "config.yaml").write_text(CONFIG)
    ended = dlrun("check", "--json", "optimizer={kind: sgd, learning_rate: 0.5}")
    checked = json.loads(ended.out)
    assert checked["config"] == "config.yaml"
    assert checked["valid"] is True
    assert checked["dataset"] == {
        "task": "multiclass",
        "input_kind": "features",
        "input_shape": [13],
        "num_rows": 178,
        "num_own_test_rows": 0,
        "num_outputs": 3,
    }
    assert checked["resolved"]["optimizer"]["learning_rate"] == 0.5
    assert checked["layers"] is None
    assert ended.err.startswith("config.yaml is valid\n")


def test_every_problem_at_once(dlrun, golden) -> None:
    (dlrun.folder / "config.yaml").write_text(
        "dataset: digit\nmodel:\n  kind: network\n  layers:\n    - dens: 64\n    - dense: {unit: 3}\n"
        "training: {epochs: 0}\n"
    )
    ended = dlrun("check", "seed=-1", "--json")
    assert ended.code == 2
    golden("cli/check-problems.txt", ended.err)
    problems = json.loads(ended.out)["error"]["problems"]
    assert problems[0]["place"] == "config.yaml:1:10"
    assert len(problems) == ended.err.count("\n") - 1


def test_a_missing_file_suggests_a_near_one(dlrun) -> None:
    (dlrun.folder / "config.yml").write_text(CONFIG)
    ended = dlrun("check", "confg.yml")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: confg.yml: there is no such file. Did you mean 'config.yml'?\n"


def test_a_monitor_that_nothing_measures_is_refused_with_its_place(dlrun) -> None:
    (dlrun.folder / "config.yaml").write_text(f"{CONFIG}training: {{early_stopping: {{monitor: val_beauty}}}}\n")
    ended = dlrun("check")
    assert ended.code == 2
    assert ended.err.startswith("error: config.yaml:7:29: training.early_stopping.monitor: no value 'val_beauty'")


def test_errors_that_come_late_are_placed(tmp_path, monkeypatch) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    loaded = load_config("config.yaml", [])

    def fail(error: Exception) -> None:
        with placing(loaded):
            raise error

    with pytest.raises(ModelError, match=r"^config\.yaml:6:7: model\.layers\.0\.dense: too wide\nNarrow") as caught:
        fail(ModelError("model.layers.0.dense: too wide", remedy="Narrow it."))
    assert caught.value.remedy == "Narrow it."
    with pytest.raises(ModelError, match=r"^nothing named$"):
        fail(ModelError("nothing named"))
    problems = [Problem("", "dataset", "a"), Problem("here", "dataset", "b"), Problem("", "", "c")]
    with pytest.raises(ConfigError) as placed:
        fail(ConfigError(problems))
    assert [problem.place for problem in placed.value.problems] == ["config.yaml:2:1", "here", ""]


def test_layer_table_adds_up() -> None:
    rows = [LayerRow("dense_0", "Dense", (64,), 4160, 4096), LayerRow("flatten", "Flatten", (8, 8, 3), 0, 0)]
    assert layer_table(rows) == [
        "layer    kind     output     parameters  multiply-adds",
        "dense_0  Dense    64              4,160          4,096",
        "flatten  Flatten  8 x 8 x 3           0              0",
        "total                             4,160          4,096",
    ]


@pytest.mark.slow
def test_model_prints_the_layers(dlrun) -> None:
    (dlrun.folder / "config.yaml").write_text(CONFIG)
    ended = dlrun("check", "--model", "--json")
    assert ended.code == 0
    layers = json.loads(ended.out)["layers"]
    assert [layer["parameters"] for layer in layers] == [0, 13 * 16 + 16, 16 * 3 + 3]
    assert layers[1]["multiply_adds"] == 13 * 16
    assert "total" in ended.err


def test_a_model_without_layers_says_so(dlrun) -> None:
    (dlrun.folder / "config.yaml").write_text("dataset: wine\nmodel: random_forest\n")
    ended = dlrun("check", "--model")
    assert ended.code == 0
    assert ended.out.endswith("a model of kind random_forest has no layers\n")


TABLE = "dataset: {kind: csv, path: data.csv, target: kind, drop: [remark]}\nmodel: linear\n"


@pytest.fixture
def table(dlrun):
    """A config of a table with a shuffled identifier, in the current folder."""
    rows = [f"{37 * row % 101},{row % 7}.5,{'ab'[row % 2]},x{row},{'yes' if row % 3 else 'no'}" for row in range(101)]
    (dlrun.folder / "data.csv").write_text("PassengerId,size,town,remark,kind\n" + "\n".join([*rows]) + "\n")
    (dlrun.folder / "config.yaml").write_text(TABLE)
    return dlrun


def test_columns_are_named_by_what_becomes_of_them(table) -> None:
    lines = table("check").out.splitlines()
    assert "  numeric      2: 'PassengerId', 'size'" in lines
    assert "  categorical  'town'" in lines
    assert "  left out     'remark'" in lines
    assert "target         'kind'" in lines
    told = (
        "column 'PassengerId' differs in every row, as an identifier does; dataset.drop=[remark, PassengerId] leaves it"
    )
    assert lines[-1] == f"note: {told} out, dataset.id=PassengerId takes it along"


def test_check_tells_the_notes_that_training_tells(table) -> None:
    checked = table("check", "--json")
    facts = json.loads(checked.out)
    assert facts["columns"] == {
        "numeric": ["PassengerId", "size"],
        "categorical": ["town"],
        "target": ["kind"],
        "left_out": ["remark"],
    }
    overrides = (
        "dataset.drop=[remark,PassengerId]",
        "preprocessing.categorical.max_categories=2",
        "evaluation.bootstrap=10",
    )
    (table.folder / "data.csv").write_text(
        (table.folder / "data.csv").read_text().replace(",a,", ",c,", 9).replace(",yes", ",Yes", 20)
    )
    known = json.loads(table("check", *overrides, "--json", "--model").out)["notes"]
    table("train", *overrides)
    (run,) = (table.folder / "runs").glob("2*")
    told = (run / "output.log").read_text()
    assert len(known) == 4, known
    assert [note for note in known if note not in told] == []
    (quick,) = json.loads(table("check", *overrides, "--json").out)["notes"]
    assert quick.startswith("classes of the target 'kind' differ in upper and lower case only")


def test_scores_that_will_be_undefined_are_told_with_the_model(dlrun) -> None:
    rows = [f"{37 * row % 101},{int(row in (3, 90))}" for row in range(100)]
    (dlrun.folder / "data.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    (dlrun.folder / "config.yaml").write_text(
        "dataset: {kind: csv, path: data.csv, target: y}\nmodel: linear\nevaluation: {metrics: [auc]}\n"
        "validation: {kind: kfold, folds: 5, stratify: false, test_fraction: 0.1}\n"
    )
    notes = json.loads(dlrun("check", "--model", "--json").out)["notes"]
    assert any("auc" in note and "undefined" in note for note in notes), notes


def test_wide_tables_are_shortened(dlrun) -> None:
    names = [f"c{column}" for column in range(500)]
    (dlrun.folder / "wide.csv").write_text(
        "\n".join([",".join([*names, "y"]), *(",".join([f"{row}.5"] * 500 + [str(row % 2)]) for row in range(9))])
    )
    ended = dlrun("check", "dataset={kind: csv, path: wide.csv, target: y}", "model=linear")
    line = "  numeric   500: 'c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7' and 492 more"
    assert line in ended.out.splitlines()


def test_with_model_the_data_of_a_function_are_loaded(dlrun) -> None:
    (dlrun.folder / "own.py").write_text("import numpy as np\ndef load():\n    return np.eye(40), np.arange(40) % 2\n")
    arguments = ("check", "dataset={kind: python, path: own.py}", "model={kind: network, layers: [{dense: 4}]}")
    assert "what the dataset holds is known when it is loaded, with --model or in training" in dlrun(*arguments).out
    loaded = dlrun(*arguments, "--model").out
    assert "dataset     python: 40 rows\ninputs      features, 40 a row\n" in loaded
    assert "known when it is loaded" not in loaded
    assert "dense_0" in loaded


def test_values_that_training_would_refuse_are_refused(table) -> None:
    ended = table("check", "dataset.target=size", "dataset.limit=1", "dataset.drop=[]")
    assert ended.code == 2
    assert "is 0.5 in every row of the dataset" in ended.err


def test_check_names_the_positive_class_and_refuses_one_that_is_none(dlrun) -> None:
    (dlrun.folder / "a.csv").write_text("x,state\n" + "".join(f"{i},{'off' if i % 3 else 'on'}\n" for i in range(60)))
    (dlrun.folder / "c.yaml").write_text("dataset: {kind: csv, path: a.csv, target: state}\nmodel: linear\n")
    assert "binary, positive class 'on'" in dlrun("check", "c.yaml").out
    assert "binary, positive class 'off'" in dlrun("check", "c.yaml", "evaluation.positive_class=off").out
    ended = dlrun("check", "c.yaml", "evaluation.positive_class=maybe")
    assert ended.code == 2
    assert "no class is called 'maybe'" in ended.err
    assert "The classes are 'off' and 'on'" in ended.err
