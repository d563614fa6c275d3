"""run_ensemble(): the whole story of one ensemble."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlrun.base.inside import TRAINED
from dlrun.config.write import to_yaml
from dlrun.ensembles import report as reporting
from dlrun.ensembles.choice import Choice, choose
from dlrun.ensembles.judge import Judge, baseline, metrics_to_show
from dlrun.ensembles.listener import Heard
from dlrun.ensembles.members.admission import Admission, contests_of, settle
from dlrun.ensembles.members.candidates import Skipped, find_candidates
from dlrun.ensembles.members.members import Admitted, Member, admit, nobody
from dlrun.ensembles.members.positive_class import with_positive_class
from dlrun.ensembles.methods import combine as combining
from dlrun.ensembles.methods.objective import Objective
from dlrun.ensembles.record import write_inputs, write_outcome
from dlrun.ensembles.settings import Ensemble
from dlrun.errors import UsageError
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.records import ledger
from dlrun.records.folder import RunFolder, check_name
from dlrun.records.membership import has_model
from dlrun.records.status import Heartbeat
from dlrun.reports.ensemble_summary import ensemble_lines


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
    metrics: Metrics

    @property
    def id(self) -> str:
        return self.path.name

    def lines(self, *, width: int = 100, columns: int | None = None) -> list[str]:
        """Tell what was made. See `ensemble_lines` for the arguments."""
        skipped = [(entry.id, entry.reason) for entry in self.skipped]
        return ensemble_lines(
            self.metrics, path=self.path, weights=self.weights, skipped=skipped, width=width, columns=columns
        )


def run_ensemble(
    references: Sequence[str],
    settings: Ensemble,
    *,
    runs_dir: Path,
    top: int | None = None,
    snapshots: bool = False,
    trust: bool = False,
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
        trust: Whether the configs of members that are trained again may name code to run.
        argv: The command line, for the record.
        claimed: Hears of the new folder.
        tell: Hears of the progress.

    Raises:
        UsageError: The runs cannot be combined as asked; no folder is left behind.
        RunFailed: A member that was trained again predicts otherwise.
        StorageError: A file could not be written.
        Interrupted: A signal came.
    """
    started = time.perf_counter()
    tell = heard = Heard(tell or _say_nothing)
    check_name(settings.name)
    wanted = None if settings.metric == "auto" else settings.metric
    runs, skipped = find_candidates(runs_dir, references, top=top, metric=wanted, snapshots=snapshots)
    if not runs:
        raise UsageError(nobody(skipped), remedy="`dlrun ls` lists the runs and their states.")
    tell(f"reading {len(runs):,} runs")
    everybody = admit(runs, need_models=settings.missing_models == "leave_out")
    metric = settings.metric_of(everybody.validation.task)
    everybody, positive = with_positive_class(everybody, settings.positive_class)
    known = {"dataset": everybody.members[0].kinds.get("dataset", ""), "members": tuple(references)}
    settings = settings.model_copy(update={**known, "metric": metric, "positive_class": positive})
    common = baseline(everybody.members[0].facts, everybody.validation)
    admission = Admission(common, settings.keep_all, contests_of(everybody, top, wanted))
    admitted, kept, too_weak = settle(everybody, admission, metric)
    skipped += [*admitted.skipped, *too_weak]
    _require_two(admitted, skipped)

    choice = choose(settings, everybody.validation, metric, admission, kept, tell)
    settings = settings.model_copy(update={"method": choice.method})
    counting = [admitted.members[place] for place in choice.places]
    _tell_of_inputs(counting, tell)
    missing = [member for member in counting if not has_model(member.run)]
    if settings.missing_models == "ignore":
        _tell_of_missing(missing, counting, tell)
        missing = []
    train = _trainer(missing, counting, trust=trust, tell=tell)

    folder = RunFolder.claim(runs_dir, settings.name)
    if claimed is not None:
        claimed(folder.path)
    write_inputs(folder, to_yaml(settings), admitted, argv)
    with Heartbeat(folder, before=time.perf_counter() - started), heard.logged(folder):
        trained = train(folder.file(TRAINED).path)
        outcome = _outcome(settings, admitted, choice, metric)
        looks = None if outcome.test is None else _look(folder, admitted)
        metrics = reporting.metrics(outcome, looks)
        metrics["seconds"] = {"total": time.perf_counter() - started}
        write_outcome(folder, outcome, skipped, metrics, trained)
        weights = dict(zip((member.id for member in outcome.members), choice.combination.weights.tolist(), strict=True))
        weights = dict(sorted(weights.items(), key=lambda entry: -entry[1]))
        made = EnsembleRun(folder.path, choice.method.title, weights, tuple(skipped), metrics)
        for line in ["", *made.lines()]:
            heard.note(line)
    return made


def _require_two(admitted: Admitted, skipped: Sequence[Skipped]) -> None:
    """Refuse to make an ensemble of one."""
    if len(admitted.members) > 1:
        return
    reasons = [f"{entry.id}: {entry.reason}" for entry in skipped[:8]]
    more = [f"and {len(skipped) - 8:,} more"] if len(skipped) > 8 else []
    only = admitted.members[0].id
    raise UsageError(
        "\n".join([f"an ensemble needs at least two members, and only {only} is left", *reasons, *more]),
        remedy=f"Name more runs with the same rows, targets and parts; `dlrun predict {only} DATA` needs no ensemble.",
    )


def _tell_of_inputs(counting: Sequence[Member], tell: Callable[[str], None]) -> None:
    """Say that predicting takes several inputs, if members read different arrays."""
    kinds = {str(member.facts.get("input_kind")) for member in counting}
    shapes = {str((member.facts.get("inputs") or {}).get("shape", [])[1:]) for member in counting}
    if len(kinds) > 1 or (kinds != {"table"} and len(shapes) > 1):
        tell(
            "the members take different inputs, which no single file holds: to predict new rows, give `predict` of the "
            "Python interface those of each member by its id"
        )


def _tell_of_missing(missing: Sequence[Member], counting: Sequence[Member], tell: Callable[[str], None]) -> None:
    """Say how many members have predictions on record but no model to predict new rows with."""
    if missing:
        tell(
            f"{len(missing):,} of {len(counting):,} members keep no model: the ensemble is scored, but cannot predict "
            "new rows (missing_models=train trains them again, leave_out takes only what predicts)"
        )


def _trainer(
    missing: Sequence[Member], counting: Sequence[Member], *, trust: bool, tell: Callable[[str], None]
) -> Callable[[Path], dict[str, Path]]:
    """Return what trains the members again that keep no model; what can be refused is refused now."""
    if not missing:
        return lambda _: {}
    from dlrun.runs.retrain import Retraining

    retraining = Retraining.of([member.run for member in missing], trust=trust)
    tell(
        f"{len(missing):,} of the {len(counting):,} members that count keep no model, as a study keeps those of its "
        "best trials only: they are trained again (missing_models=leave_out takes only what predicts)"
    )
    return lambda folder: retraining.carry_out(folder, tell)


def _say_nothing(text: str) -> None:
    """Take the place of a listener that nobody gave."""


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
