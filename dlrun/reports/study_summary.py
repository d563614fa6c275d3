"""StudySummary: the outcome of a study on a few lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlrun.base.words import number, words, wrapped
from dlrun.experiment.evaluation.run_metrics import Metrics, intervals_of
from dlrun.reports.settings_text import value_text
from dlrun.reports.summary import positive_facts

_MOST_SHARES = 6


def study_lines(metrics: Metrics, *, width: int = 100) -> list[str]:
    """Sum up a study: counts, winner and trial 0, expected shrinkage, test scores, difference, importance.

    Args:
        metrics: Content of the study's `metrics.json`.
        width: Longest line of running text, in letters.
    """
    study = metrics["study"]
    lines = [counts_line(study["trials"]), *_exhausted(study), "", *_winner(study, width), *_shrinkage(study, width)]
    lines += ["", *_test_table(metrics), *positive_facts(metrics, list(metrics.get("test") or {}))]
    lines += [*_difference(study, width), *_delivered(study, width)]
    if study["importance"]:
        shares = [f"{label} {share:.0%}" for label, share in list(study["importance"].items())[:_MOST_SHARES]]
        lines += [
            "",
            *wrapped(
                f"what mattered (shuffling a value, in a forest fitted to the trials): {', '.join(shares)}", width
            ),
        ]
    if study["front"]:
        lines += ["", "no other trial beats these in every objective"]
        lines += [
            "  " + "  ".join(f"{name} {value_text(value)}" for name, value in one.items()) for one in study["front"]
        ]
    return lines


def counts_line(counts: Mapping[str, int]) -> str:
    """Say how the trials of a study ended."""
    ends = [f"{counts[state]} {state}" for state in ("finished", "pruned", "diverged", "failed") if counts.get(state)]
    return f"{counts['total']} trials: {', '.join(ends) or 'none ended'}"


def exhausted_words(num_trials: int, asked: int) -> str:
    """Say that a search ended because its space had no further points.

    Args:
        num_trials: Trials that were carried out, the config as written included.
        asked: Trials that were asked for.
    """
    return f"the space is exhausted: {num_trials:,} of {asked:,} trials were tried, and no further point is left"


def params_text(params: Mapping[str, Any]) -> str:
    """Write the values of a trial on one line."""
    return ", ".join(f"{label} {value_text(value)}" for label, value in params.items()) or "as written"


def _winner(study: Mapping[str, Any], width: int) -> list[str]:
    winner, written = study["winner"], study["written"]
    name = f"validation {words(study['metric'])}"
    lines = [f"winner: trial {winner['trial']}, {name} {number(winner['value'])}"]
    if winner["trial"] == 0:
        return [f"{lines[0]}: the config as written; no other trial did better"]
    lines += wrapped(params_text(winner["params"]), width, first="  ")
    if written is not None:
        lines.append(f"trial 0, the config as written: {name} {number(written['value'])}")
    return lines


def _shrinkage(study: Mapping[str, Any], width: int) -> list[str]:
    winner, lost = study["winner"], study["shrinkage"]
    if lost is None or winner["mean"] is None:
        return []
    scores, num_finalists = winner["rescored"], len(study["finalists"])
    again = f"{number(winner['mean'])}"
    if len(scores) > 1:
        again += f" on average, from {number(min(scores))} to {number(max(scores))}"
    best = f"the {num_finalists} best trials score" if num_finalists > 1 else "it scores"
    luck = (lost > 0) == (study["mode"] == "min") and lost != 0
    said = (
        f"{best} {number(abs(lost))} worse there than in the search: expect so much of the winner's score to be luck"
        if luck
        else f"{best} no worse there than in the search, by these few fits"
    )
    fits = f"on {len(scores)} other division{'s' * (len(scores) > 1)} of the rows, each with a seed of its own,"
    return wrapped(f"{fits} the winner scores {again}; {said}", width)


def _exhausted(study: Mapping[str, Any]) -> list[str]:
    return [exhausted_words(study["trials"]["total"], study["asked"])] if study.get("asked") else []


def _delivered(study: Mapping[str, Any], width: int) -> list[str]:
    """Warn where the refit of the winner is not what its validation scores promised."""
    found = study.get("delivered")
    if not found or not found["worse"]:
        return []
    metric = words(study["metric"])
    return wrapped(
        f"the refitted winner's test {metric} of {number(found['test'])} is worse than all of its validation scores, "
        f"{number(found['low'])} to {number(found['high'])}, beyond noise: train best.yaml with other seeds, such as "
        "`dlrun train best.yaml seed=1`, to see how much it depends on them",
        width,
    )


def _test_table(metrics: Metrics) -> list[str]:
    """Set the test scores of winner and trial 0 side by side, after their refits on training and validation rows."""
    study, test = metrics["study"], metrics.get("test")
    if not test:
        return ["there are no test rows"]
    written = study["written"] if study["winner"]["trial"] != 0 else None
    header = ["test, refitted", "winner", *(["trial 0"] if written and written["test"] else [])]
    rows = [header]
    for name in test:
        row = [words(name), _score(test, intervals_of(metrics, "test"), name)]
        if len(header) > 2 and written:
            row.append(_score(written["test"], written["intervals"], name))
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _score(scores: Mapping[str, float | None], intervals: Mapping[str, Sequence[float]] | None, name: str) -> str:
    bounds = (intervals or {}).get(name)
    score = number(scores.get(name))
    return f"{score} [{number(bounds[0])}, {number(bounds[1])}]" if bounds else score


def _difference(study: Mapping[str, Any], width: int) -> list[str]:
    if not study["difference"]:
        return []
    name, (low, high) = next(iter(study["difference"].items()))
    beyond = low > 0 or high < 0
    verdict = "the two differ beyond noise" if beyond else "the two do not differ beyond noise"
    told = f"winner minus trial 0, test {words(name)}: between {number(low)} and {number(high)}; {verdict}"
    return wrapped(told, width)
