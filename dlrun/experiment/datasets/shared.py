"""A dataset in files that several processes map into their memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.datasets.role import Role
from dlrun.experiment.datasets.store import Store, map_array, write_array, write_json

if TYPE_CHECKING:
    import polars as pl

_FACTS = "dataset.json"
_TABLE = "x.arrow"
_TEXTS = ("name", "input_kind", "task", "class_names", "feature_names", "target_names", "notes")


def write_dataset(dataset: Dataset, folder: Path) -> None:
    """Write a dataset for other processes; its fingerprint is computed with it.

    Args:
        dataset: What was loaded.
        folder: An empty folder.
    """
    if isinstance(dataset.x, np.ndarray):
        write_array(folder / "x.npy", dataset.x)
    else:
        dataset.x.write_ipc(folder / _TABLE, compression="uncompressed")
    write_array(folder / "y.npy", dataset.y)
    if dataset.test_rows is not None:
        write_array(folder / "test_rows.npy", dataset.test_rows)
    for role, own in dataset.roles.items():
        write_array(folder / f"role-{role}.npy", own.values)
    facts = {name: getattr(dataset, name) for name in _TEXTS}
    facts["roles"] = {role: own.column for role, own in dataset.roles.items()}
    write_json(folder / _FACTS, facts | {"fingerprint": dataset.fingerprint})


def read_dataset(folder: Path) -> Dataset:
    """Return the dataset that `write_dataset` wrote, its inputs and targets mapped, with a store beside it."""
    facts: dict[str, Any] = json.loads((folder / _FACTS).read_text())
    fingerprint = facts.pop("fingerprint")
    columns = facts.pop("roles")
    facts = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    test_rows = map_array(folder / "test_rows.npy") if (folder / "test_rows.npy").exists() else None
    roles = {role: Role(column, map_array(folder / f"role-{role}.npy")) for role, column in columns.items()}
    y, store = map_array(folder / "y.npy"), Store(folder)
    dataset = Dataset(x=_inputs(folder), y=y, test_rows=test_rows, store=store, roles=roles, **facts)
    vars(dataset)["fingerprint"] = fingerprint  # where `cached_property` would put it
    return dataset


def stored_fingerprint(folder: Path) -> str:
    """Return the fingerprint of the dataset that `write_dataset` wrote, without reading it."""
    return str(json.loads((folder / _FACTS).read_text())["fingerprint"])


def is_table(folder: Path) -> bool:
    """Tell whether the inputs that were written are a table, whose library has threads."""
    return (folder / _TABLE).exists()


def _inputs(folder: Path) -> NDArray[Any] | pl.DataFrame:
    if not is_table(folder):
        return map_array(folder / "x.npy")
    import polars as pl

    return pl.read_ipc(folder / _TABLE)
