"""What a screen shows while a study goes on: one updating table on a terminal, a line a trial elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlrun.base.text import printable
from dlrun.cli.output import Output, is_live, table
from dlrun.cli.screens.run import bar, duration
from dlrun.records.log import number
from dlrun.studies.lines import Active, StudyLines, concluding_words
from dlrun.studies.listener import StudyListener
from dlrun.studies.objective import Objective
from dlrun.studies.state.trial import Suggestion, Trial

_REDRAWS_PER_SECOND = 4
_ROWS = 12


class _Known(StudyLines):
    """Lines that make the study's folder known, so that an error can name it.

    Args:
        say: Takes lines that stay.
        facts: Gets the study's folder.
        clock: Seconds since some moment.
    """

    def __init__(
        self, say: Callable[[str], None], facts: dict[str, Any], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(say, clock=clock)
        self._facts = facts

    def opened(self, path: Path, trials: Sequence[Trial], num_trials: int | None, objective: Objective) -> None:
        self._facts["run"] = {"id": path.name, "path": str(path)}
        super().opened(path, trials, num_trials, objective)


class StudyDisplay(_Known):
    """Keeps what is known of a study for a block on the screen; only what is no trial's end is told in lines.

    Args:
        say: Takes lines that stay.
        facts: Gets the study's folder.
        clock: Seconds since some moment.
    """

    def __init__(
        self, say: Callable[[str], None], facts: dict[str, Any], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(say, facts, clock=clock)
        self._began = clock()
        self._ended: list[Trial] = []
        self._num_here = 0
        self._saved: dict[int, int] = {}
        self._stage = "starting"

    def started(self, suggestion: Suggestion) -> None:
        self._stage = "searching"
        self._saved.pop(suggestion.trial, None)
        super().started(suggestion)

    def ended(self, trial: Trial) -> None:
        active = self._active.get(trial.id)
        self._num_here += trial.id not in self._done and trial.state not in ("pending", "interrupted")
        if trial.state == "pruned" and active is not None and active.epoch is not None:
            epoch = active.epoch
            done = epoch.fold * epoch.num_epochs + epoch.epoch
            self._saved[trial.id] = epoch.num_folds * epoch.num_epochs - done
        super().ended(trial)

    def _tell_end(self, trial: Trial) -> None:
        self._ended = [*self._ended, trial][-_ROWS:]

    def concluding(self, num_rescorings: int) -> None:
        self._stage = concluding_words(num_rescorings)
        super().concluding(num_rescorings)

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
        active = self._active[trial]
        return [str(trial), self._progress(active)[0], _standing_text(active), self._settings(active.suggestion)]

    def _row(self, trial: Trial) -> list[str]:
        value = "" if trial.value is None else number(trial.value)
        return [str(trial.id), trial.state, value, self._settings(trial)]


def _standing_text(active: Active) -> str:
    """Put how good a running trial is into a cell: the mean of the folds that are done, or the best of the first."""
    standing, done = active.standing, len(active.standing.folds)
    if standing.mean is not None:
        return f"{done} fold{'s' * (done > 1)} {number(standing.mean)}"
    return "" if standing.best is None else f"best {number(standing.best)}"


@contextmanager
def study_display(output: Output, facts: dict[str, Any]) -> Iterator[StudyListener]:
    """Show a study: a table that is redrawn on a terminal, lines elsewhere.

    Args:
        output: Where the command's words go.
        facts: Gets the study's folder, so that an error can name it.
    """
    if output.quiet or not is_live(output.stream):
        yield _Known(output.say_if_heard, facts)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=output.stream, markup=False, highlight=False, emoji=False)
    listener = StudyDisplay(lambda line: console.print(Text(printable(line))), facts)

    def block() -> Text:
        return Text("\n".join(printable(line) for line in listener.lines()), no_wrap=True, overflow="ellipsis")

    with Live(get_renderable=block, console=console, refresh_per_second=_REDRAWS_PER_SECOND, transient=True):
        yield listener
