"""Data that cannot be learned from: one clear error each, before TensorFlow is loaded and before there is a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TABLE = """\
name: houses
dataset: {kind: csv, path: houses.csv, target: sold}
model: {kind: network, layers: [dense: 8]}
training: {epochs: 2}
"""
ARRAYS = """\
dataset:
  kind: npz
  path: good.npz
model: {kind: network, layers: [dense: 8]}
"""
LINEAR = """\
dataset: {kind: csv, path: houses.csv, target: sold}
model: linear
"""

HEADER = ("rooms", "area", "town", "sold")
ROWS: list[Sequence[Any]] = [
    (1 + row % 5, 30.5 + 7 * row % 50, ("Bern", "Chur", "Genf")[row % 3], ("no", "yes")[row * row % 7 % 2])
    for row in range(60)
]
NUMBERS: list[Sequence[Any]] = [(area, 100 * rooms + area) for rooms, area, *_ in ROWS]


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], **changed: tuple[int, int, Any]) -> str:
    """Write a table; `changed` puts a value into a row and column."""
    cells = [[*row] for row in rows]
    for row, column, value in changed.values():
        cells[row][column] = value
    return "".join(",".join(map(str, line)) + "\n" for line in [header, *cells])


def tables() -> dict[str, str]:
    priced = ("area", "price")
    return {
        "houses.csv": table(HEADER, ROWS),
        "infinite.csv": table(HEADER, ROWS, first=(3, 1, "inf"), second=(9, 1, "-inf")),
        "one-class.csv": table(HEADER, [(*row[:3], "yes") for row in ROWS]),
        "constant.csv": table(priced, [(area, 7.5) for area, _ in NUMBERS]),
        "prices.csv": table(priced, NUMBERS),
        "infinite-price.csv": table(priced, NUMBERS, only=(5, 1, "inf")),
        "unlabeled.csv": table(HEADER, ROWS, first=(4, 3, ""), second=(7, 3, "NA")),
        "dates.csv": table((*HEADER, "day"), [(*row, f"2024-03-{1 + row[0]:02d}") for row in ROWS]),
        "comments.csv": table((*HEADER, "note"), [(*ROWS[row % 60], f"remark number {row}") for row in range(150)]),
        "ids.csv": table(("area", "id"), [(row, f"id{row}") for row in range(40)]),
        "rare.csv": table(HEADER, ROWS, only=(0, 3, "maybe")),
        "short.csv": table(HEADER, ROWS[:6]),
        "empty.csv": "",
        "header.csv": "rooms,area,sold\n",
        "one-column.csv": table(("sold",), [row[3:] for row in ROWS]),
        "semicolons.csv": table(HEADER, ROWS).replace(",", ";"),
        "uneven.csv": table(HEADER, ROWS[:4]) + "5,60.5,Bern, near the lake,yes\n",
        "twice.csv": table(("area", "area", "sold"), [(row, row, row % 2) for row in range(20)]),
    }


def arrays() -> dict[str, dict[str, Any]]:
    x = np.arange(200, dtype=np.float32).reshape(50, 4)
    y = np.arange(50) % 2
    spoiled = [x.copy(), x.copy()]
    spoiled[0][7, 2] = spoiled[0][9, 1] = np.nan
    spoiled[1][3, 0] = np.inf
    return {
        "good": {"x": x, "y": y},
        "nan": {"x": spoiled[0], "y": y},
        "infinite": {"x": spoiled[1], "y": y},
        "nan-target": {"x": x, "y": np.where(y == 0, np.nan, x[:, 0])},
        "one-class": {"x": x, "y": np.zeros(50, int)},
        "constant": {"x": x, "y": np.full(50, 2.5)},
        "objects": {"x": np.array([{"a": 1}] * 50), "y": y},
        "lengths": {"x": x, "y": y[:40]},
        "cubes": {"x": x, "y": np.zeros((50, 2, 2))},
        "text": {"x": x.astype("U8"), "y": y},
        "others": {"images": x, "labels": y},
    }


FAULTS: dict[str, list[str]] = {
    "missing file": ["table.yaml", "dataset.path=house.csv"],
    "missing folder": ["table.yaml", "dataset.path=nowhere/houses.csv"],
    "a folder instead of a file": ["table.yaml", "dataset.path=."],
    "wrong target": ["table.yaml", "dataset.target=solt"],
    "wrong columns to drop": ["table.yaml", "dataset.drop=[Rooms, garden]"],
    "wrong column among types": ["table.yaml", "dataset.types={ara: numeric}"],
    "target among the dropped": ["table.yaml", "dataset.drop=[sold]"],
    "nothing left to learn from": ["table.yaml", "dataset.drop=[rooms, area, town]"],
    "one column": ["table.yaml", "dataset.path=one-column.csv"],
    "another separator": ["table.yaml", "dataset.path=semicolons.csv"],
    "empty file": ["table.yaml", "dataset.path=empty.csv"],
    "header without rows": ["table.yaml", "dataset.path=header.csv"],
    "line with too many values": ["table.yaml", "dataset.path=uneven.csv"],
    "columns of the same name": ["table.yaml", "dataset.path=twice.csv"],
    "infinite values in a table": ["table.yaml", "dataset.path=infinite.csv"],
    "infinite target in a table": ["table.yaml", "dataset.path=infinite-price.csv", "dataset.target=price"],
    "one class only in a table": ["table.yaml", "dataset.path=one-class.csv"],
    "constant target in a table": ["table.yaml", "dataset.path=constant.csv", "dataset.target=price"],
    "rows without a label": ["table.yaml", "dataset.path=unlabeled.csv"],
    "dates": ["table.yaml", "dataset.path=dates.csv"],
    "free text": ["table.yaml", "dataset.path=comments.csv"],
    "text taken for numbers": ["table.yaml", "dataset.types={town: numeric}"],
    "arrays read as a table": ["table.yaml", "dataset.path=good.npz"],
    "regression on names": ["table.yaml", "dataset.task=regression"],
    "classes of fractions": [
        "table.yaml", "dataset.path=prices.csv", "dataset.target=price", "dataset.task=multiclass",
    ],
    "labels of other numbers": [
        "table.yaml", "dataset.path=prices.csv", "dataset.target=price", "dataset.task=multilabel",
    ],
    "two classes asked for, three found": ["table.yaml", "dataset.target=town", "dataset.task=binary"],
    "logarithm of negative targets": [
        "linear.yaml", "dataset.path=negative.csv", "dataset.target=area", "dataset.target_transform=log",
    ],
    "a single row": ["table.yaml", "dataset.limit=1"],
    "a class for every row": ["table.yaml", "dataset.path=ids.csv", "dataset.target=id"],
    "class of one row": ["table.yaml", "dataset.path=rare.csv"],
    "class of one row in folds": ["table.yaml", "dataset.path=rare.csv", "validation={kind: kfold, folds: 5}"],
    "fewer rows than folds": ["table.yaml", "validation={kind: kfold, folds: 50}"],
    "parts too small for the classes": ["table.yaml", "dataset.path=short.csv"],
    "nothing left to train on": ["table.yaml", "validation={kind: holdout, fraction: 0.6, test_fraction: 0.5}"],
    "unknown class among the weights": ["table.yaml", "training.class_weights={yess: 2}"],
    "weights without classes": [
        "table.yaml", "dataset.path=prices.csv", "dataset.target=price", "training.class_weights=balanced",
    ],
    "nan in arrays": ["arrays.yaml", "dataset.path=nan.npz"],
    "infinite value in arrays": ["arrays.yaml", "dataset.path=infinite.npz"],
    "nan among the targets": ["arrays.yaml", "dataset.path=nan-target.npz"],
    "one class only in arrays": ["arrays.yaml", "dataset.path=one-class.npz"],
    "constant target in arrays": ["arrays.yaml", "dataset.path=constant.npz"],
    "objects": ["arrays.yaml", "dataset.path=objects.npz"],
    "arrays of different lengths": ["arrays.yaml", "dataset.path=lengths.npz"],
    "targets of three axes": ["arrays.yaml", "dataset.path=cubes.npz"],
    "text as inputs": ["arrays.yaml", "dataset.path=text.npz"],
    "arrays of other names": ["arrays.yaml", "dataset.path=others.npz"],
    "a table read as arrays": ["arrays.yaml", "dataset.path=houses.csv"],
    "a single array": ["arrays.yaml", "dataset.path=alone.npy"],
    "no arrays at all": ["arrays.yaml", "dataset.path=torn.npz"],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configs and data, good and bad."""
    folder = tmp_path_factory.mktemp("bad-data")
    for name, text in {"table.yaml": TABLE, "arrays.yaml": ARRAYS, "linear.yaml": LINEAR, **tables()}.items():
        (folder / name).write_text(text)
    (folder / "negative.csv").write_text(table(("rooms", "area"), [(row, -1.5 * row) for row in range(40)]))
    for name, content in arrays().items():
        np.savez(folder / name, **content)
    np.save(folder / "alone", np.ones(3))
    (folder / "torn.npz").write_bytes((folder / "good.npz").read_bytes()[:300])
    return folder


