"""The Python interface: what the commands do, as functions.

```python
import dlrun

run = dlrun.train("config.yaml", "training.epochs=20")
print(run.metrics["test"])
probabilities = dlrun.load(run).predict(x)         # an array, a data frame or the path of a file
run = dlrun.train({"dataset": {"target": "price"}, "model": "linear"}, data=frame)
study = dlrun.tune("config.yaml", trials=50)
print(study.best.point)
```
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlrun.ensembles.ensemble import EnsembleRun
    from dlrun.experiment.datasets.dataset import Dataset
    from dlrun.experiment.experiment import Experiment
    from dlrun.experiment.load import LoadedConfig
    from dlrun.learners.listener import Listener
    from dlrun.predictions.predictor import Predictor
    from dlrun.runs.run import Run
    from dlrun.studies.listener import StudyListener
    from dlrun.studies.order import StudyResult

RUNS_DIR = "runs"


def train(
    config: str | Path | Mapping[str, Any] | Experiment,
    *overrides: str,
    data: Any = None,
    runs_dir: str | Path = RUNS_DIR,
    verbose: bool = True,
    listener: Listener | None = None,
    trust: bool = False,
) -> Run:
    """Carry out one experiment and keep its record, as `dlrun train` does.

    Args:
        config: The path of a YAML file, its values as a mapping, or an experiment.
        overrides: `key.path=value`, as on the command line; not for an experiment.
        data: The rows, if they lie in no file: a data frame of polars or pandas, its target named by the config as
            `dataset: {target: price}`; or `(x, y)`, `(x, y, x_test, y_test)` or a dict of these, of arrays or data
            frames. Such a run predicts, but cannot be resumed or reproduced from its record alone.
        runs_dir: Folder of all runs; the run gets a new folder in it.
        verbose: Whether to show the progress and the scores on standard error, as the command does: a live block on a
            terminal, lines elsewhere.
        listener: Hears of the progress, whether or not it is shown.
        trust: Whether a config that lies in the folder of a run or a study may name code to run; your own may.

    Returns:
        The run, with `id`, `path` and `metrics`.

    Raises:
        ConfigError, DataError, ModelError, UsageError: Nothing was started.
        RunFailed, StorageError: Training could not end well, or a file could not be written.
    """
    from dlrun.cli.output import Output
    from dlrun.cli.screens.outcome import summarize
    from dlrun.cli.screens.run import display
    from dlrun.experiment.datasets.trust import deciding
    from dlrun.experiment.experiment import Experiment
    from dlrun.learners.listener import Listeners
    from dlrun.runs.run import run_experiment

    out = Output(json=True, quiet=not verbose)  # words go to standard error, the results of scripts to standard output
    with deciding(None):  # an experiment was made by the program that calls; `_loaded` decides about a config
        source: LoadedConfig | None = None
        if isinstance(config, Experiment):
            if overrides:
                raise TypeError("overrides change a config; make the experiment with them instead")
            experiment = config
        else:
            source = _loaded(config if data is None else _of_memory(config), overrides, trust=trust)
            experiment = source.experiment
        dataset = None if data is None else _given(experiment, data)
        with display(out) as progress:
            hearing = Listeners([progress, *([listener] if listener else [])])
            run = run_experiment(experiment, runs_dir=Path(runs_dir), source=source, listener=hearing, dataset=dataset)
    if verbose:
        summarize(out, run)
    return run


def _of_memory(config: str | Path | Mapping[str, Any]) -> str | Path | Mapping[str, Any]:
    """Say in a config that its rows are given, if it names no kind of dataset."""
    if not isinstance(config, Mapping):
        return config
    dataset = config.get("dataset", {})
    return {**config, "dataset": {"kind": "memory", **dataset}} if isinstance(dataset, Mapping) else config


def _given(experiment: Experiment, data: Any) -> Dataset:
    """Return the rows that were given as the dataset of an experiment."""
    from dlrun.errors import UsageError
    from dlrun.experiment.datasets.sources.memory import Memory

    if not isinstance(experiment.dataset, Memory):
        raise UsageError(
            f"data= gives the rows, and the config reads others: dataset.kind is {experiment.dataset.kind}",
            remedy="Set dataset.kind=memory, with dataset.target if a data frame holds the target; or leave data out.",
        )
    return experiment.dataset.dataset_of(data)


def tune(
    config: str | Path | Mapping[str, Any] | None = None,
    *overrides: str,
    trials: int | None = None,
    seconds: float | None = None,
    jobs: int | None = None,
    gpus: str = "auto",
    study: str | Path | None = None,
    runs_dir: str | Path = RUNS_DIR,
    listener: StudyListener | None = None,
    trust: bool = False,
) -> StudyResult:
    """Search for better settings, as `dlrun tune --new` does, or go on with a study.

    The trials are processes of their own, so that TensorFlow of this process is not touched.

    Args:
        config: The path of a YAML file, or its values as a mapping. Without `tuner` it gets a space of its own. None
            with `study` alone: the config that the study was begun with.
        overrides: `key.path=value`, as on the command line.
        trials: Trials of the whole study, the config as written included; `tuner.trials` unless given.
        seconds: After so long no new trial is begun, and the winner is chosen; None for no limit.
        jobs: Trials at a time; one on each core or GPU unless given.
        gpus: GPUs that trials take in turn: `auto`, `none` or a number.
        study: The study to go on with: its path, its id, or `latest`. None begins a new one.
        runs_dir: Folder of all runs; the study gets a new folder in it.
        listener: Hears of the progress.
        trust: Whether a study to go on with without a config, or a config that lies in the folder of a run or a
            study, may name code to run; your own config may.

    Returns:
        The study, with `id`, `path`, `trials`, `best` (the winner) and `metrics`; `dlrun.load(result.final)` predicts
        with the winner.

    Raises:
        ConfigError, DataError, UsageError: Nothing was started.
        RunFailed, StorageError: No trial finished, or a file could not be written.
    """
    from dlrun.experiment.datasets.trust import deciding
    from dlrun.runs.trust import require_trust
    from dlrun.studies.default_space import with_default_tuner
    from dlrun.studies.folder import config_of, find_study
    from dlrun.studies.order import Order
    from dlrun.studies.study import tune as carry_out

    folder = None if study is None else find_study(Path(runs_dir), str(study))
    if config is None and (folder is None or overrides):
        raise TypeError("without a config, give a study and no overrides")
    with deciding():
        if config is None and folder is not None:
            loaded = config_of(folder)
            require_trust(loaded.experiment, f"the study {folder.id}", trusted=trust)
        else:
            loaded = _loaded(config or {}, overrides, trust=trust)
        if loaded.experiment.tuner is None:
            loaded = with_default_tuner(loaded)
        order = Order(trials, seconds, jobs, gpus, ("dlrun.tune",))
        return carry_out(loaded, runs_dir=Path(runs_dir), order=order, folder=folder, listener=listener)


def ensemble(
    *runs: str | Path | Run,
    runs_dir: str | Path = RUNS_DIR,
    top: int | None = None,
    snapshots: bool = False,
    trust: bool = False,
    **settings: Any,
) -> EnsembleRun:
    """Combine finished runs, as `dlrun ensemble` does.

    Args:
        runs: Runs, their paths or ids, and patterns such as `runs/*`.
        runs_dir: Folder of all runs; the ensemble gets a new folder in it.
        top: Trials that are taken of each study; None for all.
        snapshots: Whether the snapshots of runs are taken in their place.
        trust: Whether members that keep no model may run the code that their configs name, to be trained again.
        settings: As in the `config.yaml` of an ensemble, such as `method="greedy"` or `metric="auc"`.

    Returns:
        The ensemble, with `id`, `path`, `weights` and `metrics`.

    Raises:
        ConfigError, UsageError: There is nothing to combine, or not in this way.
        StorageError: A file could not be written.
    """
    from dlrun.base.text import json_text
    from dlrun.config.load import load_settings
    from dlrun.ensembles.ensemble import run_ensemble
    from dlrun.ensembles.settings import Ensemble
    from dlrun.experiment.datasets.trust import deciding

    chosen, _, _ = load_settings(json_text(settings, indent=None), "settings", (), Ensemble)
    references = [str(_path(run)) for run in runs]
    with deciding():
        return run_ensemble(references, chosen, runs_dir=Path(runs_dir), top=top, snapshots=snapshots, trust=trust)


def load(run: str | Path | Run | EnsembleRun, *, runs_dir: str | Path = RUNS_DIR) -> Predictor:
    """Load a finished run, an ensemble or a bundle, so that it predicts new rows.

    Args:
        run: What `train` or `ensemble` returned; an id, a unique part of it, `latest` or `best`; the path of a run
            folder or of a bundle.
        runs_dir: Folder of all runs, for ids.

    Returns:
        A predictor, with `predict` and `predict_labels`.

    Raises:
        UsageError: There is no such run, or it has not finished.
        StorageError: A file of it is missing or damaged.
    """
    from dlrun.experiment.evaluation.metrics import higher_is_better
    from dlrun.predictions.load import load as load_path
    from dlrun.records.find import find_run

    path = _path(run)
    if isinstance(path, str) and not Path(path).is_file():
        return load_path(find_run(Path(runs_dir), path, higher_is_better=higher_is_better))
    return load_path(path)


def _path(run: Any) -> str | Path:
    """Return the folder of a run, or what names it."""
    return run if isinstance(run, str | Path) else Path(run.path)


def _loaded(config: str | Path | Mapping[str, Any], overrides: tuple[str, ...], *, trust: bool) -> LoadedConfig:
    from dlrun.base.text import json_text
    from dlrun.errors import UsageError
    from dlrun.experiment.load import load as load_config
    from dlrun.experiment.load import load_text
    from dlrun.runs.trust import require_own_file, require_trust_in

    if isinstance(config, Mapping):
        try:
            text = json_text(config)
        except TypeError as error:
            raise UsageError(
                f"the config holds what YAML cannot say: {error}",
                remedy="Give rows as data: dlrun.train({'dataset': {'target': 'price'}, ...}, data=frame).",
            ) from error
        loaded = load_text(text + "\n", "config", overrides)
    else:
        require_own_file(Path(config))
        loaded = load_config(Path(config), overrides)
    require_trust_in(loaded.experiment, None if isinstance(config, Mapping) else Path(config), trusted=trust)
    return loaded
