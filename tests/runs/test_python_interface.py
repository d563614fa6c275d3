"""dlrun from Python: rows from memory, progress, and predictions for frames and files."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import dlrun
from dlrun.errors import DataError, UsageError
from dlrun.experiment.evaluation.metrics import higher_is_better
from dlrun.learners.listener import Listener
from dlrun.records.find import find_run
from dlrun.runs.reproduce import reproduce_run

CONFIG = {"dataset": {"target": "price"}, "model": "linear", "evaluation": {"bootstrap": 10}}


def houses() -> dict[str, list[object]]:
    random = np.random.default_rng(0)
    size = random.uniform(20, 200, 90).round(1)
    town = random.choice(["oslo", "rome"], 90)
    return {
        "size": size.tolist(),
        "town": town.tolist(),
        "new": (random.random(90) < 0.5).tolist(),
        "price": (3 * size + 50 * (town == "oslo")).round(1).tolist(),
    }


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_frame_is_learned_from_and_predicted(library: str, tmp_path, capsys) -> None:
    frame = pytest.importorskip(library).DataFrame(houses())
    run = dlrun.train(CONFIG, data=frame, runs_dir=tmp_path / "runs", verbose=False)
    assert capsys.readouterr() == ("", "")
    predictor = dlrun.load(run)
    predictions = predictor.predict(frame)
    np.testing.assert_allclose(predictions[:, 0], houses()["price"], atol=10)
    pl.DataFrame(houses()).write_csv(tmp_path / "new.csv")
    for path in (tmp_path / "new.csv", str(tmp_path / "new.csv")):
        assert np.array_equal(predictor.predict(path), predictions)
        assert np.array_equal(predictor.predict_labels(path), predictions)
    assert np.array_equal(predictor.predict(pl.DataFrame(houses())), predictions)


def test_the_record_says_that_the_rows_lie_in_no_file(tmp_path) -> None:
    run = dlrun.train(CONFIG, data=pl.DataFrame(houses()), runs_dir=tmp_path, verbose=False)
    assert "given from memory: this run predicts, but cannot be resumed" in (run.path / "output.log").read_text()
    folder = find_run(tmp_path, run.id, higher_is_better=higher_is_better)
    with pytest.raises(DataError, match=r"the rows of dataset\.kind=memory lie in no file"):
        reproduce_run(folder, runs_dir=tmp_path)


def test_progress_and_scores_are_shown_on_standard_error(tmp_path, capsys) -> None:
    heard: list[str] = []

    class Heard(Listener):
        def stage(self, name: str) -> None:
            heard.append(name)

    run = dlrun.train(CONFIG, data=pl.DataFrame(houses()), runs_dir=tmp_path, listener=Heard())
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("loading the data\n")
    assert "r2" in err
    assert err.endswith(f"run folder {run.path}\n")
    assert heard[0] == "load"


def test_a_run_on_named_features_takes_frames(tmp_path) -> None:
    pandas = pytest.importorskip("pandas")
    run = dlrun.train(
        {"dataset": "iris", "model": "linear", "evaluation": {"bootstrap": 10}}, runs_dir=tmp_path, verbose=False
    )
    predictor = dlrun.load(run)
    x = np.array([[5.0, 3.0, 1.5, 0.2], [6.5, 3.0, 5.5, 2.0]])
    frame = pandas.DataFrame(x, columns=list(predictor.preprocessing.input_names))
    assert np.array_equal(predictor.predict(frame[frame.columns[::-1]]), predictor.predict(x))
    with pytest.raises(DataError, match=r"the data frame has no column 'petal width \(cm\)'"):
        predictor.predict(frame.drop(columns=["petal width (cm)"]))


def test_rows_in_the_wrong_place_are_refused(tmp_path) -> None:
    frame = pl.DataFrame(houses())
    with pytest.raises(UsageError, match="the config holds what YAML cannot say: DataFrame") as caught:
        dlrun.train({"dataset": frame, "model": "linear"}, runs_dir=tmp_path)
    assert "data=frame" in str(caught.value.remedy)
    with pytest.raises(UsageError, match=r"data= gives the rows, .* dataset\.kind is iris"):
        dlrun.train({"dataset": "iris", "model": "linear"}, data=frame, runs_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
