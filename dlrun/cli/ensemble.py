"""`dlrun ensemble`: combine finished runs into a better model, and say by how much."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlrun.cli.completion import complete_method, complete_run
from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, RunsDir, Trust
from dlrun.cli.output import Output, table
from dlrun.evaluation.wording import wrapped

if TYPE_CHECKING:
    from dlrun.ensembling.ensemble import EnsembleRun
    from dlrun.ensembling.settings import Ensemble

_OVERRIDE = re.compile(r"[a-z_]+(\.[a-z_]+)*=")
_MOST_SKIPPED = 20
_FEW_ALIKE = 3
_MOST_MEMBERS = 30

References = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN",
        help="Runs, studies, folders of runs, or patterns such as 'runs/*'; also settings such as method.size=50.",
        autocompletion=complete_run,
        show_default=False,
    ),
]


def ensemble(
    context: typer.Context,
    references: References,
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="auto, uniform, weighted, greedy, geometric, exponential, rank, median, vote, stacking or best.",
            autocompletion=complete_method,
        ),
    ] = "auto",
    metric: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Score to fit to, such as auc; otherwise log_loss, or rmse for numbers."),
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Take only the N best trials of each study.")
    ] = None,
    snapshots: Annotated[
        bool, typer.Option("--snapshots", help="Take the snapshots of each run in its place (training.snapshots).")
    ] = False,
    max_members: Annotated[
        int | None, typer.Option("--max-members", min=1, metavar="N", help="Let at most N members count.")
    ] = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Keep members that do not beat the baseline.")] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the ensemble.")] = "ensemble",
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the ensemble.")] = 42,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the ensemble's folder.")] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Combine finished runs into one that predicts better.

    Members must be finished and share rows, targets and parts; the others are listed with the reason. Members, method
    and weights are chosen by validation predictions, and scored on rows that they were not chosen by.

    Members that count but keep no model, such as most trials of a study, are trained again, which gives the same model;
    missing_models=leave_out takes only what predicts as it is.
    """
    from dlrun.ensembling.ensemble import run_ensemble

    out = Output(json=json, quiet=quiet)
    runs = [reference for reference in references if not _is_override(reference)]
    overrides = [reference for reference in references if _is_override(reference)]
    written = {"name": name, "seed": seed, "method": method, "metric": metric, "max_members": max_members}
    written |= {"keep_all": keep_all or None}

    def claimed(path: Path) -> None:
        context.obj["run"] = {"id": path.name, "path": str(path)}

    made = run_ensemble(
        runs,
        _settings(written, overrides),
        runs_dir=runs_dir,
        top=top,
        snapshots=snapshots,
        trust=trust,
        argv=["dlrun", *sys.argv[1:]],
        claimed=claimed,
        tell=out.say_if_heard,
    )
    if quiet and not json:
        out.tell(str(made.path))
    for line in ["", *_lines(made, out.text_width)]:
        out.say_if_heard(line)
    if json:
        out.result(_object(made))


def _is_override(reference: str) -> bool:
    return _OVERRIDE.match(reference) is not None and not Path(reference).exists()


def _settings(written: dict[str, Any], overrides: list[str]) -> Ensemble:
    """Validate the options and overrides together; raises ConfigError with every problem."""
    from dlrun.config.loading import load_settings
    from dlrun.ensembling.settings import Ensemble
    from dlrun.records.text import json_text

    options = [f"{key}={json_text(value, indent=None)}" for key, value in written.items() if value is not None]
    settings, _, _ = load_settings("{}", "options", [*options, *overrides], Ensemble)
    return settings


def _lines(made: EnsembleRun, width: int) -> list[str]:
    """Tell what was made: members, scores side by side, diversity, and who was skipped."""
    from dlrun.evaluation.wording import words

    facts, diversity = made.metrics["ensemble"], made.metrics["diversity"]
    lines = [
        f"{facts['method']}: {facts['num_members']} of {facts['num_candidates']} members count, "
        f"fitted to {words(facts['metric'])}"
    ]
    lines += ["", *_members(made), "", *_scores(made, width), "", *_methods(facts, width)]
    lines += _diversity(diversity)
    diagnosis = made.metrics["diagnosis"]
    lines += ["", *wrapped(diagnosis["summary"], width, rest="  ")]
    lines += [line for text in diagnosis["evidence"] for line in wrapped(text, width, first="  ")]
    suggestions = [f"- {text}" for text in diagnosis["suggestions"]]  # unbroken: they hold commands to copy
    lines += ["", "What to try next", *suggestions] if suggestions else []
    return [*lines, *_skipped(made), "", f"run folder {made.path}"]


