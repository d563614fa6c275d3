"""What users read when data cannot be used: one golden text for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlrun.errors import DataError
from dlrun.experiment.datasets.checks import check_values
from dlrun.experiment.datasets.sources.csv import Csv
from dlrun.experiment.datasets.sources.mnist import FashionMnist
from dlrun.experiment.datasets.sources.npz import Npz
from dlrun.experiment.datasets.sources.packaged import Digits, Iris
from dlrun.experiment.validation.parts_report import check_parts
from dlrun.experiment.validation.plan import Fold, SplitPlan

TABLES = {
    "houses.csv": "rooms,sold,price\n" + "".join(f"{row % 7},2020-01-0{row},{row}.5\n" for row in range(1, 9)),
    "people.csv": "name,age,paid\n"
    + "".join(f"person {row},{row % 80},{'yes' if row % 3 else ''}\n" for row in range(240)),
    "labels.csv": "size,kind\n1,a\n2,b\n3,c\n",
    "same.csv": "size,cost\n1,7.5\n2,7.5\n",
    "semicolons.csv": "size;cost\n1;7.5\n",
}


def problems(folder: Path) -> dict[str, Any]:
    def table(name: str, **settings: Any) -> Any:
        return Csv(path=str(folder / name), **settings).load

    def arrays(name: str, **settings: Any) -> Any:
        return Npz(path=str(folder / name), **settings).load

    def one_class_of_training() -> None:
        numbers = np.arange(150)
        check_parts(Iris().load(), SplitPlan((Fold(0, numbers[:50], numbers[50:]),), numbers[:0]))

    return {
        "missing file": table("house.csv", target="price"),
        "missing folder": table("nowhere/houses.csv", target="price"),
        "wrong target": table("houses.csv", target="prise"),
        "wrong columns to drop": table("houses.csv", target="price", drop=["Room", "garden"]),
        "dates": table("houses.csv", target="price"),
        "rows without a label": table("people.csv", target="paid"),
        "free text": table("people.csv", target="age"),
        "binary task with three classes": table("labels.csv", target="kind", task="binary"),
        "regression on names": table("labels.csv", target="kind", task="regression"),
        "constant target": lambda: check_values(table("same.csv", target="cost")()),
        "wrong separator": table("semicolons.csv", target="cost"),
        "no archive": arrays("labels.csv"),
        "other arrays": arrays("other.npz"),
        "rows that do not match": arrays("uneven.npz"),
        "python objects": arrays("objects.npz"),
        "nan": lambda: check_values(arrays("nan.npz")()),
        "one class": lambda: check_values(Digits(limit=1).load()),
        "one class in training": one_class_of_training,
        "offline": FashionMnist().load,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    ones = np.ones((4, 2))
    nan = ones.copy()
    nan[1:, 1] = np.nan
    np.savez(tmp_path / "other.npz", images=ones, labels=ones)
    np.savez(tmp_path / "uneven.npz", x=ones, y=[0, 1, 0])
    np.savez(tmp_path / "objects.npz", x=np.array([[1], [2, 3]], dtype=object), y=[0, 1])
    np.savez(tmp_path / "nan.npz", x=nan, y=[0, 1, 0, 1])
    return tmp_path


def test_texts(folder: Path, keras_cache: Path, no_download: None, golden: Any) -> None:
    texts = []
    for name, problem in problems(folder).items():
        with pytest.raises(DataError) as caught:
            problem()
        texts.append(f"[{name}]\n{str(caught.value).replace(str(folder), '<folder>')}\n")
    golden("datasets/errors.txt", "\n".join(texts))
