"""Predictions as files."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest

from dlrun.errors import DataError, UsageError
from dlrun.predictions.files.data import open_data
from dlrun.predictions.files.layout import column_names, harmless
from dlrun.predictions.files.write import CsvWriter, check_output, predict_file, writing
from dlrun.predictions.load import load
from dlrun.predictions.residuals import Residuals


def write(predictor, source, path, keep=(), confidence=0.9, rows=False) -> int:
    data = open_data(str(source), predictor, keep=keep)
    with writing(path, predictor, keep, rows=rows) as writer:
        return predict_file(predictor, data, writer, confidence=confidence, keep=keep)


@pytest.mark.parametrize("case", ["table-linear", "two-numbers", "labels-forest", "images-forest"])
def test_all_forms_hold_the_same(trained, stored, files, tmp_path, monkeypatch, case) -> None:
    monkeypatch.setattr("dlrun.predictions.predictor._MOST_ROWS", 40)
    predictor = load(trained(case).path)
    source = {"labels-forest": "words.npz", "images-forest": "images.npz"}.get(case, "people.csv")
    paths = [tmp_path / f"out{suffix}" for suffix in (".csv", ".parquet", ".npz")]
    counts = {write(predictor, files / source, path, rows=True) for path in paths}
    table, typed = pl.read_csv(paths[0]), pl.read_parquet(paths[1])
    assert table.columns == typed.columns == ["row", *column_names(predictor)]
    assert counts == {(table.height, ())} == {(typed.height, ())}
    with np.load(paths[2], allow_pickle=False) as arrays:
        assert arrays["row"].tolist() == table["row"].to_list() == list(range(table.height))
        known = stored(trained(case), "test")
        np.testing.assert_allclose(arrays["y_pred"][known["row"]], known["y_pred"], rtol=1e-6)
        shown = {"two-numbers": ["spent", "visits"], "table-linear": ["probability_yes"]}
        names = shown.get(case, [f"probability_{name}" for name in predictor.class_names])
        for frame in (table, typed):
            np.testing.assert_allclose(frame.select(names).to_numpy(), arrays["y_pred"], rtol=1e-6)
        if case == "two-numbers":
            np.testing.assert_allclose(table["visits_low"].to_numpy(), arrays["low"][:, 1])
            assert (arrays["low"] <= arrays["high"]).all()
        elif case != "labels-forest":
            assert np.array(predictor.class_names)[arrays["label"]].tolist() == table["label"].cast(str).to_list()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.npz", "out.parquet"]


def test_columns_are_passed_on(trained, files, tmp_path) -> None:
    predictor = load(trained("table-linear").path)
    write(predictor, files / "people.csv", tmp_path / "out.csv", keep=("id", "age"))
    table = pl.read_csv(tmp_path / "out.csv")
    assert table.columns == ["id", "age", "label", "probability_no", "probability_yes"]
    people = pl.read_csv(files / "people.csv")
    assert table["id"].to_list() == people["id"].to_list()
    assert table["age"].to_list() == people["age"].to_list()


def test_row_numbers_are_written_when_they_are_asked_for(trained, files, tmp_path) -> None:
    predictor = load(trained("table-linear").path)
    for suffix, names in ((".csv", pl.read_csv), (".parquet", pl.read_parquet)):
        for rows in (False, True):
            write(predictor, files / "people.csv", tmp_path / f"out{suffix}", keep=("id",), rows=rows)
            columns = names(tmp_path / f"out{suffix}").columns
            assert columns == [*["row"] * rows, "id", *column_names(predictor)]
    for rows in (False, True):
        write(predictor, files / "people.csv", tmp_path / "out.npz", rows=rows)
        with np.load(tmp_path / "out.npz") as arrays:
            assert ("row" in arrays) == rows
    with pytest.raises(UsageError, match="'row' to keep is called as a column of the predictions"):
        check_output(None, predictor, ("row",), rows=True)
    check_output(None, predictor, ("row",))


def test_a_table_without_rows_gives_one_without_rows(trained, people_frame, tmp_path) -> None:
    people_frame(5).head(0).write_csv(tmp_path / "empty.csv")
    predictor = load(trained("table-linear").path)
    for suffix in (".csv", ".parquet", ".npz"):
        assert write(predictor, tmp_path / "empty.csv", tmp_path / f"out{suffix}") == (0, ())
    assert pl.read_parquet(tmp_path / "out.parquet").columns == column_names(predictor)
    assert (tmp_path / "out.csv").read_text() == "label,probability_no,probability_yes\n"


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_a_fault_leaves_nothing_behind(trained, tmp_path, suffix) -> None:
    (tmp_path / "new.csv").write_text("age,city,member,visits\n1,oslo,true,1\n1,oslo,true,many\n")
    predictor = load(trained("table-linear").path)
    with pytest.raises(DataError):
        write(predictor, tmp_path / "new.csv", tmp_path / f"out{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_outputs_that_cannot_be_are_refused(trained, files, tmp_path) -> None:
    predictor = load(trained("table-linear").path)
    for name in ("out", "out.xlsx", "out.csv.gz", "absent/out.csv"):
        with pytest.raises(UsageError):
            write(predictor, files / "people.csv", tmp_path / name)
    with pytest.raises(UsageError, match="keeps no columns"):
        write(predictor, files / "people.csv", tmp_path / "out.npz", keep=("id",))
    with pytest.raises(UsageError, match="'label' to keep is called as a column of the predictions"):
        check_output(tmp_path / "out.csv", predictor, ("label",))


def test_formulas_are_made_harmless_and_numbers_left_alone() -> None:
    cells = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "\rx", "plain", "a=b", "-5", "+1.5e-3", "-.5", "", None]
    frame = pl.DataFrame({"text": cells, "number": [-1.0] * len(cells), "=head": cells})
    guarded = harmless(frame)
    expected = ["'=1+1", "'+cmd", "'-2+3", "'@SUM(A1)", "'\tx", "'\rx", *cells[6:]]
    assert guarded["text"].to_list() == expected
    assert guarded["number"].to_list() == [-1.0] * len(cells)
    assert guarded.columns == ["text", "number", "'=head"]


def test_formulas_in_kept_cells_and_names_of_classes(trained, people_frame, tmp_path) -> None:
    predictor = load(trained("table-linear").path)
    people_frame(3).with_columns(id=pl.Series(['=HYPERLINK("x")', "-3", "b"])).write_csv(tmp_path / "new.csv")
    data, stream = open_data(str(tmp_path / "new.csv"), predictor, keep=("id",)), io.BytesIO()
    predict_file(predictor, data, CsvWriter(stream, predictor), confidence=0.9, keep=("id",))
    assert [line.split(",")[0] for line in stream.getvalue().decode().splitlines()] == [
        "id",
        '"\'=HYPERLINK(""x"")"',
        "-3",
        "b",
    ]


def test_intervals_hold_the_middle_share_of_residuals() -> None:
    residuals = Residuals.of(np.arange(19.0)[::-1, None], np.zeros((19, 1)))
    low, high = residuals.interval(np.array([[100.0]]), 0.9)
    assert (low[0, 0], high[0, 0]) == (100 + 0, 100 + 18)  # ranks 1 and 19 of 19: (19 + 1) * 0.05 = 1
    low, high = residuals.interval(np.array([[100.0]]), 0.8)
    assert (low[0, 0], high[0, 0]) == (100 + 1, 100 + 17)
    low, high = residuals.interval(np.array([[100.0]]), 0.999)
    assert (low[0, 0], high[0, 0]) == (100 + 0, 100 + 18)


def test_intervals_of_logarithms_grow_with_the_prediction_and_stay_above_zero() -> None:
    truth = np.array([[10.0], [20.0], [39.0]])
    low, high = Residuals.of(truth, np.full((3, 1), 19.0), logarithmic=True).interval(np.array([[19.0], [1999.0]]), 0.9)
    assert np.allclose(low[:, 0], [10, 11 / 20 * 2000 - 1])
    assert np.allclose(high[:, 0], [39, 2 * 2000 - 1])
    low, _ = Residuals.of(np.array([[0.0], [9.0]]), np.array([[4.0], [9.0]]), logarithmic=True).interval([[0.5]], 0.9)
    assert low.tolist() == [[0.0]]  # 1.5 / 5 - 1 is below 0, where no target ever was
    low, _ = Residuals.of(np.array([[-0.5], [9.0]]), np.array([[4.0], [9.0]]), logarithmic=True).interval([[0.5]], 0.9)
    assert np.allclose(low, 1.5 / 10 - 1)


def test_intervals_of_logarithms_cover_alike_at_every_price() -> None:
    random = np.random.default_rng(0)
    predicted = np.sort(np.exp(random.normal(11, 1, 20_000)))[:, None]
    truth = (predicted + 1) * np.exp(random.normal(0, 0.3, predicted.shape)) - 1
    known = np.arange(len(truth)) % 2 == 0
    for logarithmic, spread in ((True, 0.03), (False, None)):
        residuals = Residuals.of(truth[known], predicted[known], logarithmic=logarithmic)
        low, high = residuals.interval(predicted[~known], 0.9)
        inside = (low <= truth[~known]) & (truth[~known] <= high)
        fifths = np.array([part.mean() for part in np.array_split(inside[:, 0], 5)])
        assert inside.mean() == pytest.approx(0.9, abs=0.02)
        if spread is None:  # as it was: one width for all
            assert fifths[-1] < 0.7
            assert low.min() < 0
        else:
            assert np.abs(fifths - 0.9).max() < spread
            assert low.min() > 0


def test_intervals_cover_as_much_as_they_say() -> None:
    random = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        noise = random.gamma(2, size=(79, 1))
        low, high = Residuals.of(noise, np.zeros((79, 1))).interval(np.zeros((1, 1)), 0.8)
        truth = random.gamma(2, size=200)
        covered.append(((truth >= low[0, 0]) & (truth <= high[0, 0])).mean())
    assert np.mean(covered) == pytest.approx(0.8, abs=0.01)
