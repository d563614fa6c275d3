"""`dlrun check`: validate a config and show what it comes to, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlrun.cli.options import Config, Json, Overrides, Trust
from dlrun.cli.output import Output, table

if TYPE_CHECKING:
    from dlrun.experiment.datasets.dataset import Dataset, DatasetFacts
    from dlrun.experiment.experiment import Experiment
    from dlrun.experiment.load import LoadedConfig
    from dlrun.experiment.models.network.summary import LayerRow

_NAMED = 8
"""Names of columns that a line holds."""


def check(
    config: Config = None,
    overrides: Overrides = None,
    model: Annotated[
        bool, typer.Option("--model", help="Load the data, build the network and print its layers.")
    ] = False,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print the complete config, with every choice made, as YAML.")
    ] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Validate a config and tell what it comes to.

    Nothing is trained, and without --model TensorFlow is not loaded. It tells what becomes of each column, and what is
    worth knowing of the data; with --model the parts are compared too, scores that will be undefined are told, and
    data that take long to load, or come from a function, are loaded.
    """
    from dlrun.cli.arguments import load_config, placing

    out = Output(json=json or resolved)
    loaded = load_config(config, overrides or [], trust=trust)
    layers: list[LayerRow] | None = None
    with placing(loaded):
        if loaded.experiment.tuner is not None:
            from dlrun.studies.checking import check_search

            check_search(loaded.experiment)
        seen, experiment = _look(loaded.experiment, load=model, resolve=resolved)
        out.say(f"{loaded.source_name} is valid")
        if seen.facts is None:
            out.say("what the dataset holds is known when it is loaded, with --model or in training")
        else:
            out.say("\n".join(describe(seen.facts, experiment, seen.columns)))
        if model and seen.dataset is not None:
            seen, layers = build(experiment, seen, seen.dataset)
        for note in seen.notes:
            out.say(f"note: {note}")
        if model:
            out.say(
                "\n".join(layer_table(layers)) if layers else f"a model of kind {experiment.model.kind} has no layers"
            )
    if json:
        out.result(_object(loaded, seen, experiment, layers))
    elif resolved:
        from dlrun.config.write import to_yaml

        out.text(to_yaml(experiment))


@dataclass(frozen=True)
class Seen:
    """What is known of the data.

    Args:
        facts: None if nothing is.
        dataset: The rows, if they were read.
        columns: Names of columns by what becomes of them; empty if they have none, or were not read.
        notes: What training would tell of them.
    """

    facts: DatasetFacts | None
    dataset: Dataset | None
    columns: dict[str, list[str]]
    notes: tuple[str, ...]


def _look(experiment: Experiment, *, load: bool, resolve: bool) -> tuple[Seen, Experiment]:
    """Look at the data as far as it is quick, and fill in every `auto` as far as they are known.

    Args:
        experiment: As it is written.
        load: Whether to read them however long it takes.
        resolve: Whether to read them if nothing is known of them otherwise.
    """
    from dlrun.experiment.resolve import resolve as filled_in

    source = experiment.dataset
    dataset = source.load() if load else source.load_if_quick()
    facts = source.facts() if dataset is None else dataset.facts
    if facts is None and resolve:
        dataset = source.load()
        facts = dataset.facts
    if dataset is not None:
        from dlrun.experiment.datasets.checks import check_values

        check_values(dataset)
        evaluation = experiment.evaluation.named(dataset.task, dataset.class_names)
        experiment = experiment.model_copy(update={"evaluation": evaluation})
    others = [("left out", source.left_out), *((role, (name,)) for role, name in source.role_names.items())]
    columns = {} if dataset is None else kinds_of_columns(dataset) | {kind: list(names) for kind, names in others}
    seen = Seen(facts, dataset, columns, () if dataset is None else dataset.notes)
    return seen, experiment if facts is None else filled_in(experiment, facts)


def _positive(name: str | None) -> str:
    return "" if name is None else f", positive class '{name}'"


def kinds_of_columns(dataset: Dataset) -> dict[str, list[str]]:
    """Map what becomes of columns to their names: `numeric`, `categorical` or `features`, and `target`.

    Args:
        dataset: Its inputs are a table, or an array.
    """
    import numpy as np

    if isinstance(dataset.x, np.ndarray):
        return {"features": list(dataset.feature_names), "target": list(dataset.target_names)}
    numeric = [column.name for column in dataset.x if column.dtype.is_numeric()]
    categorical = [column.name for column in dataset.x if not column.dtype.is_numeric()]
    return {"numeric": numeric, "categorical": categorical, "target": list(dataset.target_names)}


