"""Summary: the outcome of a run on a few lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlrun.base.words import number, words, wrapped
from dlrun.experiment.evaluation.metrics import OF_POSITIVE

_BULLET = "- "

_BASELINES = {
    "majority": "baseline: the majority of the training rows",
    "mean": "baseline: the mean of the training rows",
}
"""What each kind of baseline predicts for all rows."""


def summary_lines(
    metrics: Mapping[str, Any], *, width: int = 100, parts: Sequence[str] = ("validation", "test")
) -> list[str]:
    """Sum up a run: scores with intervals beside the baseline, the facts, the diagnosis, what to try next.

    Args:
        metrics: Content of `metrics.json`; what is missing is left out.
        width: Longest line of running text, in letters.
        parts: Parts of the data whose scores are shown.
    """
    lines = _score_table(metrics, parts)
    facts = _facts(metrics, parts)
    lines += ["", *wrapped(facts, width)] if facts else []
    diagnosis = metrics.get("diagnosis")
    if diagnosis:
        lines += ["", *wrapped(diagnosis["summary"], width)]
        lines += [line for evidence in diagnosis["evidence"][:1] for line in wrapped(evidence, width, first="  ")]
        lines += ["", "What to try next"] if diagnosis["suggestions"] else []
        for suggestion in diagnosis["suggestions"]:
            lines += wrapped(suggestion, width, first=_BULLET)
    return lines


def _score_table(metrics: Mapping[str, Any], wanted: Sequence[str]) -> list[str]:
    """Set the scores of every part beside what the baseline scores on the rows of the same part."""
    parts = [part for part in wanted if metrics.get(part)]
    baseline = metrics.get("baseline") or {}
    header = [""]
    for part in parts:
        header += [part, "baseline"] if baseline.get(part) else [part]
    rows = [header]
    for name in dict.fromkeys(name for part in parts for name in metrics[part]):
        row = [words(name)]
        for part in parts:
            row.append(_score(metrics, part, name))
            row += [number(baseline[part].get(name))] if baseline.get(part) else []
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _score(metrics: Mapping[str, Any], part: str, name: str) -> str:
    score = number(metrics[part].get(name))
    bounds: Sequence[float] | None = ((metrics.get("intervals") or {}).get(part) or {}).get(name)
    return f"{score} [{number(bounds[0])}, {number(bounds[1])}]" if bounds else score


def positive_facts(metrics: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Say of which class of two some scores speak; nothing if none of them speaks of one.

    Args:
        metrics: Content of `metrics.json`.
        names: Scores that are shown.
    """
    shown = [words(name) for name in dict.fromkeys(names) if name in OF_POSITIVE]
    if not shown or metrics.get("positive_class") is None:
        return []
    listed = ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]
    return [f"{listed}: of the class '{metrics['positive_class']}'"]


def _facts(metrics: Mapping[str, Any], parts: Sequence[str]) -> str:
    facts = []
    baseline = metrics.get("baseline") or {}
    if any(scores for name, scores in baseline.items() if name != "kind"):
        facts.append(_BASELINES.get(baseline["kind"], f"baseline: {baseline['kind']}"))
    facts += positive_facts(metrics, [name for part in parts for name in metrics.get(part) or {}])
    folds = metrics.get("folds") or []
    if len(folds) > 1:
        averaged = metrics.get("test") and not metrics.get("refit") and not metrics.get("ensemble")
        of_test = ", test is of their averaged prediction" if averaged else ""
        facts.append(f"validation is the mean of {len(folds)} folds{of_test}")
    if any((metrics.get("intervals") or {}).values()):
        facts.append("in brackets: bootstrap intervals")
    if metrics.get("test_looks"):
        facts.append(f"look {metrics['test_looks']:,} at this test set")
    if metrics.get("best_epoch"):
        facts.append(f"best epoch {metrics['best_epoch']}")
    if metrics.get("num_parameters"):
        facts.append(f"{metrics['num_parameters']:,} parameters")
    total = (metrics.get("seconds") or {}).get("total")
    if total is not None:
        facts.append(f"{total:.1f} s in all")
    return "; ".join(facts)
