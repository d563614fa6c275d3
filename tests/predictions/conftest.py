"""Runs to predict with: tiny ones, trained once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dlrun.experiment.load import load_text
from dlrun.runs.run import Run, run_experiment

Train = Callable[..., Run]


def people(num_rows: int, seed: int = 0) -> pl.DataFrame:
    """Make a table with numbers, text, truth values and missing ones."""
    random = np.random.default_rng(seed)
    age = random.uniform(1, 90, num_rows).round(1)
    city = random.choice(["oslo", "rome", "bern"], num_rows)
    member = random.random(num_rows) < 0.5
    return pl.DataFrame(
        {
            "id": [f"p{row}" for row in range(num_rows)],
            "age": [None if row % 7 == 3 else value for row, value in enumerate(age.tolist())],
            "city": [None if row % 11 == 5 else str(value) for row, value in enumerate(city)],
            "member": member,
            "visits": random.integers(0, 9, num_rows),
            "spent": (age * 2 + 20 * (city == "rome") + random.normal(size=num_rows)).round(2),
            "kind": np.where(age + 30 * member > 60, "yes", "no"),
        }
    )


@pytest.fixture(scope="session")
def people_frame() -> Callable[..., pl.DataFrame]:
    """The maker of tables."""
    return people


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data files of every form."""
    folder = tmp_path_factory.mktemp("data")
    frame = people(150)
    frame.write_csv(folder / "people.csv")
    frame.write_parquet(folder / "people.parquet")
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (90, 6, 6)).astype(np.uint8)
    np.savez(folder / "images.npz", x=pixels, y=(pixels.mean(axis=(1, 2)) // 20 % 3).astype(np.int64))
    words = random.integers(0, 30, (90, 5)).astype(np.int32)
    np.savez(folder / "words.npz", x=words, y=(words > 15).astype(np.uint8)[:, :2])
    flags = random.random((90, 4)) < 0.4
    np.savez(folder / "flags.npz", x=flags, y=flags[:, 0] * 2.0 + flags[:, 1] + random.normal(size=90))
    return folder


TABLE = "dataset: {kind: csv, path: PATH/people.csv, target: kind, drop: [id, spent]}\n"
PARQUET = "dataset: {kind: parquet, path: PATH/people.parquet, target: spent, drop: [id, kind]}\n"
SMALL_NETWORK = "model: {kind: network, layers: [{dense: {units: 4, batch_norm: true, dropout: 0.2}}]}\n"
EPOCHS = "training: {epochs: 2, batch_size: 32}\n"

CASES = {
    "table-network": TABLE + SMALL_NETWORK + EPOCHS,
    "table-folds": TABLE + SMALL_NETWORK + EPOCHS + "validation: {kind: kfold, folds: 2}\n",
    "table-refit": TABLE + "model: {kind: network, layers: [dense: 4]}\n"
    "training: {epochs: 2, batch_size: 32, refit: true}\nvalidation: {kind: kfold, folds: 2}\n",
    "table-ema": TABLE
    + "model: {kind: network, layers: [dense: 4]}\noptimizer: {kind: adam, use_ema: true, ema_momentum: 0.5}\n"
    + EPOCHS,
    "table-forest": TABLE + "model: {kind: random_forest, num_trees: 5}\n",
    "table-boosting-folds": TABLE + "model: {kind: gradient_boosting}\nvalidation: {kind: kfold, folds: 2}\n",
    "table-linear": TABLE + "model: {kind: linear}\n",
    "numbers-network": PARQUET + SMALL_NETWORK + EPOCHS,
    "numbers-log-folds": PARQUET.replace("drop:", "target_transform: log, drop:")
    + "model: {kind: linear}\nvalidation: {kind: kfold, folds: 3}\n",
    "two-numbers": PARQUET.replace("target: spent", "target: [spent, visits]") + "model: {kind: gradient_boosting}\n",
    "images": "dataset: {kind: npz, path: PATH/images.npz}\n"
    "model: {kind: network, layers: [{conv2d: {filters: 2, kernel_size: 3}}, flatten]}\n" + EPOCHS,
    "images-forest": "dataset: {kind: npz, path: PATH/images.npz}\nmodel: {kind: random_forest, num_trees: 4}\n",
    "words": "dataset: {kind: npz, path: PATH/words.npz, input_kind: tokens}\n"
    "model: {kind: network, layers: [{embedding: {input_dim: 30, output_dim: 3}}, flatten]}\n" + EPOCHS,
    "flags": "dataset: {kind: npz, path: PATH/flags.npz}\nmodel: {kind: network, layers: [dense: 4]}\n" + EPOCHS,
    "labels-forest": "dataset: {kind: npz, path: PATH/words.npz, input_kind: features}\n"
    "model: {kind: random_forest, num_trees: 4}\n",
}


@pytest.fixture(scope="session")
def cases() -> list[str]:
    """Names of all kinds of runs."""
    return list(CASES)


@pytest.fixture(scope="session")
def trained(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Return a run of a kind; trained when first asked for."""
    runs_dir = tmp_path_factory.mktemp("runs")
    known: dict[str, Run] = {}

    def run(case: str) -> Run:
        if case not in known:
            loaded = load_text(
                CASES[case].replace("PATH", str(files)), f"{case}.yaml", [f"name={case}", "evaluation.bootstrap=0"]
            )
            known[case] = run_experiment(loaded.experiment, runs_dir=runs_dir, source=loaded)
        return known[case]

    return run


@pytest.fixture
def copied(trained: Callable[[str], Run], tmp_path: Path) -> Callable[[str], Path]:
    """Copy a run's folder, so that a test can harm it."""
    import shutil

    def copy(case: str) -> Path:
        source = trained(case).path
        return Path(shutil.copytree(source, tmp_path / "copied" / source.name))

    return copy


@pytest.fixture(scope="session")
def stored() -> Callable[[Run, str], dict[str, np.ndarray[Any, Any]]]:
    """Read the predictions that a run has kept."""

    def read(run: Run, part: str) -> dict[str, np.ndarray[Any, Any]]:
        with np.load(run.path / "predictions" / f"{part}.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    return read
