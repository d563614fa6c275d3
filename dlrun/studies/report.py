"""StudyReport: what a study writes when it is done - its scores, the winner's config, importance."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dlrun.base.text import harmless_cell
from dlrun.experiment.evaluation.run_metrics import Metrics, intervals_of
from dlrun.records.folder import RunFolder
from dlrun.studies.conclusion import WRITTEN, Conclusion, Finalist
from dlrun.studies.folder import BEST
from dlrun.studies.objective import Objective
from dlrun.studies.state.trial import Trial


def counts(trials: Sequence[Trial]) -> dict[str, int]:
    """Count trials by how they ended; trials that ran out of memory or lost their worker count as failed.

    Returns:
        `total`, `finished`, `pruned`, `diverged`, `failed` and `pending`.
    """
    found = Counter(trial.state for trial in trials)
    return {
        "total": len(trials),
        "finished": found["finished"],
        "pruned": found["pruned"],
        "diverged": found["diverged"],
        "failed": found["failed"] + found["out_of_memory"] + found["lost"],
        "pending": found["pending"] + found["interrupted"],
    }


def write_report(
    folder: RunFolder,
    trials: Sequence[Trial],
    objective: Objective,
    conclusion: Conclusion,
    *,
    front: Sequence[Trial],
    best_config: str,
    asked: int | None = None,
) -> Metrics:
    """Write `metrics.json` and `best.yaml` of a study.

    Args:
        folder: The study.
        trials: All of the study.
        objective: What was searched by.
        conclusion: What came out.
        front: The trials that no other one beats in every objective.
        best_config: The winner's config as YAML.
        asked: Number of trials that were asked for, if the space had fewer points; else None.

    Returns:
        The content of `metrics.json`: the scores of the winner's refit as those of any run, and `study`.

    Raises:
        StorageError: A file could not be written.
    """
    winner = conclusion.winner.trial
    study = {
        "metric": objective.metric,
        "mode": objective.mode,
        "trials": counts(trials),
        "exhausted": asked is not None,
        "asked": asked,
        "winner": _entry(conclusion.winner) | {"final": conclusion.finals[winner.id]},
        "written": _written(conclusion),
        "finalists": [_entry(one) for one in conclusion.finalists],
        "shrinkage": shrinkage(conclusion.finalists),
        "delivered": _delivered(conclusion, objective),
        "difference": conclusion.differences,
        "importance": conclusion.importance,
        "front": [_on_front(trial, objective) for trial in front] if objective.others else [],
    }
    metrics: Metrics = {**conclusion.metrics[winner.id], "study": study}
    folder.write_text(BEST, best_config)
    folder.write_json("metrics.json", metrics)
    return metrics


def shrinkage(finalists: Sequence[Finalist]) -> float | None:
    """Return by how much the finalists' scores changed on other divisions of the rows, on average.

    They were picked because their scores are good, so that part of these is luck; the same share of luck is expected in
    the winner's. All finalists tell it more steadily than the winner alone.
    """
    known = [one.shrinkage for one in finalists if one.shrinkage is not None]
    return sum(known) / len(known) if known else None


def _entry(finalist: Finalist) -> dict[str, Any]:
    trial = finalist.trial
    return {
        "trial": trial.id,
        "run": trial.outcome.run if trial.outcome else None,
        "value": trial.value,
        "params": dict(trial.point),
        "rescored": list(finalist.rescored),
        "mean": finalist.mean,
    }


def _delivered(conclusion: Conclusion, objective: Objective) -> dict[str, Any] | None:
    """Compare the network that the study delivers with what its settings scored in validation, from several seeds.

    Returns:
        `test`, its test score in the objective, `interval`, and `low` and `high`, the lowest and highest validation
        scores of the winner; `worse` tells whether all of the interval is worse than all of these. None if it cannot be
        compared.
    """
    winner, metrics = conclusion.winner, conclusion.metrics[conclusion.winner.trial.id]
    score = (metrics["test"] or {}).get(objective.metric)
    interval = intervals_of(metrics, "test").get(objective.metric)
    if score is None or winner.trial.value is None or not winner.rescored:
        return None
    scores = (winner.trial.value, *winner.rescored)
    low, high = interval or (score, score)
    worse = high < min(scores) if objective.mode == "max" else low > max(scores)
    return {"test": score, "interval": interval, "low": min(scores), "high": max(scores), "worse": worse}


def _written(conclusion: Conclusion) -> dict[str, Any] | None:
    """Return the scores of the config as written."""
    trial = conclusion.written
    if trial is None:
        return None
    metrics: Metrics = conclusion.metrics.get(WRITTEN, {})
    intervals = metrics.get("intervals")
    return {
        "trial": trial.id,
        "value": trial.value,
        "final": conclusion.finals.get(WRITTEN),
        "test": metrics.get("test"),
        "intervals": intervals["test"] if intervals else None,
    }


def _on_front(trial: Trial, objective: Objective) -> dict[str, Any]:
    others = trial.outcome.others if trial.outcome else {}
    return {"trial": trial.id, objective.metric: trial.value, **others}


FILE = "trials.csv"

_COLUMNS = ("trial", "state", "value", "epochs", "seconds", "run", "reason")


def write_table(folder: RunFolder, trials: Sequence[Trial]) -> None:
    """Write `trials.csv`, a row a trial; what a trial does not have stays empty. Raises StorageError.

    Args:
        folder: The study.
        trials: All of them, by number.
    """
    labels = list(dict.fromkeys(label for trial in trials for label in trial.point))
    others = list(dict.fromkeys(name for trial in trials if trial.outcome for name in trial.outcome.others))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(f"objective {name}" for name in others), *map(harmless_cell, labels)])
    for trial in trials:
        outcome = trial.outcome
        ended = (
            (outcome.value, outcome.epochs, outcome.seconds, outcome.run, outcome.reason) if outcome else (None,) * 5
        )
        further = [outcome.others.get(name) if outcome else None for name in others]
        writer.writerow([trial.id, trial.state, *map(_cell, (*ended, *further, *map(trial.point.get, labels)))])
    folder.write_text(FILE, buffer.getvalue())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    return harmless_cell(str(value))