def test_every_fault_of_data_is_one_clear_error(
    folder: Path, several: Callable[..., Any], golden: Callable[[str, str], None]
) -> None:
    ended = several(folder, {title: ["train", *arguments] for title, arguments in FAULTS.items()})
    assert "tensorflow" not in ended.heavy
    assert not (folder / "runs").exists()
    for title, told in ended.told.items():
        assert told.code == 2, f"{title}: {told.err}"
        assert told.err.startswith("error: "), title
        assert set(told.out.splitlines()[1:]) <= {"loading the data", "building the model"}, title
    golden("bad_input/data.txt", ended.errors)


FINE: dict[str, list[str]] = {
    "missing values in a column of numbers": ["dataset.path=gaps.csv"],
    "a column without any value": ["dataset.path=hollow.csv"],
    "rows without a label that are left out": ["dataset.path=unlabeled.csv", "dataset.drop_unlabeled_rows=true"],
    "the date left out": ["dataset.path=dates.csv", "dataset.drop=[day]"],
    "no test part, refitted": ["validation.test_fraction=0", "training.refit=true"],
    "too few iterations": ["model.max_iterations=2", "dataset.target=town"],
    "a class of one row, not stratified": [
        "dataset.path=rare.csv", "validation={kind: kfold, folds: 3, stratify: false}",
    ],
}  # fmt: skip


