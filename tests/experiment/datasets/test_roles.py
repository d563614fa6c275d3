"""Columns that are no inputs: what ids, groups, times and weights may be, and that they stay with their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dlrun.errors import ConfigError, DataError
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.datasets.role import ROLES, Role
from dlrun.experiment.datasets.roles import notes_of, read_role
from dlrun.experiment.datasets.shared import read_dataset, write_dataset
from dlrun.experiment.datasets.sources.csv import Csv
from dlrun.experiment.datasets.sources.memory import Memory
from dlrun.experiment.datasets.sources.npz import Npz
from dlrun.experiment.datasets.sources.parquet import Parquet
from dlrun.experiment.datasets.sources.python import Python
from dlrun.experiment.load import load_text

FRAME = pl.DataFrame(
    {
        "code": [f"{row:03d}" for row in range(12)],
        "clinic": [row // 3 for row in range(12)],
        "when": [f"2024-01-{row + 1:02d}" for row in range(12)],
        "w": [0.5, 1, 2, 3, 0, 1, 1, 1, 4, 1, 1, 1],
        "age": list(range(20, 32)),
        "ill": ["no", "yes"] * 6,
    }
)
NAMED = {"id": "code", "group": "clinic", "time": "when", "weight": "w"}
DAYS = np.arange("2024-01-01", "2024-01-13", dtype="datetime64[D]")


def check_roles(dataset: Dataset, rows: Any = slice(None)) -> None:
    assert dataset.feature_names in (("age",), ())
    assert {name: role.column for name, role in dataset.roles.items()} == NAMED
    assert dataset.role("id").tolist() == FRAME["code"].to_numpy()[rows].tolist()
    assert dataset.role("group").tolist() == FRAME["clinic"].to_numpy()[rows].tolist()
    assert np.array_equal(dataset.role("time"), DAYS[rows])
    assert dataset.role("weight").tolist() == FRAME["w"].to_numpy()[rows].tolist()
    assert (dataset.role("time").dtype, dataset.role("weight").dtype) == (np.dtype("M8[us]"), np.float64)


def csv_of(path: Path, frame: pl.DataFrame = FRAME, **settings: Any) -> Csv:
    frame.write_csv(path)
    return Csv.model_validate({"path": str(path), "target": "ill", **NAMED, **settings})


def test_csv_ids_stay_as_they_are_written(tmp_path: Path) -> None:
    check_roles(csv_of(tmp_path / "t.csv").load())


def test_parquet_and_data_frames(tmp_path: Path) -> None:
    typed = FRAME.with_columns(pl.col("when").str.to_date())
    typed.write_parquet(tmp_path / "t.parquet")
    check_roles(Parquet.model_validate({"path": str(tmp_path / "t.parquet"), "target": "ill", **NAMED}).load())
    memory = Memory.model_validate({"target": "ill", **NAMED})
    check_roles(memory.dataset_of(typed))
    check_roles(memory.dataset_of(typed.to_pandas()) if _has_pandas() else memory.dataset_of(FRAME))


def _has_pandas() -> bool:
    import importlib.util

    return importlib.util.find_spec("pandas") is not None and importlib.util.find_spec("pyarrow") is not None


def test_a_test_file_and_a_limit_keep_rows_together(tmp_path: Path) -> None:
    FRAME[8:].write_csv(tmp_path / "test.csv")
    source = csv_of(tmp_path / "t.csv", FRAME[:8], test_path=str(tmp_path / "test.csv"))
    check_roles(source.load())
    check_roles(source.model_copy(update={"limit": 3}).load(), [0, 1, 2, 8, 9, 10])


def test_rows_without_a_label_take_their_roles_along(tmp_path: Path) -> None:
    frame = FRAME.with_columns(
        ill=pl.Series(["no", None, *FRAME["ill"][2:]]), w=pl.Series([0.5, None, *FRAME["w"][2:]])
    )
    source = csv_of(tmp_path / "t.csv", frame, drop_unlabeled_rows=True)
    check_roles(source.load(), [0, *range(2, 12)])
    with pytest.raises(DataError, match="no label"):
        source.model_copy(update={"drop_unlabeled_rows": False}).load()
    spoiled = frame.with_columns(w=pl.Series([0.5, None, -2.0, *FRAME["w"][3:]]))
    with pytest.raises(DataError, match=r"holds -2, which is no weight, in row 2 \(from 0\)"):
        csv_of(tmp_path / "t.csv", spoiled, drop_unlabeled_rows=True).load()


def test_numbers_in_another_notation(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("code;w;age;ill\n1,5;0,5;20;no\n001;2;21;yes\n")
    source = Csv.model_validate(
        {
            "path": str(tmp_path / "t.csv"),
            "target": "ill",
            "separator": ";",
            "decimal": ",",
            "id": "code",
            "weight": "w",
        }
    )
    dataset = source.load()
    assert dataset.role("weight").tolist() == [0.5, 2.0]
    assert dataset.role("id").tolist() == ["1,5", "001"]


def arrays(**changes: Any) -> dict[str, Any]:
    whole = {
        "x": np.arange(12.0)[:, None],
        "y": np.arange(12) % 2,
        "code": FRAME["code"].to_numpy().astype(str),
        "clinic": FRAME["clinic"].to_numpy(),
        "when": DAYS,
        "w": FRAME["w"].to_numpy(),
    }
    return whole | changes


def test_npz_arrays_with_a_test_part_and_a_limit(tmp_path: Path) -> None:
    parts = {name: values[:8] for name, values in arrays().items()}
    parts |= {f"{name}_test": values[8:] for name, values in arrays().items()}
    parts["when"] = parts["when"].astype("M8[s]").astype(str)  # text, since archives of numbers are common
    parts["when_test"] = parts["when_test"].astype("M8[s]").astype(str)
    np.savez(tmp_path / "t.npz", **parts)
    source = Npz.model_validate({"path": str(tmp_path / "t.npz"), **NAMED})
    check_roles(source.load())
    assert not any("not used" in note for note in source.load().notes)
    check_roles(source.model_copy(update={"limit": 2}).load(), [0, 1, 8, 9])
    assert source.facts() == source.load().facts


def test_python_sources_give_arrays_by_name(tmp_path: Path) -> None:
    check_roles(Memory.model_validate(NAMED).dataset_of(arrays()))
    parts = {name: values[:8] for name, values in arrays().items()}
    parts |= {f"{name}_test": values[8:] for name, values in arrays().items()}
    check_roles(Memory.model_validate({**NAMED, "limit": 3}).dataset_of(parts), [0, 1, 2, 8, 9, 10])
    frame = FRAME.select("age", "code", "clinic")  # some in the frame, some beside it
    check_roles(Memory.model_validate(NAMED).dataset_of({**arrays(x=frame, y=FRAME["ill"])}))
    code = "import numpy as np\ndef load():\n    return {'x': np.ones((4, 1)), 'y': [0, 1, 0, 1], 'w': [1, 2, 3, 4]}\n"
    (tmp_path / "own.py").write_text(code)
    loaded = Python.model_validate({"path": str(tmp_path / "own.py"), "weight": "w"}).load()
    assert loaded.role("weight").tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changes", "settings", "expected"),
    [
        ({}, {"weight": "ww"}, r"data is a dict with 'x', 'y', 'w'"),
        ({"w": np.ones(3)}, {"weight": "w"}, r"'w' has the shape \(3,\), 'x' has 12 rows"),
        ({}, {"id": "y"}, "dataset.id names 'y', which is not there"),
    ],
)
def test_arrays_that_cannot_have_the_role(changes: Any, settings: Any, expected: str) -> None:
    given = {name: arrays(**changes)[name] for name in ("x", "y", "w")[: 3 if "weight" in settings else 2]}
    with pytest.raises(DataError, match=expected):
        Memory.model_validate(settings).dataset_of(given)


def test_npz_arrays_that_cannot_have_the_role(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", **arrays(w=np.ones((12, 2))))
    for settings, expected in (
        ({"weight": "w"}, r"'w' has the shape \(12, 2\), 'x' has 12 rows"),
        ({"id": "cod"}, r"dataset.id names 'cod', which is not there \(did you mean 'code'\?\)"),
        ({"id": "x"}, r"'x' has the shape|holds the inputs"),
    ):
        with pytest.raises(DataError, match=expected):
            Npz.model_validate({"path": str(tmp_path / "t.npz"), **settings}).load()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("id: ill", "dataset.id: id names 'ill', which target names too"),
        ("weight: age, drop: age", "dataset.weight: weight names 'age', which drop names too"),
        ("group: w, weight: w", "dataset.weight: weight names 'w', which group names too"),
        ("time: when, types: {when: categorical}", "dataset.time: time names 'when', which types names too"),
    ],
)
def test_a_column_named_twice_is_refused(settings: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(f"dataset: {{kind: csv, path: t.csv, target: ill, {settings}}}\nmodel: linear\n", "c.yaml")
    assert [str(problem) for problem in caught.value.problems] == [f"c.yaml:1:{_column(settings)}: {expected}"]


def _column(settings: str) -> int:
    """Return where the value stands that is named twice, from 1."""
    start = len("dataset: {kind: csv, path: t.csv, target: ill, ")
    last = "weight" if "weight" in settings else settings.partition(":")[0]
    return start + settings.index(f"{last}: ") + len(f"{last}: ") + 1


def test_a_column_that_is_not_there_gives_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no column 'clinik' \(did you mean 'clinic'\?\)") as caught:
        csv_of(tmp_path / "t.csv", group="clinik").load()
    assert caught.value.remedy == "Correct dataset.group."


@pytest.mark.parametrize(
    ("role", "values", "expected"),
    [
        ("weight", [1.0, -1.0, 2.0, -3.0], r"'c' holds -1 and in 1 more row, which is no weight, in row 1 \(from 0\)"),
        ("weight", [1.0, None], r"no value in 'c' for 1 row, the first is row 1 \(from 0\)"),
        ("weight", [1.0, float("nan")], r"no value in 'c' for 1 row, the first is row 1"),
        ("weight", [1.0, float("inf")], r"'c' holds inf, which is no weight, in row 1"),
        ("weight", [0.0, 0.0], r"every row weighs 0 in 'c'"),
        ("weight", ["1", "much"], r"holds no number in 1 row, the first is 'much' in row 1"),
        ("weight", [True, False], r"dataset.weight: the column 'c' is of type Boolean"),
        ("id", ["a", None, None], r"dataset.id: no value in 'c' for 2 rows, the first is row 1"),
        ("group", ["a", None], r"dataset.group: no value in 'c' for 1 row, the first is row 1"),
        ("id", ["a", "b" * 201], r"and such a name has at most 200 characters, in row 1"),
        ("id", [[1], [2]], r"the column 'c' is of type List"),
        ("time", ["2024-01-01", None], r"dataset.time: no value in 'c'"),
        (
            "time",
            ["2024-01-01", "soon"],
            r"'c' holds 'soon', which is neither a number nor a date nor a time, in row 1",
        ),
        ("time", ["2024-01-01", "31.12.2024"], r"'31.12.2024', which is neither"),
        ("time", ["2024-01-01", "2024-02-30"], r"'2024-02-30', which is neither"),
        ("time", ["2024-01-01", "2024"], r"holds '2024', where others are dates, in row 1"),
        (
            "time",
            ["2024-01-01 10:00", "2024-01-01 10:00Z"],
            r"'2024-01-01 10:00' without a zone, where others have one",
        ),
        ("time", [1.0, float("inf")], r"holds inf, which is no time, in row 1"),
    ],
)
def test_what_no_role_takes(role: Any, values: Any, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        read_role(role, pl.Series("c", values, strict=False))
    assert caught.value.remedy


def test_a_missing_id_says_which_text_meant_missing(tmp_path: Path) -> None:
    frame = FRAME.with_columns(code=pl.Series(["DE", "NA", *["x"] * 10]))
    with pytest.raises(
        DataError, match=r"'NA' there means a missing value, dataset.not_missing=\[NA\] makes it a value"
    ):
        csv_of(tmp_path / "t.csv", frame).load()
    assert csv_of(tmp_path / "t.csv", frame, not_missing="NA").load().role("id")[1] == "NA"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["3", "-1"], [3, -1]),
        (["0.5", "2"], [0.5, 2.0]),
        ([3, 1], [3, 1]),
        (["2024-01-01", "2023-05-06"], ["2024-01-01", "2023-05-06"]),
        (["2024-01-01T10:00", "2024-01-01 10:00:30.25"], ["2024-01-01T10:00", "2024-01-01T10:00:30.25"]),
        (["2024-01-01T10:00+02:00", "2024-01-01 10:00:00-0130", "2024-01-01 10:00 Z"], ["08:00", "11:30", "10:00"]),
    ],
)
def test_times_are_numbers_or_dates(values: Any, expected: Any) -> None:
    found = read_role("time", pl.Series("c", values)).values
    if isinstance(expected[0], str):
        expected = [np.datetime64(f"2024-01-01T{each}" if len(each) == 5 else each, "us") for each in expected]
    assert found.tolist() == [each.item() if isinstance(each, np.datetime64) else each for each in expected]
    assert found.dtype == np.array(expected).dtype


def test_times_of_a_zone_are_in_utc() -> None:
    local = pl.Series("c", ["2024-07-01 12:00"]).str.to_datetime("%Y-%m-%d %H:%M").dt.replace_time_zone("Europe/Berlin")
    assert read_role("time", local).values[0] == np.datetime64("2024-07-01T10:00")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["007", "8"], np.array(["007", "8"])),
        (["7", "8"], np.array([7, 8])),
        ([1.0, 2.0], np.array([1, 2])),
        ([1.5, 2.0], np.array(["1.5", "2"])),
        ([True, False], np.array(["true", "false"])),
        ([str(2**70), "1"], np.array([str(2**70), "1"])),
    ],
)
def test_ids_are_text_unless_whole_numbers_say_the_same(values: Any, expected: np.ndarray) -> None:
    found = read_role("id", pl.Series("c", values)).values
    assert found.tolist() == expected.tolist()
    assert found.dtype == expected.dtype


def test_ids_that_repeat_and_weights_are_told() -> None:
    twice = {"id": Role("patient", np.array(["a", "b", "a"]))}
    assert notes_of(twice) == (
        "dataset.id: 'patient' holds 2 different ids in 3 rows, the first that comes again is 'a' in row 2 (from 0); "
        "if rows of one id belong together, dataset.group=patient says so",
    )
    assert notes_of({"weight": Role("w", np.array([0.0, 0.0, 2.5]))}) == (
        "loss and scores weigh rows by 'w', from 0 to 2.5, 2 rows of them nothing",
    )
    assert notes_of({"weight": Role("w", np.array([2.0, 2.0]))}) == (
        "dataset.weight: every row weighs 2 in 'w', so that scores are plain ones",
    )


def test_every_role_is_in_the_fingerprint_and_shared_with_other_processes(tmp_path: Path) -> None:
    dataset = csv_of(tmp_path / "t.csv").load()
    write_dataset(dataset, tmp_path)
    read = read_dataset(tmp_path)
    check_roles(read)
    assert read.fingerprint == dataset.fingerprint
    others = dict(dataset.roles)
    for name in ROLES:
        changed = Role(others[name].column, others[name].values[::-1])
        other = _with_roles(dataset, {**others, name: changed})
        assert other.fingerprint != dataset.fingerprint
        assert (other.targets_fingerprint != dataset.targets_fingerprint) == (name in ("id", "weight"))


def test_the_fingerprint_without_roles_is_what_it_was() -> None:
    dataset = Dataset("t", "features", np.arange(6.0).reshape(3, 2), np.array([0, 1, 0]), "binary", ("p", "q"))
    assert dataset.fingerprint == "6ad90bd60d64dd60a7b74904a872a38d00f7287e505c507e3eee4c4c958d76ce"
    assert dataset.targets_fingerprint == "7be326ee468272d1ffd17e1848f89638261950b0bb53143e8a8b4b505d913d53"


def _with_roles(dataset: Dataset, roles: Any) -> Dataset:
    from dataclasses import replace

    return replace(dataset, roles=roles)


def test_a_file_of_separators_alone_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(",")
    with pytest.raises(DataError, match="has no column 'y'"):
        Csv.model_validate({"path": str(tmp_path / "t.csv"), "target": "y"}).load()
