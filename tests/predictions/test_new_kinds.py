"""A new kind of data is one file and one name in the family's list; with these it trains, predicts and evaluates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

FEATHER = '''\
"""Tables in Feather files."""

from pathlib import Path
from typing import ClassVar, Literal

from dlrun.experiment.datasets.readers.scanned_file import ScannedFile
from dlrun.experiment.datasets.tables.table import Table


class Feather(Table):
    """A Feather file; its own column types count."""

    kind: Literal["feather"] = "feather"

    endings: ClassVar[tuple[str, ...]] = (".feather",)

    def file(self, path: Path) -> ScannedFile:
        import polars as pl

        return ScannedFile(path, "Feather", pl.scan_ipc, self.limit, glob=False)
'''

FOLDERS = '''\
"""Folders of pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts
from dlrun.experiment.datasets.readers.new_rows import Asked, Chunk, Data
from dlrun.experiment.datasets.sources.source import Source
from dlrun.experiment.datasets.targets import encode
from dlrun.errors import DataError


class PictureFolder(Source):
    """A folder with a folder of `.npy` pictures for each class."""

    kind: Literal["picture_folder"] = "picture_folder"

    takes_folders: ClassVar[bool] = True

    path: str
    """The folder."""

    def load(self) -> Dataset:
        pictures = _Pictures(Path(self.path), labelled=True)
        (chunk,) = pictures.chunks(1_000_000)
        return encode(chunk.targets, self.task, ("class",)).dataset("pictures", "images", chunk.x)

    def facts(self) -> DatasetFacts | None:
        return self.load().facts

    def open(self, path: Path, asked: Asked) -> Data:
        pictures = _Pictures(path, asked.scored)
        if not pictures.files:
            raise DataError(f"'{path}' holds no pictures", remedy="Put .npy files into it.")
        return Data(path, (), pictures)


@dataclass(frozen=True)
class _Pictures:
    path: Path
    labelled: bool

    @property
    def files(self) -> list[Path]:
        return sorted(self.path.rglob("*.npy"))

    def chunks(self, num_rows: int) -> Iterator[Chunk]:
        for first in range(0, len(self.files), num_rows):
            files = self.files[first : first + num_rows]
            labels = np.array([file.parent.name for file in files]) if self.labelled else None
            yield Chunk(first, np.stack([np.load(file) for file in files]), labels)
'''

Program = Callable[..., Any]


@pytest.fixture(scope="module")
def program(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program with both kinds, each of which touches two files; returns what a command prints, as JSON or text."""
    copy = tmp_path_factory.mktemp("changed")
    shutil.copytree(repository / "dlrun", copy / "dlrun", ignore=shutil.ignore_patterns("__pycache__"))
    datasets = copy / "dlrun" / "experiment" / "datasets" / "sources"
    (datasets / "feather.py").write_text(FEATHER)
    (datasets / "picture_folder.py").write_text(FOLDERS)
    family = (datasets / "sources.py").read_text()
    for module, name in (("feather", "Feather"), ("picture_folder", "PictureFolder")):
        family = family.replace(
            "\nDatasetSource =", f"\nfrom dlrun.experiment.datasets.sources.{module} import {name}\nDatasetSource =", 1
        )
        family = family.replace("    | Python\n", f"    | Python\n    | {name}\n", 1)
    (datasets / "sources.py").write_text(family)

    def run(folder: Path, *arguments: str, code: int = 0) -> Any:
        ended = subprocess.run(
            [sys.executable, "-m", "dlrun", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(copy), "DLRUN_RUNS": str(folder / "runs")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == code, ended.stderr
        return json.loads(ended.stdout) if "--json" in arguments else ended.stdout + ended.stderr

    return run


def test_a_format_of_tables_is_one_class(program: Program, people_frame, tmp_path: Path) -> None:
    frame = people_frame(120)
    frame.write_ipc(tmp_path / "people.feather")
    people_frame(40, seed=5).write_ipc(tmp_path / "new.feather")
    people_frame(40, seed=5).write_csv(tmp_path / "new.csv")
    dataset = "dataset={kind: feather, path: people.feather, target: kind, drop: [id, spent]}"
    (tmp_path / "config.yaml").write_text("model: linear\nevaluation: {bootstrap: 10}\n")
    program(tmp_path, "check", "config.yaml", dataset)
    program(tmp_path, "train", "config.yaml", dataset, "--json")
    files = ["new.feather", "new.csv"]
    first, second = (program(tmp_path, "predict", "latest", file, "-o", f"{file}.out.csv") for file in files)
    assert "40 rows predicted" in first
    assert "40 rows predicted" in second
    assert (tmp_path / "new.feather.out.csv").read_bytes() == (tmp_path / "new.csv.out.csv").read_bytes()
    scores = program(tmp_path, "evaluate", "latest", "new.feather", "--json")
    assert scores["rows"] == 40
    assert scores["scores"]["accuracy"] > 0.7
    (tmp_path / "broken.feather").write_text("no feather")
    assert "'broken.feather' cannot be read as Feather" in program(
        tmp_path, "predict", "latest", "broken.feather", code=2
    ).replace(f"{tmp_path}/", "")


def test_a_kind_that_is_no_table_says_how_new_data_are_read(program: Program, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for part, number in (("train", 60), ("new", 7)):
        for picture in range(number):
            label = ("dark", "light")[picture % 2]
            folder = tmp_path / part / label
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / f"{picture}.npy", random.integers(0, 120, (4, 4)).astype(np.uint8) + 120 * (picture % 2))
    (tmp_path / "config.yaml").write_text("model: linear\nevaluation: {bootstrap: 10}\n")
    program(tmp_path, "train", "config.yaml", f"dataset={{kind: picture_folder, path: {tmp_path / 'train'}}}", "--json")
    program(tmp_path, "predict", "latest", "new", "-o", "out.csv")
    assert pl.read_csv(tmp_path / "out.csv")["label"].to_list() == ["dark"] * 4 + ["light"] * 3
    scores = program(tmp_path, "evaluate", "latest", "new", "--json")
    assert (scores["rows"], scores["scores"]["accuracy"]) == (7, 1.0)
    (tmp_path / "empty").mkdir()
    assert "holds no pictures" in program(tmp_path, "predict", "latest", "empty", code=2)
    np.savez(tmp_path / "new.npz", x=np.zeros((3, 4, 4), np.uint8))
    program(tmp_path, "predict", "latest", "new.npz", "-o", "dark.csv")
    assert pl.read_csv(tmp_path / "dark.csv")["label"].to_list() == ["dark"] * 3
