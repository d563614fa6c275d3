"""TensorBoard events of a run: scalars of every epoch, hyper-parameters with the final scores."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from dlrun.base.files import storage_error
from dlrun.base.inside import Inside
from dlrun.learners.listener import REFIT, EpochReport, Listener

if TYPE_CHECKING:
    from tensorboardX.event_file_writer import EventsWriter

_SECONDS_BETWEEN_FLUSHES = 5.0
_LONGEST_TEXT = 200


class TensorBoard(Listener):
    """Writes events while a run goes on, so that TensorBoard can be watched next to it.

    Training and validation are runs of their own with the same tags, as Keras writes them, so that TensorBoard draws
    both into one chart. With several folds each has a folder, and so has the refit. Events are written at once rather
    than by a thread of tensorboardX' `SummaryWriter`: that one waits for ever once a write has failed.

    Args:
        folder: Folder of the events, such as `tensorboard` of a run; made when the first event comes.
        num_folds: Number of folds of the run.

    Raises:
        StorageError: An event could not be written; from every method that writes.
    """

    def __init__(self, folder: Inside, num_folds: int = 1) -> None:
        self._folder = folder
        self._num_folds = num_folds
        self._writers: dict[str, EventsWriter] = {}
        self._flushed = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def epoch_finished(self, report: EpochReport) -> None:
        self.log(report.fold, report.epoch, report.values)

    def log(self, fold: int, epoch: int, values: Mapping[str, float | None]) -> None:
        """Write the values of an epoch.

        Args:
            fold: Position among the folds, from 0, or `REFIT`.
            epoch: Number of the epoch, from 1.
            values: Scores of the training rows and, starting with `val_`, of the validation rows.
        """
        for part in ("training", "validation"):
            tags = {
                name.removeprefix("val_"): value
                for name, value in values.items()
                if name.startswith("val_") == (part == "validation") and value is not None
            }
            if tags:
                self._write(self._run(fold, part), tags, epoch)
        if time.monotonic() - self._flushed > _SECONDS_BETWEEN_FLUSHES:
            self.flush()

    def conclude(self, settings: Mapping[str, Any], scores: Mapping[str, float | None]) -> None:
        """Write the hyper-parameters with the final scores.

        Args:
            settings: Resolved config as plain values; nested settings become dotted names.
            scores: Final scores, such as `validation/accuracy`.
        """
        from tensorboardX.summary import hparams

        known = {name: float(value) for name, value in scores.items() if value is not None and math.isfinite(value)}
        for summary in hparams(flatten(settings), known):
            self._add("", summary, 0)
        self._write("", known, 0)
        self.flush()

    def flush(self) -> None:
        """Bring all events to the disk."""
        for run, writer in self._writers.items():
            with _storing(self._at(run)):
                writer.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Bring all events to the disk and close the files; the next event opens new ones."""
        writers, self._writers = self._writers, {}
        for run, writer in writers.items():
            with _storing(self._at(run)):
                writer.close()

    def _run(self, fold: int, part: str) -> str:
        if fold == REFIT:
            return f"refit/{part}"
        return part if self._num_folds == 1 else f"fold-{fold}/{part}"

    def _at(self, run: str) -> Inside:
        return self._folder / run if run else self._folder

    def _write(self, run: str, values: Mapping[str, float], step: int) -> None:
        from tensorboardX.summary import scalar

        for tag, value in values.items():
            if math.isfinite(value):
                self._add(run, scalar(tag, value), step)

    def _add(self, run: str, summary: Any, step: int) -> None:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event

        with _storing(self._at(run)):
            if run not in self._writers:
                self._at(run).make_folder()
                self._writers[run] = EventsWriter(str(self._at(run) / "events"))
            self._writers[run].write_event(Event(wall_time=time.time(), step=step, summary=summary))


@contextlib.contextmanager
def _storing(place: Inside) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error("write TensorBoard events to", place.path, error) from error


def flatten(settings: Mapping[str, Any]) -> dict[str, str | bool | float]:
    """Turn nested settings into dotted names; lists of plain values become text, None is left out.

    Args:
        settings: Mappings, lists and plain values, nested to any depth.
    """
    flat: dict[str, str | bool | float] = {}
    for name, value in settings.items():
        if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
            value = dict(enumerate(value))
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": plain for inner, plain in flatten(value).items()}
        elif isinstance(value, bool | int | float | str):
            flat[str(name)] = value
        elif value is not None:
            flat[str(name)] = str(list(value) if isinstance(value, tuple) else value)[:_LONGEST_TEXT]
    return flat
