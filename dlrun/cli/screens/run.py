"""What a screen shows while a run goes on: one updating block on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from dlrun.base.text import printable
from dlrun.cli.output import Output, is_live
from dlrun.learners.listener import REFIT, EpochReport, Listener
from dlrun.records.log import STAGES, Lines, fold_name, number

_SECONDS_BETWEEN_LINES = 1.0
_REDRAWS_PER_SECOND = 8
_BAR_WIDTH = 30


def display(output: Output) -> AbstractContextManager[Listener]:
    """Choose how to show progress, by where the words go.

    Args:
        output: Where the command's words go.
    """
    if output.quiet:
        return nullcontext(Listener())
    if is_live(output.stream):
        return live_display(output)
    return nullcontext(PlainDisplay(output))


class PlainDisplay(Lines):
    """Prints about a line a second, and the first and last epoch of every fit.

    Args:
        output: Where the lines go.
        clock: Seconds since some moment.
    """

    def __init__(self, output: Output, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(output.say_if_heard, seconds_between=_SECONDS_BETWEEN_LINES, clock=clock)


class Progress:
    """How far a run is, and how long it may still take.

    Args:
        clock: Seconds since some moment.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.fold = 0
        self.num_folds = 1
        self.num_epochs = 0
        self.epoch = 0
        self.share = 0.0
        self._fit_began = clock()

    def begin(self, fold: int, num_folds: int, num_epochs: int) -> None:
        """A fit begins."""
        self.fold, self.num_folds, self.num_epochs = fold, num_folds, num_epochs
        self.epoch, self.share = 0, 0.0
        self._fit_began = self._clock()

    def reach(self, epoch: float) -> None:
        """So many epochs of the fit are done; a share of one counts as well."""
        self.epoch, self.share = int(epoch), epoch - int(epoch)

    @property
    def done(self) -> float:
        """Share of the fit's epochs that are done, in [0, 1]."""
        return min((self.epoch + self.share) / self.num_epochs, 1.0) if self.num_epochs else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Most seconds that this fit and the folds after it take if every epoch is run; None while nothing is known."""
        if not self.done:
            return None
        whole = (self._clock() - self._fit_began) / self.done
        later_folds = 0 if self.fold == REFIT else self.num_folds - 1 - self.fold
        return whole * (1 - self.done) + whole * later_folds


def duration(seconds: float) -> str:
    """Write a length of time as minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class LiveDisplay(Listener):
    """Keeps the lines of one updating block; whoever draws asks for them.

    Args:
        say: Takes lines that stay above the block.
        clock: Seconds since some moment.
    """

    def __init__(self, say: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._stage = ""
        self._report: EpochReport | None = None
        self._values: Mapping[str, float] = {}
        self._progress = Progress(clock=clock)

    def stage(self, name: str) -> None:
        self._stage = STAGES.get(name, name)
        self._report = None

    def claimed(self, path: Path) -> None:
        self._say(f"run folder {path}")

    def note(self, text: str) -> None:
        self._say(text)

    def fit_started(self, fold: int, num_folds: int, num_epochs: int) -> None:
        self._report, self._values = None, {}
        self._progress.begin(fold, num_folds, num_epochs)

    def slice_finished(self, fold: int, epoch: int, share: float, values: Mapping[str, float]) -> None:  # noqa: ARG002
        self._values = values
        self._progress.reach(epoch - 1 + share)

    def epoch_finished(self, report: EpochReport) -> None:
        self._report, self._values = report, report.values
        self._progress.reach(report.epoch)

    def lines(self) -> list[str]:
        """Return the block as it should look now."""
        progress = self._progress
        lines = [self._stage]
        if progress.num_epochs > 1 and self._stage in {STAGES["fit"], STAGES["refit"]}:
            left = progress.seconds_left
            parts = [
                fold_name(progress.fold, progress.num_folds),
                f"epoch {progress.epoch}/{progress.num_epochs}",
                bar(progress.done),
                "" if left is None else f"at most {duration(left)} left",
            ]
            lines = ["  ".join(part for part in parts if part)]
            lines += ["  ".join(f"{name} {number(value)}" for name, value in self._values.items())] * bool(self._values)
        report = self._report
        if report is not None and report.monitor is not None and report.best is not None:
            lines.append(f"best {report.monitor} {number(report.best)} at epoch {report.best_epoch}")
        return [printable(line) for line in lines]


def bar(share: float) -> str:
    """Draw a bar of which a share is done."""
    done = round(share * _BAR_WIDTH)
    return "━" * done + "·" * (_BAR_WIDTH - done)


@contextmanager
def live_display(output: Output) -> Iterator[Listener]:
    """Show progress in a block that is redrawn; it is gone when the context ends.

    Args:
        output: Where the command's words go; its stream is a terminal.
    """
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=output.stream, markup=False, highlight=False, emoji=False)
    listener = LiveDisplay(lambda line: console.print(Text(printable(line))))

    def block() -> Text:
        return Text("\n".join(listener.lines()), no_wrap=True, overflow="ellipsis")

    with Live(get_renderable=block, console=console, refresh_per_second=_REDRAWS_PER_SECOND, transient=True):
        yield listener
