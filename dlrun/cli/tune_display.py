"""What a screen shows while a study goes on: one updating table on a terminal, a line a trial elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlrun.cli.display import bar, duration
from dlrun.cli.output import Output, is_live, table
from dlrun.records.log import number
from dlrun.records.text import printable
from dlrun.reporting.study_summary import params_text
from dlrun.tuning.job import Epoch
from dlrun.tuning.listeners import StudyListener
from dlrun.tuning.objective import Objective
from dlrun.tuning.trial import Suggestion, Trial

_REDRAWS_PER_SECOND = 4
_ROWS = 12
_LONGEST = 60


class StudyDisplay(StudyListener):
    """Keeps what is known of a study for the screen.

    Args:
        say: Takes lines that stay.
        facts: Gets the study's folder, so that an error can name it.
        each: Whether every trial is told in a line of its own.
        clock: Seconds since some moment.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        facts: dict[str, Any],
        *,
        each: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._facts = facts
        self._each = each
        self._clock = clock
        self._began = clock()
        self._objective = Objective("loss", "min")
        self._num_trials: int | None = None
        self._ended: list[Trial] = []
        self._active: dict[int, tuple[Suggestion, Epoch | None, float | None]] = {}
        self._best: Trial | None = None
        self._done: set[int] = set()
        self._num_here = 0
        self._saved: dict[int, int] = {}
        self._stage = "starting"

    def opened(self, path: Path, trials: Sequence[Trial], num_trials: int | None, objective: Objective) -> None:
        self._facts["run"] = {"id": path.name, "path": str(path)}
        self._objective, self._num_trials = objective, num_trials
        self._say(f"study folder {path}")
        done = [trial for trial in trials if trial.state not in ("pending", "interrupted")]
        self._done = {trial.id for trial in done}
        for trial in done:
            self._rank(trial)
        if done:
            self._say(f"{len(done)} trials were done before")

    def started(self, suggestion: Suggestion) -> None:
        self._stage = "searching"
        self._active[suggestion.trial] = (suggestion, None, None)
        self._saved.pop(suggestion.trial, None)

    def reported(self, trial: int, epoch: Epoch, best: float | None) -> None:
        self._active[trial] = (self._active[trial][0], epoch, best)

    def ended(self, trial: Trial) -> None:
        _, epoch, _ = self._active.pop(trial.id, (None, None, None))
        if trial.state in ("pending", "interrupted"):
            self._say(f"trial {trial.id} is tried again: {trial.outcome.reason if trial.outcome else ''}")
            return
        self._num_here += trial.id not in self._done
        self._done.add(trial.id)
        if trial.state == "pruned" and epoch is not None:
            done = epoch.fold * epoch.num_epochs + epoch.epoch
            self._saved[trial.id] = epoch.num_folds * epoch.num_epochs - done
        self._rank(trial)
        self._ended = [*self._ended, trial][-_ROWS:]
        if self._each:
            self._say(self._line(trial))

    def _rank(self, trial: Trial) -> None:
        if trial.state == "finished" and trial.value is not None:
            best = self._best.value if self._best else None
            self._best = trial if self._objective.better(trial.value, best) else self._best

    def note(self, text: str) -> None:
        self._say(text)

    def concluding(self) -> None:
        self._stage = "re-scoring the finalists, refitting the winner and trial 0"
        self._say(self._stage)

    def interrupted(self) -> None:
        self._say(f"stopping. {len(self._done)} trials are done and kept.")

    def _line(self, trial: Trial) -> str:
        of = f"/{self._num_trials}" if self._num_trials else ""
        best = f"best {number(self._best.value or 0.0)} (trial {self._best.id})" if self._best else ""
        parts = [f"{len(self._done)}{of}", f"trial {trial.id}", *self._cells(trial), best, params_text(trial.point)]
        return "  ".join(part for part in parts if part)

    def _cells(self, trial: Trial) -> list[str]:
        value = f"{self._objective.metric} {number(trial.value)}" if trial.value is not None else ""
        reason = trial.outcome.reason if trial.outcome and trial.outcome.reason else ""
        return [trial.state, value, reason[:_LONGEST]]

    @property
    def _seconds_left(self) -> float | None:
        """Estimate from the trials of this session; they overlap, so that wall time is what counts."""
        num_left = (self._num_trials or 0) - len(self._done)
        return (self._clock() - self._began) / self._num_here * num_left if self._num_here and num_left > 0 else None

    def lines(self) -> list[str]:
        """Return the block as it should look now."""
        if not self._active and not self._ended:
            return [self._stage]
        total = self._num_trials or 0
        num_done, num_saved = len(self._done), sum(self._saved.values())
        head = [f"{num_done}/{total} trials" if total else f"{num_done} trials"]
        head += [bar(min(num_done / total, 1.0))] if total else []
        left = self._seconds_left
        head += [f"about {duration(left)} left"] if left is not None and self._stage == "searching" else []
        head += [f"{num_saved} epochs saved by stopping early"] if num_saved else []
        lines = ["  ".join(head)]
        if self._best is not None and self._best.value is not None:
            lines.append(f"best {self._objective.metric} {number(self._best.value)} in trial {self._best.id}")
        rows = [self._active_row(number) for number in sorted(self._active)]
        rows += [self._row(trial) for trial in reversed(self._ended)]
        return lines + table(["trial", "state", self._objective.metric, "settings"], rows[:_ROWS], right=[0, 2])

    def _active_row(self, trial: int) -> list[str]:
        suggestion, epoch, best = self._active[trial]
        state = "starting"
        if epoch is not None:
            fold = f"fold {epoch.fold + 1}/{epoch.num_folds} " if epoch.num_folds > 1 else ""
            state = f"{fold}epoch {epoch.epoch}/{epoch.num_epochs}"
        return [str(trial), state, "" if best is None else number(best), params_text(suggestion.point)]

    def _row(self, trial: Trial) -> list[str]:
        return [
            str(trial.id),
            trial.state,
            "" if trial.value is None else number(trial.value),
            params_text(trial.point),
        ]


@contextmanager
def study_display(output: Output, facts: dict[str, Any]) -> Iterator[StudyListener]:
    """Show a study: a table that is redrawn on a terminal, lines elsewhere.

    Args:
        output: Where the command's words go.
        facts: Gets the study's folder, so that an error can name it.
    """
    if output.quiet or not is_live(output.stream):
        yield StudyDisplay(output.say_if_heard, facts, each=True)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=output.stream, markup=False, highlight=False, emoji=False)
    listener = StudyDisplay(lambda line: console.print(Text(printable(line))), facts, each=False)

    def block() -> Text:
        return Text("\n".join(printable(line) for line in listener.lines()), no_wrap=True, overflow="ellipsis")

    with Live(get_renderable=block, console=console, refresh_per_second=_REDRAWS_PER_SECOND, transient=True):
        yield listener
