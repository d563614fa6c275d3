"""What training reads by a setting, prediction reads by the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dlrun.base.text import json_text
from dlrun.errors import DataError
from dlrun.experiment.load import load_text
from dlrun.predictions.evaluate import evaluate_file
from dlrun.predictions.files.data import open_data
from dlrun.predictions.load import load
from dlrun.predictions.predictor import Predictor
from dlrun.records.stored import open_stored
from dlrun.runs.run import run_experiment

ROWS = 80


def table(target: str) -> pl.DataFrame:
    random = np.random.default_rng(0)
    size, weight = random.normal(1000, 400, ROWS).round(2), random.normal(0, 2, ROWS).round(2)
    wide = size + 100 * weight
    columns = {"price": (2 * wide).round(1), "label": np.where(wide > 1000, "02", "01"), "flag": wide > 1000}
    return pl.DataFrame({"size": size, "weight": weight, "y": columns[target]})


def trained(folder: Path, text: str, **dataset: Any) -> Predictor:
    (folder / "train.csv").write_text(text)
    source = {"kind": "csv", "path": str(folder / "train.csv"), "target": "y", **dataset}
    config = {"dataset": source, "model": "linear", "evaluation": {"bootstrap": 10}}
    return load(run_experiment(load_text(json_text(config)).experiment, runs_dir=folder / "runs").path)


def predictions(predictor: Predictor, path: Path) -> np.ndarray:
    chunks = open_data(str(path), predictor).chunks(16)
    return np.concatenate([predictor.predict_chunk(chunk.x)[0] for chunk in chunks])


def european(frame: pl.DataFrame) -> str:
    """Write numbers as 1.234,5 between semicolons."""
    lines = [";".join(frame.columns)]
    for row in frame.iter_rows():
        written = (f"{value:,.2f}" if isinstance(value, float) else str(value) for value in row)
        lines.append(";".join(value.translate(str.maketrans(",.", ".,")) for value in written))
    return "\n".join(lines) + "\n"


def test_numbers_in_the_notation_of_the_run(tmp_path) -> None:
    frame = table("price")
    plain = trained(tmp_path, frame.write_csv())
    expected = plain.predict(frame)
    settings = {"separator": ";", "decimal": ",", "thousands": "."}
    other = trained(tmp_path, european(frame), **settings)
    assert np.array_equal(other.predict(frame), expected)
    (tmp_path / "new.csv").write_text(european(frame))
    assert np.array_equal(predictions(other, tmp_path / "new.csv"), expected)
    stored = open_stored(tmp_path / "runs" / other.id)
    scores = evaluate_file(other, stored, open_data(str(tmp_path / "new.csv"), other, targets=True)).scores
    assert scores["r2"] == pytest.approx(1, abs=1e-3)
    (tmp_path / "points.csv").write_text(frame.write_csv(separator=";"))
    with pytest.raises(DataError, match=r"no number in \d+ rows, .* the decimal mark is ',', thousands by '\.'"):
        predictions(other, tmp_path / "points.csv")


def test_files_without_a_header_with_and_without_the_target(tmp_path) -> None:
    frame = table("label")
    text = frame.write_csv(include_header=False)
    predictor = trained(tmp_path, "title\n# made by hand\n" + text, names=frame.columns, skip_rows=1, comment="#")
    expected = predictor.predict(frame)
    for name, new in (("with", frame), ("without", frame.drop("y"))):
        (tmp_path / f"{name}.csv").write_text("another title\n" + new.write_csv(include_header=False))
        assert np.array_equal(predictions(predictor, tmp_path / f"{name}.csv"), expected)
    (tmp_path / "header.csv").write_text("title\n" + frame.write_csv())
    with pytest.raises(DataError, match=r"holds dataset\.names: it is a header"):
        open_data(str(tmp_path / "header.csv"), predictor)
    (tmp_path / "narrow.csv").write_text("title\n1.5\n2.5\n")
    with pytest.raises(DataError, match=r"dataset\.names holds 3 names, the first row of '.*' holds 1 value"):
        open_data(str(tmp_path / "narrow.csv"), predictor)


@pytest.mark.parametrize(
    ("target", "labels", "others"),
    [("label", ("01", "02"), ("1", "2.0")), ("flag", ("False", "True"), ("false", "TRUE"))],
)
def test_labels_come_back_as_they_were_written(tmp_path, target: str, labels, others) -> None:
    frame = table(target).with_columns(pl.col("y").cast(pl.String).str.to_titlecase())
    predictor = trained(tmp_path, frame.write_csv())
    assert predictor.class_names == labels
    assert set(predictor.predict_labels(frame)) == set(labels)
    respelled = frame.with_columns(pl.col("y").replace_strict(list(labels), list(others)))
    respelled.write_csv(tmp_path / "new.csv")
    data = open_data(str(tmp_path / "new.csv"), predictor, targets=True)
    assert evaluate_file(predictor, open_stored(tmp_path / "runs" / predictor.id), data).scores["accuracy"] > 0.9


def test_blanks_and_missing_texts_of_the_run(tmp_path) -> None:
    frame = table("label").with_columns(kind=pl.Series(["NA", "b "] * (ROWS // 2)), more=pl.lit(" 5"))
    predictor = trained(tmp_path, frame.write_csv(), strip=True, not_missing="NA")
    assert predictor.preprocessing.categories["kind"] == ("NA", "b")
    (tmp_path / "new.csv").write_text(frame.write_csv())
    stripped = frame.with_columns(pl.col("kind").str.strip_chars(), more=pl.lit(5))
    assert np.array_equal(predictions(predictor, tmp_path / "new.csv"), predictor.predict(stripped))


def test_rows_without_a_label_are_left_out_where_the_run_has_left_them_out(tmp_path) -> None:
    frame = table("label")
    text = frame.write_csv()
    lines = [*text.splitlines(), *[line.rsplit(",", 1)[0] + "," for line in text.splitlines()[1:6]]]
    (tmp_path / "new.csv").write_text("\n".join(lines) + "\n")
    predictor = trained(tmp_path, "\n".join(lines) + "\n", drop_unlabeled_rows=True)
    stored = open_stored(tmp_path / "runs" / predictor.id)
    found = evaluate_file(predictor, stored, open_data(str(tmp_path / "new.csv"), predictor, targets=True))
    assert found.num_rows == ROWS
    assert "left out 5 rows without a label, as the run did" in found.notes
    assert len(predictions(predictor, tmp_path / "new.csv")) == ROWS + 5
    strict = trained(tmp_path, text)
    with pytest.raises(DataError, match=r"no label in 'y' for 5 rows, the first is row 80 \(from 0\)"):
        evaluate_file(strict, stored, open_data(str(tmp_path / "new.csv"), strict, targets=True))


def test_archives_are_refused_by_name(tmp_path) -> None:
    predictor = trained(tmp_path, table("label").write_csv())
    (tmp_path / "new.csv").write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(DataError, match="is a zip archive, not text"):
        open_data(str(tmp_path / "new.csv"), predictor)