def test_what_is_odd_but_can_be_learned_from_is(folder: Path, several: Callable[..., Any]) -> None:
    gaps = table(HEADER, ROWS, first=(3, 1, "nan"), second=(4, 0, ""), third=(5, 2, "N/A"))
    (folder / "gaps.csv").write_text(gaps)
    (folder / "hollow.csv").write_text(table((*HEADER, "hollow"), [(*row, "") for row in ROWS]))
    quick = ["--quiet", "--runs-dir", "fine", "evaluation.bootstrap=20"]
    ended = several(folder, {title: ["train", "linear.yaml", *given, *quick] for title, given in FINE.items()})
    assert "tensorflow" not in ended.heavy
    for title, told in ended.told.items():
        assert (told.code, told.err) == (0, ""), title
        assert (Path(told.out.strip()) / "metrics.json").is_file(), title
    log = (Path(ended.told["too few iterations"].out.strip()) / "output.log").read_text()
    assert "fold-0: the solver stopped before it converged; raise model.max_iterations" in log


def test_the_program_itself_tells_the_same_in_words_and_in_json(folder: Path, program: Any) -> None:
    import json

    ended = program(folder)("train", "table.yaml", "dataset.path=house.csv", "--json")
    message = (
        f"override 'dataset.path=house.csv': dataset.path: there is no file '{folder}/house.csv'; "
        "did you mean 'houses.csv'?"
    )
    remedy = "Correct dataset.path; relative paths start at the current directory."
    assert ended.code == 2
    assert ended.err == f"config table.yaml\nloading the data\nerror: {message}\n{remedy}\n"
    assert json.loads(ended.out) == {"error": {"message": message, "remedy": remedy, "problems": []}}
    quiet = program(folder)("train", "table.yaml", "dataset.path=house.csv", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (2, "", f"error: {message}\n{remedy}\n")