def describe(facts: DatasetFacts, experiment: Experiment, columns: Mapping[str, list[str]] | None = None) -> list[str]:
    """Tell in a table what a config comes to.

    Args:
        facts: What is known of the dataset.
        experiment: Resolved.
        columns: Names of columns by what becomes of them.
    """
    shape = " x ".join(map(str, facts.input_shape))
    own_test = f", {facts.num_own_test_rows:,} of them its own test part" if facts.num_own_test_rows else ""
    outputs = f", {facts.num_outputs} outputs" if facts.num_outputs > 1 else ""
    training = experiment.training
    rows = [
        ["name", experiment.name],
        ["dataset", f"{experiment.dataset.kind}: {facts.num_rows:,} rows{own_test}"],
        ["inputs", f"{facts.input_kind}, {shape} a row"],
        *([f"  {kind}", _some(names)] for kind, names in (columns or {}).items() if names and kind != "target"),
        *(["target", _some(names)] for names in [(columns or {}).get("target")] if names),
        ["task", f"{facts.task}{outputs}{_positive(experiment.evaluation.positive_class)}"],
        ["model", experiment.model.kind],
        ["validation", experiment.validation.kind],
        ["metrics", ", ".join(experiment.evaluation.metrics)],
    ]
    if experiment.model.has_epochs:
        rows += [
            ["loss", str(getattr(training.loss, "kind", training.loss))],
            ["optimizer", f"{experiment.optimizer.kind}, learning rate {experiment.optimizer.learning_rate:g}"],
            ["training", f"at most {training.epochs} epochs of batches of {training.batch_size}"],
            ["engine", f"{training.engine}, {training.precision}, threads {training.threads}, jit {training.jit}"],
        ]
    return table(["", ""], rows)[1:]


def _some(names: Sequence[str]) -> str:
    """List the names of columns: how many there are, if they are several, and the first ones."""
    from dlrun.base.words import quoted_list

    return quoted_list(names) if len(names) == 1 else f"{len(names):,}: {quoted_list(names, most=_NAMED)}"


def build(experiment: Experiment, seen: Seen, dataset: Dataset) -> tuple[Seen, list[LayerRow] | None]:
    """Divide the rows, fit the preprocessing as the first fold would, and build the model.

    Args:
        experiment: What to build; resolved anew, for this machine.
        seen: What is known of the data.
        dataset: The data.

    Returns:
        What is known now, and the layers; None if the model is no network.

    Raises:
        DataError, ModelError: Data or layers do not fit.
    """
    from dlrun.experiment.models.network.summary import summary
    from dlrun.experiment.validation.parts_report import check_parts
    from dlrun.learners.make import make_learner, settle
    from dlrun.runs.fit import prepare
    from dlrun.runs.score import undefined_notes

    plan = experiment.validation.split(dataset, experiment.seed)
    report = check_parts(dataset, plan)
    settled = settle(experiment, dataset.facts)
    learner = make_learner(settled, dataset.facts)
    prepared = prepare(settled, dataset, learner, plan.folds[0].training)
    undefined = undefined_notes(settled, dataset, plan.scored)
    seen = replace(seen, notes=(*seen.notes, *report.notes, *prepared.preprocessing.notes, *undefined))
    return seen, None if learner.model is None else summary(learner.model)


def layer_table(layers: list[LayerRow]) -> list[str]:
    """Lay out the layers of a network with shapes, parameters and multiply-adds, and their sums.

    Args:
        layers: Rows from the input to the output.
    """
    rows = [
        [row.name, row.kind, " x ".join(map(str, row.output_shape)), f"{row.parameters:,}", f"{row.multiply_adds:,}"]
        for row in layers
    ]
    sums = ["total", "", "", f"{sum(row.parameters for row in layers):,}", f"{sum(r.multiply_adds for r in layers):,}"]
    return table(["layer", "kind", "output", "parameters", "multiply-adds"], [*rows, sums], right=(3, 4))


def _object(loaded: LoadedConfig, seen: Seen, experiment: Experiment, layers: list[LayerRow] | None) -> dict[str, Any]:
    from dlrun.config.forms import form_of_section
    from dlrun.config.write import plain

    return {
        "config": loaded.source_name,
        "valid": True,
        "dataset": None if seen.facts is None else asdict(seen.facts),
        "columns": {kind.replace(" ", "_"): names for kind, names in seen.columns.items()},
        "notes": seen.notes,
        "resolved": plain(experiment, form_of_section(type(experiment))),
        "layers": None if layers is None else [asdict(row) for row in layers],
    }


EXAMPLES = ("dlrun check config.yaml --model",)
