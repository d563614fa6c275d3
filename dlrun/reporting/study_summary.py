"""StudySummary: the outcome of a study on a few lines for people."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from dlrun.evaluation.wording import number, words
from dlrun.reporting.summary import positive_facts

_WIDTH = 100
_MOST_SHARES = 6


def study_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Sum up a study: counts, winner and trial 0, expected shrinkage, test scores, difference, importance.

    Args:
        metrics: Content of the study's `metrics.json`.
    """
    study = metrics["study"]
    lines = [counts_line(study["trials"]), "", *_winner(study), *_shrinkage(study)]
    lines += ["", *_test_table(metrics), *positive_facts(metrics, list(metrics.get("test") or {})), *_difference(study)]
    if study["importance"]:
        shares = [f"{label} {share:.0%}" for label, share in list(study["importance"].items())[:_MOST_SHARES]]
        lines += [
            "",
            *_wrapped(f"what mattered (shuffling a value, in a forest fitted to the trials): {', '.join(shares)}"),
        ]
    if study["front"]:
        lines += ["", "no other trial beats these in every objective"]
        lines += ["  " + "  ".join(f"{name} {_value(value)}" for name, value in one.items()) for one in study["front"]]
    return lines


def counts_line(counts: Mapping[str, int]) -> str:
    """Say how the trials of a study ended."""
    ends = [f"{counts[state]} {state}" for state in ("finished", "pruned", "diverged", "failed") if counts.get(state)]
    return f"{counts['total']} trials: {', '.join(ends) or 'none ended'}"


def params_text(params: Mapping[str, Any]) -> str:
    """Write the values of a trial on one line."""
    return ", ".join(f"{label} {_value(value)}" for label, value in params.items()) or "as written"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _winner(study: Mapping[str, Any]) -> list[str]:
    winner, written = study["winner"], study["written"]
    name = f"validation {words(study['metric'])}"
    lines = [f"winner: trial {winner['trial']}, {name} {number(winner['value'])}"]
    if winner["trial"] == 0:
        return [f"{lines[0]}: the config as written; no other trial did better"]
    lines += _wrapped(params_text(winner["params"]), "  ")
    if written is not None:
        lines.append(f"trial 0, the config as written: {name} {number(written['value'])}")
    return lines


def _shrinkage(study: Mapping[str, Any]) -> list[str]:
    winner, lost = study["winner"], study["shrinkage"]
    if lost is None or winner["mean"] is None:
        return []
    num = len(winner["rescored"])
    luck = (lost > 0) == (study["mode"] == "min") and lost != 0
    said = f"expect about {number(abs(lost))} of its score to be luck" if luck else "no luck was found in its score"
    return _wrapped(
        f"on {num} other division{'s' * (num > 1)} of the rows the winner scores {number(winner['mean'])}; "
        f"from the {len(study['finalists'])} best trials, {said}"
    )


def _test_table(metrics: Mapping[str, Any]) -> list[str]:
    """Set the test scores of winner and trial 0 side by side, after their refits on training and validation rows."""
    study, test = metrics["study"], metrics.get("test")
    if not test:
        return ["there are no test rows"]
    written = study["written"] if study["winner"]["trial"] != 0 else None
    header = ["test, refitted", "winner", *(["trial 0"] if written and written["test"] else [])]
    rows = [header]
    for name in test:
        row = [words(name), _score(test, (metrics["intervals"] or {}).get("test"), name)]
        if len(header) > 2 and written:
            row.append(_score(written["test"], written["intervals"], name))
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _score(scores: Mapping[str, float | None], intervals: Mapping[str, Sequence[float]] | None, name: str) -> str:
    bounds = (intervals or {}).get(name)
    score = number(scores.get(name))
    return f"{score} [{number(bounds[0])}, {number(bounds[1])}]" if bounds else score


def _difference(study: Mapping[str, Any]) -> list[str]:
    if not study["difference"]:
        return []
    name, (low, high) = next(iter(study["difference"].items()))
    beyond = low > 0 or high < 0
    verdict = "the two differ beyond noise" if beyond else "the two do not differ beyond noise"
    return [f"winner minus trial 0, test {words(name)}: between {number(low)} and {number(high)}; {verdict}"]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
