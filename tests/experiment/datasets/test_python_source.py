"""Arrays that a function of the user's own returns."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from dlrun.errors import DataError
from dlrun.experiment.datasets.sources.python import Python

FLOWERS = """
import numpy as np
from petals import lengths

def load(rows=6, own_test=False):
    x = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2) * lengths
    y = np.array(["a", "b"] * (rows // 2))
    return (x, y, x[:2], y[:2]) if own_test else {"x": x, "y": y}
"""


@pytest.fixture
def flowers(tmp_path: Path) -> str:
    (tmp_path / "petals.py").write_text("lengths = 3\n")
    (tmp_path / "flowers.py").write_text(FLOWERS)
    return str(tmp_path / "flowers.py")


def test_arrays_come_from_the_function_with_its_arguments(flowers: str) -> None:
    before = list(sys.path)
    dataset = Python(path=flowers, arguments={"rows": 4}).load()
    assert np.array_equal(dataset.x, np.arange(8, dtype=np.float32).reshape(4, 2) * 3)
    assert dataset.y.tolist() == [0, 1, 0, 1]
    assert (dataset.name, dataset.input_kind, dataset.task, dataset.class_names) == (
        "flowers",
        "features",
        "binary",
        ("a", "b"),
    )
    assert dataset.test_rows is None
    assert sys.path == before


def test_the_own_test_part_comes_last_and_limit_applies_to_each_part(flowers: str) -> None:
    dataset = Python(path=flowers, arguments={"own_test": True}, limit=2).load()
    assert dataset.num_rows == 4
    assert dataset.test_rows is not None
    assert dataset.test_rows.tolist() == [2, 3]
    assert np.array_equal(dataset.x[:2], dataset.x[2:])


def test_a_check_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "boom.py"
    path.write_text("raise RuntimeError('ran')")
    assert Python(path=str(path)).facts() is None


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def load():\n    return 1 / 0\n", "line 2: ZeroDivisionError: division by zero"),
        ("def load(:\n", "line 1: SyntaxError: "),
        ("import no_such_module_at_all\n", "line 1: ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("load = 3\n", "has no function load()"),
        ("def load():\n    return 3\n", "load() returned a value of the type int"),
        ("def load():\n    return 1, 2, 3\n", "load() returned a tuple of 3 values"),
        ("def load():\n    return {'x': [1], 'z': [1]}\n", "load() returned a dict with 'x', 'z'"),
        ("def load():\n    return [[1], [2, 3]], [0, 1]\n", "'x' is no array: "),
        ("def load():\n    return 1.0, 2.0\n", "'x' is a single value"),
        ("def load():\n    return [[1.0], [2.0]], [0]\n", "'x' has 2 rows and 'y' has 1"),
        ("def load():\n    return [], []\n", "'x' has no rows"),
        ("def load():\n    return [['a'], ['b']], [0, 1]\n", "the inputs are of type <U1"),
        (
            "def load():\n    return [[1.0]], [0], [[1.0, 2.0]], [0]\n",
            "'x' is float64 of shape (1, 1), 'x_test' is float64 of shape (1, 2)",
        ),
    ],
)
def test_what_the_code_does_wrong_is_told_with_its_place(tmp_path: Path, code: str, message: str) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(code)
    with pytest.raises(DataError) as caught:
        Python(path=str(path)).load()
    assert str(path) in caught.value.message
    assert message in caught.value.message
    assert caught.value.remedy


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("x = 1")
    with pytest.raises(DataError, match="is no Python file"):
        Python(path=str(path)).load()
