"""`dlrun tune`: search over the settings of an experiment."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlrun.cli.options import DEFAULT_RUNS_DIR, Config, Json, Overrides, RunsDir, Trust
from dlrun.cli.output import Output

if TYPE_CHECKING:
    from dlrun.experiment.load import LoadedConfig
    from dlrun.records.folder import RunFolder
    from dlrun.studies.order import StudyResult

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

FAILED_TRIALS = 3
"""Exit code of a study that is done, but some of whose trials failed."""


def tune(
    context: typer.Context,
    config: Config = None,
    overrides: Overrides = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", "-n", min=1, metavar="N", help="Trials of the whole study; overrides `tuner.trials`."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time", metavar="TIME", help="Begin no new trial after 90s, 10m, 2h or 1d, and choose the winner then."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, metavar="N", help="Trials at a time; one on each core or GPU unless given."
        ),
    ] = None,
    gpus: Annotated[str, typer.Option("--gpus", metavar="auto|none|N", help="GPUs that trials take in turn.")] = "auto",
    study: Annotated[
        str | None,
        typer.Option("--study", metavar="STUDY", help="The study to go on with: an id, a part of it, a path."),
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Begin a new study even if one of this config is unfinished.")
    ] = False,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the study; overrides `name`.")] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed of the runs and, unless it has its own, the search.")
    ] = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the study's folder.")] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Search for better settings and tell how much better they are.

    The config as written is trial 0. Run again, the newest unfinished study of the same config goes on; a larger number
    of trials extends it. Ctrl-C stops it and loses no finished trial. A config without `tuner` gets a space of its own.
    """
    out = Output(json=json, quiet=quiet)
    seconds = _seconds(time)

    from dlrun.cli.arguments import as_overrides, placing

    options = as_overrides(name, seed)
    loaded, folder = _config_and_study(
        out, config, overrides or [], options, trials, study, new=new, trust=trust, runs_dir=runs_dir
    )

    from dlrun.cli.screens.study import study_display
    from dlrun.studies.checking import idle_pruner
    from dlrun.studies.order import Order
    from dlrun.studies.study import tune as carry_out

    if note := idle_pruner(loaded.experiment):
        out.say_if_heard(f"note: {note}")
    trials = trials or _recorded_trials(folder, named=study is not None)
    order = Order(trials, seconds, jobs, gpus, ("dlrun", *sys.argv[1:]))
    with placing(loaded), study_display(out, context.obj) as listener:
        result = carry_out(loaded, runs_dir=runs_dir, order=order, folder=folder, listener=listener)
    code = _tell(out, result)
    if code:
        raise typer.Exit(code)


def _seconds(time: str | None) -> float | None:
    from dlrun.errors import UsageError

    if time is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)", time.strip())
    if found is None:
        raise UsageError(f"--time is '{time}': expected a number and s, m, h or d, such as 10m")
    return float(found.group(1)) * _UNITS[found.group(2)]


def _recorded_trials(folder: RunFolder | None, *, named: bool) -> int | None:
    """Return how many trials a study was to have, if it goes on without a new number; None leaves it to the tuner.

    Args:
        folder: The study; None for a new one.
        named: Whether the command names the study; else one that is complete is extended to the tuner's number.
    """
    from dlrun.studies.folder import read_facts

    facts = None if folder is None else read_facts(folder)
    return facts.trials if facts is not None and (named or not facts.complete) else None


