"""Keeping: what a run has reached, as checkpoints that it can go on from.

A fit in progress is one checkpoint, `last/state`; a fit that is over is another, `fits/NAME`, with its predictions.
Each is put in place by one rename and stands for itself, so that a run can be killed between any two of them. Every
checkpoint names the config and the data that it was made with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.errors import StorageError
from dlrun.experiment.datasets.dataset import Dataset
from dlrun.experiment.validation.plan import Fold, Rows
from dlrun.learners.checkpoint import Checkpoint
from dlrun.learners.learner import Fit, name_of
from dlrun.records.checkpoints import STATE, path_of, read_checkpoint, write_checkpoint
from dlrun.records.folder import RunFolder
from dlrun.runs.fit import FittedFold, Part

FITS = "fits"
"""Folder of the fits that are over, among the checkpoints; it goes when the run is finished."""

_PARTS = ("training", "validation", "test", "validation_baseline", "test_baseline")


_NUMBER = (int, float)
_FIT_FACTS: dict[str, tuple[type, ...]] = {
    "fold": (int,),
    "history": (list,),
    "best_epoch": (int,),
    "epoch_seconds": (list,),
    "seconds": _NUMBER,
    "num_parameters": (int, type(None)),
}
_STATE_FACTS: dict[str, tuple[type, ...]] = {
    "fold": (int,),
    "history": (list,),
    "best_epoch": (int,),
    "step": (int,),
    "trained": (dict, type(None)),
    "done": (bool,),
}
"""The facts of a fit that is over and of one in progress, with their types."""

_LARGE = 2**40


@dataclass(frozen=True)
class Identity:
    """What a checkpoint belongs to.

    Args:
        config: The settled config, as YAML.
        fingerprint: Fingerprint of the dataset.
    """

    config: str
    fingerprint: str


@dataclass(frozen=True)
class Kept:
    """What a run folder holds of a run that is not over; empty for a new run.

    Args:
        state: Where the fit in progress stands.
        best: Best weights of that fit, if its epochs are over.
        fits: The fits that are over, by name.
    """

    state: Checkpoint | None = None
    best: Checkpoint | None = None
    fits: Mapping[str, Checkpoint] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: RunFolder) -> Kept:
        """Read it.

        Raises:
            StorageError: A checkpoint is damaged or of another format.
        """
        names = sorted(path.stem for path in folder.file(f"checkpoints/{FITS}").files("[!.]*.safetensors"))
        fits = {name: read_checkpoint(folder, f"{FITS}/{name}") for name in names}
        over = {name: checkpoint for name, checkpoint in fits.items() if checkpoint is not None}
        state = read_checkpoint(folder, STATE)
        for name, checkpoint in over.items():
            _check(f"{FITS}/{name}", checkpoint, _FIT_FACTS)
        if state is not None:
            _check(STATE, state, _STATE_FACTS)
        if state is None or name_of(int(state.facts["fold"])) in over:
            return cls(fits=over)
        if not state.facts["done"]:
            return cls(state, None, over)
        best = read_checkpoint(folder, f"best/{name_of(int(state.facts['fold']))}")
        whole = best is not None and best.facts["best_epoch"] == state.facts["best_epoch"]
        return cls(state, best, over) if whole else cls(fits=over)

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """Everything that a resumed run builds on."""
        return [*self.fits.values(), *([] if self.state is None else [self.state])]

    @property
    def history(self) -> list[dict[str, float]]:
        """The rows of `history.csv` up to here, in their order; the refit, which comes last, is fold -1."""
        rows = [dict(row) for checkpoint in self.checkpoints for row in checkpoint.facts["history"]]
        return sorted(rows, key=lambda row: (row["fold"] < 0, row["fold"], row["epoch"]))

    @property
    def place(self) -> str:
        """Where the run goes on, in words."""
        parts = [f"fits done: {', '.join(self.fits)}"] if self.fits else []
        if self.state is not None:
            facts = self.state.facts
            step = f", step {facts['step']}" if facts["step"] else ""
            parts.append(f"{name_of(int(facts['fold']))} after epoch {len(facts['history'])}{step}")
        return "; ".join(parts) or "the beginning"

    def state_of(self, fold: int) -> tuple[Checkpoint | None, Checkpoint | None]:
        """Return the state to go on from, and the best weights with it, if this is the fit in progress."""
        if self.state is None or int(self.state.facts["fold"]) != fold:
            return None, None
        return self.state, self.best

    def fitted(self, fold: Fold, test: Rows, dataset: Dataset) -> FittedFold | None:
        """Return what came of a fit if it is over.

        Args:
            fold: Its rows.
            test: The test rows.
            dataset: All rows.
        """
        checkpoint = self.fits.get(name_of(fold.number))
        return None if checkpoint is None else unpack_fit(checkpoint, fold, test, dataset)


def _check(name: str, checkpoint: Checkpoint, forms: Mapping[str, tuple[type, ...]]) -> None:
    """Refuse facts that no dlrun has written; the file may come from anywhere."""
    facts = checkpoint.facts
    faults = [key for key, types in forms.items() if type(facts.get(key)) not in types]
    for row in [] if "history" in faults else facts["history"]:
        numbers = row.values() if isinstance(row, dict) else [None]
        keys = (row.get("fold"), row.get("epoch")) if isinstance(row, dict) else (None,)
        if any(type(key) is not int for key in keys) or any(type(number) not in _NUMBER for number in numbers):
            faults.append("history")
    if "epoch_seconds" in {*forms} - {*faults} and any(
        type(number) not in _NUMBER for number in facts["epoch_seconds"]
    ):
        faults.append("epoch_seconds")
    sizes = [abs(number) for number in (facts.get("fold"), facts.get("step")) if type(number) is int]
    if faults or any(size >= _LARGE for size in sizes):
        what = f"its fact '{faults[0]}' has a wrong form" if faults else "a number of its facts is too large"
        raise StorageError(
            f"{path_of(name)} is damaged: {what}", remedy="Remove the file: what it holds is then computed again."
        )


class Keeper:
    """Stores checkpoints of one run.

    Args:
        folder: The run.
        identity: What the checkpoints belong to.
    """

    def __init__(self, folder: RunFolder, identity: Identity) -> None:
        self._folder = folder
        self._facts = {"config": identity.config, "fingerprint": identity.fingerprint}

    def checkpoint(self, name: str, checkpoint: Checkpoint) -> None:
        """Store a checkpoint, as a whole or not at all; raises StorageError."""
        whole = Checkpoint(checkpoint.arrays, {**checkpoint.facts, **self._facts})
        write_checkpoint(self._folder, name, whole)

    def keep_fit(self, fitted: FittedFold) -> None:
        """Store what came of a fit; raises StorageError."""
        self.checkpoint(f"{FITS}/{name_of(fitted.fold.number)}", pack_fit(fitted))


def pack_fit(fitted: FittedFold) -> Checkpoint:
    """Turn a fit that is over into arrays and facts; its rows follow from the split."""
    fit, arrays = fitted.fit, _arrays_of_parts(fitted)
    for epoch, snapshot in fitted.snapshots.items():
        own = _arrays_of_parts(snapshot)
        own |= {f"weights/{name}": values for name, values in fit.snapshots[epoch].items()}
        arrays |= {f"snapshot-{epoch}/{name}": values for name, values in own.items()}
    facts = {
        "fold": fitted.fold.number,
        "history": list(fit.history),
        "best_epoch": fit.best_epoch,
        "epoch_seconds": list(fit.epoch_seconds),
        "seconds": fit.seconds,
        "num_parameters": fitted.num_parameters,
    }
    return Checkpoint(arrays, facts)


def _arrays_of_parts(fitted: FittedFold) -> dict[str, NDArray[Any]]:
    parts: dict[str, Part] = {name: getattr(fitted, name) for name in _PARTS}
    predictions = {f"{name}/y_pred": part.y_pred for name, part in parts.items()}
    return predictions | {f"{name}/losses": part.losses for name, part in parts.items()}


def unpack_fit(checkpoint: Checkpoint, fold: Fold, test: Rows, dataset: Dataset) -> FittedFold:
    """Return what `pack_fit` was given.

    Args:
        checkpoint: Returned by `pack_fit`.
        fold: Its rows.
        test: The test rows.
        dataset: All rows.
    """
    rows = {"training": fold.training, "validation": fold.validation, "test": test}

    def part(name: str, prefix: str) -> Part:
        own = rows[name.removesuffix("_baseline")]
        y_pred, losses = (checkpoint.arrays.get(f"{prefix}{name}/{values}") for values in ("y_pred", "losses"))
        if y_pred is None or losses is None or y_pred.ndim != 2 or len(y_pred) != len(own) or losses.shape != own.shape:
            raise StorageError(
                f"{path_of(f'{FITS}/{name_of(fold.number)}')} is damaged: it has no predictions for the {name} rows",
                remedy="Remove the file: what it holds is then computed again.",
            )
        return Part(own, dataset.y[own], np.array(y_pred), np.array(losses))

    facts = checkpoint.facts
    fit = Fit(
        tuple(dict(row) for row in facts["history"]),
        int(facts["best_epoch"]),
        tuple(facts["epoch_seconds"]),
        float(facts["seconds"]),
        checkpoint.snapshots("weights/"),
    )

    def fitted(own: Fit, prefix: str = "") -> FittedFold:
        training, validation, tested, *baselines = (part(name, prefix) for name in _PARTS)
        return FittedFold(fold, own, training, validation, tested, baselines[0], baselines[1], facts["num_parameters"])

    snapshots = {epoch: fitted(fit.until(epoch), f"snapshot-{epoch}/") for epoch in fit.snapshots}
    return replace(fitted(fit), snapshots=snapshots)
