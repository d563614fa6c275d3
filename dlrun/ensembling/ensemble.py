"""run_ensemble(): the whole story of one ensemble."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlrun.config.writing import to_yaml
from dlrun.ensembling import combining, reporting
from dlrun.ensembling.candidates import Skipped, find_candidates
from dlrun.ensembling.choosing import Choice, choose
from dlrun.ensembling.judging import Judge, baseline, metrics_to_show
from dlrun.ensembling.members import Admitted, Member, admit, nobody
from dlrun.ensembling.objective import Objective
from dlrun.ensembling.positive import with_positive_class
from dlrun.ensembling.recording import write_inputs, write_outcome
from dlrun.ensembling.settings import Ensemble
from dlrun.errors import UsageError
from dlrun.evaluation.wording import number, words
from dlrun.records import ledger
from dlrun.records.folder import RunFolder, check_name
from dlrun.records.status import Heartbeat

_TINY = 1e-300


@dataclass(frozen=True)
class EnsembleRun:
    """An ensemble that was made.

    Args:
        path: Its folder.
        method: How its members are combined.
        weights: Weight of every member that counts, by id, highest first.
        skipped: What was named and does not count, with reasons.
        metrics: What `metrics.json` holds.
    """

    path: Path
    method: str
    weights: dict[str, float]
    skipped: tuple[Skipped, ...]
    metrics: dict[str, Any]

    @property
    def id(self) -> str:
        return self.path.name


def run_ensemble(
    references: Sequence[str],
    settings: Ensemble,
    *,
    runs_dir: Path,
    top: int | None = None,
    snapshots: bool = False,
    argv: Sequence[str] = (),
    claimed: Callable[[Path], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> EnsembleRun:
    """Combine runs and keep the record of it.

    Args:
        references: Runs, studies, and patterns of them.
        settings: How to combine them.
        runs_dir: Folder of all runs; the ensemble gets a new folder in it.
        top: Trials that are taken of each study; None for all.
        snapshots: Whether the snapshots of runs are taken in their place.
        argv: The command line, for the record.
        claimed: Hears of the new folder.
        tell: Hears of the progress.

    Raises:
        UsageError: The runs cannot be combined as asked; no folder is left behind.
        StorageError: A file could not be written.
        Interrupted: A signal came.
    """
    started = time.perf_counter()
    tell = tell or _say_nothing
    check_name(settings.name)
    wanted = None if settings.metric == "auto" else settings.metric
    runs, skipped = find_candidates(runs_dir, references, top=top, metric=wanted, snapshots=snapshots)
    if not runs:
        raise UsageError(nobody(skipped), remedy="`dlrun ls` lists the runs and their states.")
    tell(f"reading {len(runs):,} runs")
    admitted = admit(runs)
    metric = settings.metric_of(admitted.validation.task)
    admitted, positive = with_positive_class(admitted, settings.positive_class)
    known = {"dataset": admitted.members[0].kinds.get("dataset", ""), "members": tuple(references)}
    settings = settings.model_copy(update={**known, "metric": metric, "positive_class": positive})
    admitted, too_weak = drop_weak(admitted, metric, keep_all=settings.keep_all)
    skipped += [*admitted.skipped, *too_weak]

    choice = choose(settings, admitted.validation, metric, tell)
    settings = settings.model_copy(update={"method": choice.trial.method})
    _tell_of_bare([admitted.members[place] for place in choice.places], tell)

    folder = RunFolder.claim(runs_dir, settings.name)
    if claimed is not None:
        claimed(folder.path)
    write_inputs(folder, to_yaml(settings), admitted, argv)
    with Heartbeat(folder, before=time.perf_counter() - started):
        outcome = _outcome(settings, admitted, choice, metric)
        looks = None if outcome.test is None else _look(folder, admitted)
        metrics = reporting.metrics(outcome, looks)
        metrics["seconds"] = {"total": time.perf_counter() - started}
        write_outcome(folder, outcome, skipped, metrics)
    weights = dict(zip((member.id for member in outcome.members), choice.combination.weights.tolist(), strict=True))
    weights = dict(sorted(weights.items(), key=lambda entry: -entry[1]))
    return EnsembleRun(folder.path, choice.trial.method.title, weights, tuple(skipped), metrics)


def _tell_of_bare(members: Sequence[Member], tell: Callable[[str], None]) -> None:
    """Say how many members have predictions on record but no model to predict new rows with."""
    bare = [member for member in members if not member.run.file("model").is_dir()]
    if bare:
        tell(
            f"{len(bare):,} of {len(members):,} members keep no model, as a study keeps those of its best trials only: "
            "the ensemble is scored, but cannot predict new rows (`--top 5` of the study takes trials that can, and "
            "tuner.keep_weights keeps more)"
        )


def _say_nothing(text: str) -> None:
    """Take the place of a listener that nobody gave."""


def drop_weak(admitted: Admitted, metric: str, *, keep_all: bool) -> tuple[Admitted, list[Skipped]]:
    """Leave out the members that do not beat the common-sense baseline on the validation rows in any way.

    By the metric or by the squared error: the logarithmic loss of a forest that is sure of a few wrong classes is worse
    than the baseline's, and yet it helps others much.

    Args:
        admitted: All members.
        metric: Score that is compared.
        keep_all: Whether to leave out nobody.

    Raises:
        UsageError: Nobody is left.
    """
    if keep_all:
        return admitted, []
    stack = admitted.validation
    objective = Objective(stack, metric)
    common, targets = baseline(admitted.members[0].facts, stack), stack.targets()
    bound, squares = objective.cost(common), np.square(common - targets).mean(axis=0)
    costs = np.array([objective.cost(own) for own in stack.y_pred])
    better = costs < bound
    better |= [(np.square(own - targets).mean(axis=0) / np.maximum(squares, _TINY)).mean() < 1 for own in stack.y_pred]
    kept = np.flatnonzero(better)
    weak = [
        Skipped(
            admitted.members[place].id,
            f"does not beat the baseline: validation {words(metric)} {number(objective.score(costs[place]))}, "
            f"baseline {number(objective.score(bound))}",
        )
        for place in np.flatnonzero(~better)
    ]
    if not len(kept):
        reasons = "\n".join(f"{entry.id} {entry.reason}" for entry in weak[:8])
        raise UsageError(
            f"no member beats the baseline\n{reasons}",
            remedy="Train better members, or add --keep-all.",
        )
    if not weak:
        return admitted, []
    members = tuple(admitted.members[place] for place in kept)
    test = None if admitted.test is None else admitted.test.of_members(kept)
    return Admitted(members, stack.of_members(kept), test, admitted.skipped), weak


def _outcome(settings: Ensemble, admitted: Admitted, choice: Choice, metric: str) -> reporting.Outcome:
    """Combine all predictions: what was cross-fitted, in-sample, and for the test rows."""
    shown = metrics_to_show(
        admitted.validation, metric, [member.metrics["validation"] for member in admitted.members[:20]]
    )
    costs = Objective(admitted.validation, metric).costs_of_members()
    test = admitted.test
    return reporting.Outcome(
        settings=settings,
        candidates=admitted.members,
        choice=choice,
        metric=metric,
        best=int(np.argmin(costs)),
        validation=Judge(admitted.validation, shown, settings),
        in_sample=combining.predict(choice.fitted, admitted.validation.y_pred),
        test=None if test is None else Judge(test, shown, settings),
        test_predictions=_nothing(admitted) if test is None else combining.predict(choice.fitted, test.y_pred),
    )


def _nothing(admitted: Admitted) -> NDArray[np.float64]:
    return np.empty((0, admitted.validation.num_outputs))


def _look(folder: RunFolder, admitted: Admitted) -> int:
    """Write the look at the test rows into the ledger, and return how many there were."""
    first: Member = admitted.members[0]
    y_true = admitted.test.y_true if admitted.test is not None else np.empty(0)
    fingerprint = ledger.fingerprint_of(y_true, first.class_names)
    return ledger.append(folder.path.parent, fingerprint=fingerprint, run=folder.id, why="ensemble")
