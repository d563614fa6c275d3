"""Recording: what a run writes into its folder, and when."""

from __future__ import annotations

import contextlib
import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.config.writing import plain, to_yaml
from dlrun.errors import DlrunError
from dlrun.records.environment import environment
from dlrun.records.folder import RunFolder
from dlrun.records.history import HistoryWriter
from dlrun.records.log import LogWriter
from dlrun.records.status import Heartbeat, error_text
from dlrun.reporting.summary import summary_lines
from dlrun.reporting.tensorboard import TensorBoard
from dlrun.training.listener import EpochReport, Listener, Listeners, Pruned

if TYPE_CHECKING:
    from dlrun.config import LoadedConfig
    from dlrun.experiment import Experiment
    from dlrun.fitting import Part, Prepared
    from dlrun.scoring import Outcome
    from dlrun.training.learner import Learner
    from dlrun.validation.plan import SplitPlan


@dataclass(frozen=True)
class Recording:
    """The open record of a run.

    Args:
        folder: Where it lies.
        listener: Hears of the progress and writes history and log; passes everything on.
        log: Takes lines for output.log.
        board: Takes events for TensorBoard.
        saved_fits: Names of the fits whose models are kept, and the names of their files.
    """

    folder: RunFolder
    listener: Listener
    log: LogWriter
    board: TensorBoard
    saved_fits: Mapping[str, str]

    def write_data(self, description: Mapping[str, Any], plan: SplitPlan) -> None:
        """Write what the data are, and which rows every part holds."""
        self.folder.write_json("dataset.json", description)
        self.folder.write_npz("split.npz", **plan.arrays())

    def checkpoint(self, name: str, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
        """Write named arrays and facts as `checkpoints/NAME.safetensors`, as a whole or not at all."""
        from safetensors.numpy import save

        content = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
        self.folder.write_bytes(f"checkpoints/{name}.safetensors", save(content, {"dlrun": json.dumps(dict(facts))}))

    def save_model(self, learner: Learner, prepared: Prepared, fit: str) -> None:
        """Write a fitted model and its preprocessing, if it is one of those that predict for this run."""
        name = self.saved_fits.get(fit)
        if name is None:
            return
        with self.folder.publish(f"model/{name}{learner.suffix}") as path:
            learner.save(path)
        transforms = {"inputs": prepared.preprocessing.save(), "target": prepared.target.save()}
        self.folder.write_json(f"model/{name}.preprocessing.json", transforms)

    def write_predictions(self, outcome: Outcome) -> None:
        """Write out-of-fold predictions for the validation rows, and those for the test rows."""
        folds = [np.full(len(fitted.validation.rows), fitted.fold.number) for fitted in outcome.folds]
        self.folder.write_npz("predictions/validation.npz", **_arrays(outcome.validation), fold=np.concatenate(folds))
        if len(outcome.test.rows):
            self.folder.write_npz("predictions/test.npz", **_arrays(outcome.test))

    def write_scalars(self, experiment: Experiment, metrics: Mapping[str, Any]) -> None:
        """Write the settings and the final scores for TensorBoard."""
        parts = {part: metrics[part] for part in ("validation", "test") if metrics[part]}
        scores = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        self.board.conclude(plain(experiment), scores)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write the scores, and what they come to into the log."""
        self.folder.write_json("metrics.json", metrics)
        self.log.write("\n".join(["", *summary_lines(metrics)]))


@contextlib.contextmanager
def recording(
    experiment: Experiment,
    *,
    runs_dir: Path,
    num_folds: int,
    devices: Sequence[str],
    source: LoadedConfig | None,
    argv: Sequence[str],
    listener: Listener,
) -> Iterator[Recording]:
    """Claim a run folder, keep its record while the block runs, and write how the block ended.

    Args:
        experiment: Settled.
        runs_dir: Folder of all runs.
        num_folds: Folds of the split plan.
        devices: Names of the devices that the run computes on.
        source: The config as it was written, or None if there is no file.
        argv: The command line.
        listener: Hears of the progress too.

    Raises:
        StorageError: The folder or a file cannot be written.
    """
    folder = RunFolder.claim(runs_dir, experiment.name)
    _write_inputs(folder, experiment, source)
    folder.write_json("environment.json", environment(argv=argv, devices=devices, threads=_threads(experiment)))
    log_file, history_file = folder.file("output.log"), folder.file("history.csv")
    with (
        Heartbeat(folder),
        LogWriter(log_file) as log,
        HistoryWriter(history_file) as history,
        TensorBoard(folder.file("tensorboard"), num_folds) as board,
    ):
        listeners = Listeners([_ToHistory(history), board, log, listener])
        listeners.claimed(folder.path)
        try:
            yield Recording(folder, listeners, log, board, _saved_fits(num_folds, refit=experiment.training.refit))
        except Pruned:
            log.write("stopped early: other trials of the search do better")
            raise
        except BaseException as error:
            known = isinstance(error, DlrunError | KeyboardInterrupt)
            log.write(error_text(error) if known else traceback.format_exc())
            raise


class _ToHistory(Listener):
    """Writes a row of history.csv for every epoch."""

    def __init__(self, writer: HistoryWriter) -> None:
        self._writer = writer

    def epoch_finished(self, report: EpochReport) -> None:
        self._writer.write(report.fold, report.epoch, report.values)


def _saved_fits(num_folds: int, *, refit: bool) -> dict[str, str]:
    """Name the fits that predict for the run: the refit, or the only fold, or every fold."""
    if refit:
        return {"refit": "model"}
    if num_folds == 1:
        return {"fold-0": "model"}
    return {f"fold-{number}": f"fold-{number}" for number in range(num_folds)}


def _write_inputs(folder: RunFolder, experiment: Experiment, source: LoadedConfig | None) -> None:
    folder.write_text("config.yaml", to_yaml(experiment))
    if source is not None:
        folder.write_text("source.yaml", source.source_text)
        folder.write_json("overrides.yaml", list(source.overrides))


def _threads(experiment: Experiment) -> int | None:
    threads = experiment.training.threads
    return threads if isinstance(threads, int) else None


def _arrays(part: Part) -> dict[str, NDArray[Any]]:
    return {"row": part.rows, "y_true": part.y_true, "y_pred": part.y_pred}
