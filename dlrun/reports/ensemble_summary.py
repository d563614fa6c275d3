"""EnsembleSummary: the outcome of an ensemble on a few lines for people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlrun.base.words import number, words, wrapped
from dlrun.experiment.evaluation.run_metrics import Metrics, ScoredPart
from dlrun.reports.summary import positive_facts
from dlrun.reports.tables import table, width_of

_MOST_SKIPPED = 20
_FEW_ALIKE = 3
_MOST_MEMBERS = 30


def ensemble_lines(
    metrics: Metrics,
    *,
    path: Path,
    weights: Mapping[str, float],
    skipped: Sequence[tuple[str, str]],
    width: int = 100,
    columns: int | None = None,
) -> list[str]:
    """Tell what was made: members, scores side by side, why the method was taken, diversity, and who was skipped.

    Args:
        metrics: Content of the ensemble's `metrics.json`.
        path: Its folder.
        weights: Weight of every member that counts, by id, highest first.
        skipped: Id of everything that was named and does not count, with the reason.
        width: Longest line of running text, in letters.
        columns: Width that the table of scores has to fit; None for any.
    """
    facts, diversity = metrics["ensemble"], metrics["diversity"]
    lines = [
        f"{facts['method']}: {facts['num_members']} of {facts['num_candidates']} members count, "
        f"fitted to {words(facts['metric'])}"
    ]
    lines += ["", *_members(metrics, weights), "", *comparison_lines(metrics, width=width, columns=columns)]
    lines += _diversity(diversity)
    diagnosis = metrics["diagnosis"]
    lines += ["", *wrapped(diagnosis["summary"], width, rest="  ")]
    lines += [line for text in diagnosis["evidence"] for line in wrapped(text, width, first="  ")]
    suggestions = [f"- {text}" for text in diagnosis["suggestions"]]  # unbroken: they hold commands to copy
    lines += ["", "What to try next", *suggestions] if suggestions else []
    return [*lines, *_skipped(skipped), "", f"run folder {path}"]


def comparison_lines(metrics: Metrics, *, width: int = 100, columns: int | None = None) -> list[str]:
    """Set the ensemble beside the average of its members and the best of them, and say why the method was taken.

    Args:
        metrics: Content of the ensemble's `metrics.json`.
        width: Longest line of running text, in letters.
        columns: Width that the table of scores has to fit; None for any.
    """
    return [*_scores(metrics, width, columns), "", *_methods(metrics["ensemble"], width)]


def _members(metrics: Metrics, weights: Mapping[str, float]) -> list[str]:
    metric, diversity = metrics["ensemble"]["metric"], metrics["diversity"]
    gains = diversity["gains"]
    copies = {name: group["members"] for group in diversity["near_copies"] for name in group["members"]}
    rows = []
    for member, weight in list(weights.items())[:_MOST_MEMBERS]:
        others = len(copies.get(member, [])) - 1
        told = f"near copy of {others} other{'s' * (others > 1)}" if others > 0 else ""
        rows.append([member, f"{weight:.3f}", number(gains.get(member)), told])
    lines = table(["member", "weight", f"gain in {words(metric)}", ""], rows, right=(1, 2))
    more = len(weights) - _MOST_MEMBERS
    lines += [f"and {more:,} more, in members.json"] if more > 0 else []
    return [*lines, "gain: by how much the score would be worse if the others spoke for the member"]


_TITLES = {
    "cross_fitted": "ensemble, cross-fitted",
    "in_sample": "ensemble, in-sample",
    "uniform": "uniform average, cross-fitted",
    "best_member": "best member, cross-fitted",
    "best_member_in_sample": "best member, in-sample",
}
_TEST_TITLES = {"ensemble": "ensemble", "uniform": "uniform average", "best_member": "best member"}


def _scores(metrics: Metrics, width: int, columns: int | None) -> list[str]:
    names = [name for name in metrics["ensemble"]["validation"]["cross_fitted"] if name != "loss"]
    shown, lines = len(names), _score_table(metrics, names)
    while columns is not None and shown > 1 and max(map(width_of, lines)) > columns:
        shown -= 1
        lines = _score_table(metrics, names[:shown])
    if shown < len(names):
        lines += wrapped(f"no room for {', '.join(map(words, names[shown:]))}: metrics.json has all", width)
    lines += wrapped(
        "cross-fitted: each row by members, method and weights that were chosen without it; in-sample: by what was "
        f"chosen with it, which flatters; best member: {metrics['ensemble']['best_member']}",
        width,
        rest="  ",
    )
    looks = metrics["test_looks"]
    positive = positive_facts(metrics, names)
    return [*lines, *positive, *([f"look {looks:,} at this test set"] if looks else [])]


def _score_table(metrics: Metrics, names: Sequence[str]) -> list[str]:
    facts, intervals = metrics["ensemble"], metrics["intervals"]
    rows = []
    shown: tuple[tuple[ScoredPart, dict[str, str]], ...] = (("validation", _TITLES), ("test", _TEST_TITLES))
    for part, titles in shown:
        ours = next(iter(titles))
        scored = {key: facts[part][key] for key in titles} if facts[part] else {}
        for key, scores in scored.items():
            bounds = intervals[part] if key == ours else {}
            cells = [_with_bounds(number(scores[name]), _of(bounds, name)) for name in names]
            rows.append([part if key == ours else "", titles[key], *cells])
        if scored:
            baseline = metrics["baseline"]
            cells = [number(_of(baseline[part], name)) for name in names]
            rows.append(["", f"baseline ({baseline['kind']})", *cells])
    return table(["", "", *(words(name) for name in names)], rows)


def _of(scores: Mapping[str, Any] | None, name: str) -> Any:
    """Return a score of an ensemble, whose loss is the logarithmic loss or the squared error."""
    scores = scores or {}
    return scores.get("loss" if name in ("log_loss", "mse") and name not in scores else name)


def _with_bounds(score: str, bounds: list[float] | None) -> str:
    return f"{score} [{number(bounds[0])}, {number(bounds[1])}]" if bounds else score


def _methods(facts: dict[str, Any], width: int) -> list[str]:
    """Show what every method came to, where one was chosen."""
    scores = facts["methods"]
    if len(scores) < 2:
        return []
    shown = ", ".join(f"{title} {number(score)}" for title, score in scores.items() if score is not None)
    unused = [title for title, score in scores.items() if score is None]
    told = (
        f"{facts['method']} was taken: {facts['why']}. Cross-fitted {words(facts['metric'])} of each method by itself: "
        f"{shown}. The score of the ensemble above is another one: there the method too is chosen without the row"
    )
    told += f". Not for these members: {', '.join(unused)}" if unused else ""
    return [*wrapped(told, width, rest="  "), ""]


def _diversity(diversity: dict[str, Any]) -> list[str]:
    num_members = len(diversity["members"])
    if num_members < 2:
        return ["one member alone has no diversity"]
    means, parts = diversity["means"], diversity["ambiguity"]
    shown = {"disagreement": "disagreement", "error_correlation": "correlation of errors", "q_statistic": "Q"}
    pairs = [f"{title} {number(means[key])}" for key, title in shown.items() if means[key] is not None]
    return [
        f"diversity: {num_members} members, {diversity['num_different']} without near copies, "
        f"worth {diversity['effective_number']:.1f} that err independently",
        f"  means of all pairs: {', '.join(pairs)}; plots/diversity.png shows them all",
        f"  squared error {number(parts['error'])} = {number(parts['mean_error'])} of the members "
        f"- {number(parts['ambiguity'])} that they differ",
    ]


def _skipped(skipped: Sequence[tuple[str, str]]) -> list[str]:
    """List who was named and does not count; of many with one reason, how many and an example."""
    if not skipped:
        return []
    by_reason: dict[str, list[str]] = {}
    for name, reason in skipped:
        by_reason.setdefault(_alike(reason), []).append(f"{name}: {reason}")
    lines = []
    for entries in by_reason.values():
        lines += [f"  {entry}" for entry in (entries if len(entries) <= _FEW_ALIKE else entries[:1])]
        if len(entries) > _FEW_ALIKE:
            lines.append(f"  and {len(entries) - 1:,} more for the same reason, in members.json")
    more = len(lines) - _MOST_SKIPPED
    lines = lines[:_MOST_SKIPPED] + ([f"  and {more:,} lines more, in members.json"] if more > 0 else [])
    return ["", f"skipped {len(skipped):,}", *lines]


def _alike(reason: str) -> str:
    """Leave the numbers out of a reason, so that scores and counts do not tell equal reasons apart."""
    return re.sub(r"\d[\d.,e+-]*", "#", reason)
