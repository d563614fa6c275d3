"""Recording: what an ensemble writes into its run folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlrun.ensembles.members.predictions import read_roles, read_rows
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.records.environment import environment
from dlrun.records.folder import TEST_ROWS, RunFolder
from dlrun.records.kinds import MEMBERS

if TYPE_CHECKING:
    from dlrun.ensembles.judge import Judge
    from dlrun.ensembles.members.candidates import Skipped
    from dlrun.ensembles.members.members import Admitted, Member
    from dlrun.ensembles.report import Outcome


def write_inputs(folder: RunFolder, config: str, admitted: Admitted, argv: Sequence[str]) -> None:
    """Write the settings, and what the members have in common: dataset and split."""
    folder.write_text("config.yaml", config)
    folder.write_json("environment.json", environment(argv=argv))
    first = admitted.members[0].run
    for name in ("dataset.json", "split.npz", TEST_ROWS):
        if first.file(name).exists():
            folder.write_bytes(name, first.file(name).read_bytes())


def write_outcome(
    folder: RunFolder,
    outcome: Outcome,
    skipped: Sequence[Skipped],
    metrics: Metrics,
    trained: Mapping[str, Path],
) -> None:
    """Write the members, what combines them, predictions, plots and scores.

    Args:
        folder: The ensemble.
        outcome: What it came to.
        skipped: Who was named and does not count.
        metrics: The scores.
        trained: Folders of members that were trained again, by id.
    """
    folder.write_json(MEMBERS, _lineage(folder.path, outcome, skipped, trained))
    folder.write_text("model/combination.json", outcome.choice.combination.model_dump_json() + "\n")
    stack, first = outcome.validation.stack, outcome.candidates[0].run
    rows = read_rows(first)
    folder.write_npz(
        "predictions/validation.npz",
        row=stack.rows,
        **read_roles(first, "validation", rows.order),
        y_true=stack.y_true,
        y_pred=outcome.cross_fitted,
        fold=stack.folds,
    )
    if outcome.test is not None:
        tested = outcome.test.stack
        folder.write_npz(
            "predictions/test.npz",
            row=tested.rows,
            **read_roles(first, "test", rows.test_order),
            y_true=tested.y_true,
            y_pred=outcome.test_predictions,
        )
    _illustrate(folder, outcome, metrics)
    folder.write_json("metrics.json", metrics)


def _lineage(path: Path, outcome: Outcome, skipped: Sequence[Skipped], trained: Mapping[str, Path]) -> dict[str, Any]:
    weights, counting = outcome.weights, set(outcome.choice.places.tolist())
    places = outcome.choice.places
    return {
        "method": outcome.choice.method.title,
        "positive_class": outcome.settings.positive_class,
        "members": [_origin(path, outcome.candidates[place], float(weights[place]), trained) for place in places],
        "left_out": [member.id for place, member in enumerate(outcome.candidates) if place not in counting],
        "skipped": [asdict(entry) for entry in skipped],
    }


def _origin(path: Path, member: Member, weight: float, trained: Mapping[str, Path]) -> dict[str, Any]:
    """Tell where a member lies that predicts; of one that was trained again, also where its record lies."""
    again = trained.get(member.id)
    origin = {} if again is None else {"trained_again": _relative(member.run.path, path)}
    return {
        "id": member.id,
        "path": _relative(again or member.run.path, path),
        **origin,
        "weight": weight,
        "model": member.model,
        "config_hash": member.config_hash,
        "validation": member.metrics["validation"],
        "test": member.metrics.get("test"),
    }


def _relative(path: Path, start: Path) -> str:
    return Path(os.path.relpath(path, start)).as_posix()


def _illustrate(folder: RunFolder, outcome: Outcome, metrics: Metrics) -> None:
    """Plot what was taken for what, as for any run, and how members differ."""
    parts = [("validation", outcome.validation, outcome.cross_fitted)]
    if outcome.test is not None:
        parts.append(("test", outcome.test, outcome.test_predictions))
    kind = {"regression": "residuals", "multilabel": "labels"}.get(outcome.validation.stack.task, "confusion")
    for part, judge, predicted in parts:
        with folder.publish(f"plots/{kind}-{part}.png") as path:
            title = part if judge.stack.weights is None else f"{part}, unweighted"
            _plot_part(outcome.candidates[0], judge, predicted, path, title)
    compared = metrics["diversity"]
    if len(compared["members"]) > 1:
        from dlrun.reports.diversity import plot_diversity

        with folder.publish("plots/diversity.png") as path:
            plot_diversity(
                [_short(name) for name in compared["members"]],
                outcome.weights[outcome.compared],
                compared["pairs"]["disagreement"],
                compared["pairs"]["error_correlation"],
                path,
                unit="standard deviations" if kind == "residuals" else "share of decisions",
            )


def _short(name: str) -> str:
    """Leave the time out of an id."""
    stamp, _, rest = name.partition("-")
    return rest.partition("-")[2] or name if stamp.isdigit() else name


def _plot_part(member: Member, judge: Judge, predicted: Any, path: Path, title: str) -> None:
    from dlrun.reports.plots import plot_confusion, plot_labels, plot_residuals

    y_true, names = judge.stack.y_true, member.class_names
    if judge.stack.task == "regression":
        plot_residuals(np.asarray(y_true), predicted, member.facts["targets"]["names"], path, title=title)
    elif judge.stack.task == "multilabel":
        plot_labels(y_true, predicted, names, path, title=title)
    else:
        plot_confusion(y_true, predicted, names, path, title=title)