def _config_and_study(
    out: Output,
    config: str | None,
    overrides: list[str],
    options: list[str],
    trials: int | None,
    study: str | None,
    *,
    new: bool,
    trust: bool,
    runs_dir: Path,
) -> tuple[LoadedConfig, RunFolder | None]:
    """Return the config with a tuner, and the study to go on with, if any; say on screen which they are."""
    from dlrun.errors import UsageError

    if study is not None:
        if config is not None or overrides or options or new:
            raise UsageError(
                "--study goes on with the config that the study was begun with",
                remedy="Leave out the config, the overrides, --name, --seed and --new; or leave out --study for a new "
                "study.",
            )
        from dlrun.runs.trust import require_trust
        from dlrun.studies.folder import config_of, find_study

        folder = find_study(runs_dir, study)
        loaded = config_of(folder)
        require_trust(loaded.experiment, f"the study {folder.id}", trusted=trust)
        out.say_if_heard(_how_it_stands(folder, trials))
        return _with_tuner(out, loaded), folder

    from dlrun.cli.arguments import load_config

    loaded = load_config(config, overrides, options, trust=trust)
    out.say_if_heard(f"config {loaded.source_name}")
    loaded = _with_tuner(out, loaded)
    if new:
        return loaded, None

    from dlrun.studies.folder import digest_of, unfinished_study

    wanted = trials or getattr(loaded.experiment.tuner, "trials", None)
    unfinished = unfinished_study(runs_dir, digest_of(loaded.data), wanted)
    if unfinished is not None:
        out.say_if_heard(f"study {unfinished.id} of this config goes on; --new begins another one")
    return loaded, unfinished


def _how_it_stands(folder: RunFolder, trials: int | None) -> str:
    """Say whether a study that is named goes on, or is complete.

    Args:
        folder: The study.
        trials: Trials asked for by the command; None for as many as it was to have.
    """
    from dlrun.records.status import read_status
    from dlrun.studies.folder import read_facts

    facts = read_facts(folder)
    more = trials is not None and facts is not None and (facts.trials is None or trials > facts.trials)
    if facts is None or not facts.complete or more or not folder.file("status.json").is_file():
        return f"study {folder.id} goes on"
    if read_status(folder).state != "finished":
        return f"study {folder.id} goes on"
    hint = f"; more than {facts.trials:,} --trials add some" if facts.trials else ""
    return f"study {folder.id} is complete: nothing is left to do{hint}"


def _with_tuner(out: Output, loaded: LoadedConfig) -> LoadedConfig:
    """Return the config with a search space, made of its own model if it names none."""
    if loaded.experiment.tuner is not None:
        return loaded
    from dlrun.config.write import one_line
    from dlrun.studies.default_space import with_default_tuner

    loaded = with_default_tuner(loaded)
    out.say_if_heard("the config names no tuner; searching")
    for path, distribution in loaded.data["tuner"]["space"].items():
        out.say_if_heard(f"  {path}: {one_line(distribution)}")
    return loaded


def _tell(out: Output, result: StudyResult) -> int:
    """Print what came out; return the exit code."""
    from dlrun.cli.failure import shortest
    from dlrun.reports.study_summary import study_lines
    from dlrun.studies.report import counts

    counted = counts(result.trials)
    goes_on = f"`dlrun tune --study {shortest({'id': result.id, 'path': str(result.path)})}` goes on."
    if out.quiet and not out.json:
        out.tell(str(result.path))
    elif result.metrics is None:
        out.say_if_heard(f"{result.stopped or 'there was nothing to try'}. {goes_on}")
    else:
        lines = [f"stopped early: {result.stopped}. {goes_on}", ""] if result.stopped else []
        for line in ["", *lines, *study_lines(result.metrics, width=out.text_width)]:
            out.say_if_heard(line)
        out.say_if_heard("")
        out.say_if_heard(f"winner's config {result.path / 'best.yaml'}")
    if not out.quiet:
        out.say_if_heard(f"study folder {result.path}")
    if out.json:
        out.result(_object(result, counted))
    return FAILED_TRIALS if counted["failed"] else 0


def _object(result: StudyResult, counted: dict[str, int]) -> dict[str, Any]:
    study = (result.metrics or {}).get("study")
    best = None
    if study is not None:
        winner = study["winner"]
        best = {"trial": winner["trial"], "id": winner["run"], "value": winner["value"], "params": winner["params"]}
    return {
        "id": result.path.name,
        "path": result.path,
        "state": "finished" if result.metrics else "interrupted",
        "trials": counted,
        "exhausted": result.is_exhausted,
        "best": best,
        "metrics": result.metrics,
    }


EXAMPLES = ("dlrun tune config.yaml --trials 50",)
