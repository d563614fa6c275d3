"""`dlrun show`: what is known of one run."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlrun.base.text import printable
from dlrun.cli.options import DEFAULT_RUNS_DIR, Json, Metric, RunOrLatest, RunsDir
from dlrun.cli.output import Output, table
from dlrun.cli.screens.members import comparison, member_lines, member_rows
from dlrun.cli.screens.progress import Progress, progress_of
from dlrun.cli.screens.trials import StudyTrials, trial_lines, trials_of
from dlrun.errors import StorageError
from dlrun.records.folder import is_id

if TYPE_CHECKING:
    from dlrun.records.folder import RunFolder
    from dlrun.records.status import Status

_MAX_FILES = 200


def show(
    run: RunOrLatest = None,
    metric: Metric = None,
    best_config: Annotated[
        bool, typer.Option("--best-config", help="Print nothing but the config of a study's winner.")
    ] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    json: Json = False,
) -> None:
    """Show one run, or a study with its best trials.

    Its state, scores with intervals, baseline, diagnosis, config and files.
    """
    from dlrun.cli.references import find_or_latest
    from dlrun.records.status import read_status

    out = Output(json=json)
    folder = find_or_latest(runs_dir, run, metric)
    if best_config:
        from dlrun.studies.folder import best_config as config_of_winner

        out.text(config_of_winner(folder))
        return
    status = read_status(folder)
    metrics = folder.read_json("metrics.json") if folder.file("metrics.json").is_file() else None
    config = _config(folder)
    files = list_files(folder)
    trials = trials_of(folder, is_running=status.state == "running")
    progress = progress_of(folder, status, trials)
    _tell(out, folder, status, config, metrics, files, trials, progress)
    if json:
        told = {
            "id": folder.id,
            "path": folder.path,
            "state": status.state,
            "status": vars(status),
            "config": config,
            "overrides": _overrides(folder),
            "metrics": metrics,
            "progress": progress.facts,
            "go_on": progress.command,
            "files": [name for name, _ in files],
        }
        if trials is not None:
            running = None if trials.running is None else list(trials.running.values())
            told |= {"trials": trials.rows, "running": running}
        members = member_rows(folder)
        out.result(told if members is None else {**told, "members": members})


def _config(folder: RunFolder) -> str:
    """Return the config as it was written, or the resolved one where that was not kept."""
    name = "source.yaml" if folder.file("source.yaml").is_file() else "config.yaml"
    return folder.read_text(name) if folder.file(name).is_file() else ""


def _overrides(folder: RunFolder) -> list[str]:
    """Return what the command line set on top of the config as it was written."""
    written = folder.read_json("overrides.yaml") if folder.file("overrides.yaml").is_file() else []
    return [str(line) for line in written] if isinstance(written, list) else []


def list_files(folder: RunFolder) -> list[tuple[str, int]]:
    """Return the files of a run with their sizes in bytes, by name; links are neither listed nor followed.

    The runs inside a study are left out: they are runs of their own.
    """
    found = []
    for file, info in folder.content.walk(lambda name: not is_id(name)):
        if stat.S_ISREG(info.st_mode):
            found.append((file.relative, info.st_size))
    return sorted(found)


def _tell(
    out: Output,
    folder: RunFolder,
    status: Status,
    config: str,
    metrics: Any,
    files: list[tuple[str, int]],
    trials: StudyTrials | None,
    progress: Progress,
) -> None:
    from dlrun.records.status import seconds_in_all

    seconds = seconds_in_all(status, metrics)
    started = datetime.fromisoformat(status.started).astimezone(UTC)
    out.say(f"{folder.id}  {status.state}  started {started:%Y-%m-%d %H:%M:%S} UTC  {seconds:.1f} s")
    if status.error is not None:
        out.say(f"error: {status.error}")
    for line in progress.lines:
        out.say(line)
    if metrics is not None:
        out.say("\n".join(["", *_summary(folder, metrics, out.text_width)]))
    if trials is not None:
        importance = ((metrics or {}).get("study") or {}).get("importance") or {}
        out.say("\n".join(["", *trial_lines(trials, importance, columns=out.columns)]))
    if (members := member_rows(folder)) is not None:
        compared = comparison(folder, metrics, width=out.text_width, columns=out.columns)
        out.say("\n".join(["", *member_lines(members, metrics), *compared]))
    if config:
        out.say("\n".join(["", "config", *(f"  {line}" for line in config.rstrip("\n").split("\n"))]))
    if overrides := _overrides(folder):
        out.say("\n".join(["", "overrides", *(f"  {printable(line)}" for line in overrides)]))
    shown = [[f"  {name}", f"{size:,} bytes"] for name, size in files[:_MAX_FILES]]
    if shown:
        out.say("\n".join(["", f"files in {folder.path}", *table(["", ""], shown, right=[1])[1:]]))
    if len(files) > _MAX_FILES:
        out.say(f"  and {len(files) - _MAX_FILES:,} more")


def _summary(folder: RunFolder, metrics: Any, width: int) -> list[str]:
    from dlrun.reports.study_summary import study_lines
    from dlrun.reports.summary import summary_lines

    try:
        lines = study_lines if metrics.get("study") else summary_lines
        return lines(metrics, width=width)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        path = printable(str(folder.file("metrics.json")))
        raise StorageError(f"{path} is damaged: it does not hold what dlrun writes") from error


EXAMPLES = ("dlrun show latest",)