def _members(made: EnsembleRun) -> list[str]:
    from dlrun.evaluation.wording import number, words

    metric, gains = made.metrics["ensemble"]["metric"], made.metrics["diversity"]["gains"]
    copies = {name: group["members"] for group in made.metrics["diversity"]["near_copies"] for name in group["members"]}
    rows = []
    for member, weight in list(made.weights.items())[:_MOST_MEMBERS]:
        others = len(copies.get(member, [])) - 1
        told = f"near copy of {others} other{'s' * (others > 1)}" if others > 0 else ""
        rows.append([member, f"{weight:.3f}", number(gains.get(member)), told])
    lines = table(["member", "weight", f"gain in {words(metric)}", ""], rows, right=(1, 2))
    more = len(made.weights) - _MOST_MEMBERS
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


def _scores(made: EnsembleRun, width: int) -> list[str]:
    from dlrun.evaluation.wording import number, words
    from dlrun.reporting.summary import positive_facts

    facts, intervals = made.metrics["ensemble"], made.metrics["intervals"]
    names = [name for name in facts["validation"]["cross_fitted"] if name != "loss"]
    rows = []
    for part, titles in (("validation", _TITLES), ("test", _TEST_TITLES)):
        ours = next(iter(titles))
        scored = {key: facts[part][key] for key in titles} if facts[part] else {}
        for key, scores in scored.items():
            bounds = intervals[part] if key == ours else {}
            cells = [_with_bounds(number(scores[name]), _of(bounds, name)) for name in names]
            rows.append([part if key == ours else "", titles[key], *cells])
        if scored:
            baseline = made.metrics["baseline"]
            cells = [number(_of(baseline[part], name)) for name in names]
            rows.append(["", f"baseline ({baseline['kind']})", *cells])
    lines = table(["", "", *(words(name) for name in names)], rows)
    lines += wrapped(
        "cross-fitted: each row by members, method and weights that were chosen without it; in-sample: by what was "
        f"chosen with it, which flatters; best member: {facts['best_member']}",
        width,
        rest="  ",
    )
    looks = made.metrics["test_looks"]
    positive = positive_facts(made.metrics, names)
    return [*lines, *positive, *([f"look {looks:,} at this test set"] if looks else [])]


def _of(scores: dict[str, Any], name: str) -> Any:
    """Return a score of an ensemble, whose loss is the logarithmic loss or the squared error."""
    return scores.get("loss" if name in ("log_loss", "mse") and name not in scores else name)


def _with_bounds(score: str, bounds: list[float] | None) -> str:
    from dlrun.evaluation.wording import number

    return f"{score} [{number(bounds[0])}, {number(bounds[1])}]" if bounds else score


def _methods(facts: dict[str, Any], width: int) -> list[str]:
    """Show what every method came to, where one was chosen."""
    from dlrun.evaluation.wording import number, words

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
    from dlrun.evaluation.wording import number

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


def _skipped(made: EnsembleRun) -> list[str]:
    """List who was named and does not count; of many with one reason, how many and an example."""
    if not made.skipped:
        return []
    by_reason: dict[str, list[str]] = {}
    for entry in made.skipped:
        by_reason.setdefault(_alike(entry.reason), []).append(f"{entry.id}: {entry.reason}")
    lines = []
    for entries in by_reason.values():
        lines += [f"  {entry}" for entry in (entries if len(entries) <= _FEW_ALIKE else entries[:1])]
        if len(entries) > _FEW_ALIKE:
            lines.append(f"  and {len(entries) - 1:,} more for the same reason, in members.json")
    more = len(lines) - _MOST_SKIPPED
    lines = lines[:_MOST_SKIPPED] + ([f"  and {more:,} lines more, in members.json"] if more > 0 else [])
    return ["", f"skipped {len(made.skipped):,}", *lines]


def _alike(reason: str) -> str:
    """Leave the numbers out of a reason, so that scores and counts do not tell equal reasons apart."""
    return re.sub(r"\d[\d.,e+-]*", "#", reason)


def _object(made: EnsembleRun) -> dict[str, Any]:
    facts, test = made.metrics["ensemble"], made.metrics["ensemble"]["test"] or {}
    validation = facts["validation"]
    return {
        "id": made.id,
        "path": made.path,
        "method": facts["method"],
        "metric": facts["metric"],
        "members": [{"id": member, "weight": weight} for member, weight in made.weights.items()],
        "skipped": [{"id": entry.id, "reason": entry.reason} for entry in made.skipped],
        "best_member": facts["best_member"],
        "metrics": {
            "validation": made.metrics["validation"],
            "cross_fitted": validation["cross_fitted"],
            "in_sample": validation["in_sample"],
            "uniform": validation["uniform"],
            "best_member": validation["best_member"],
            "best_member_in_sample": validation["best_member_in_sample"],
            "test": test.get("ensemble"),
            "test_uniform": test.get("uniform"),
            "test_best_member": test.get("best_member"),
            "test_gain_over_best_member": test.get("gain_over_best_member"),
            "test_looks": made.metrics["test_looks"],
            "methods": facts["methods"],
        },
        "diversity": made.metrics["diversity"],
    }
