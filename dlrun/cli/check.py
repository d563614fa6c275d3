"""`dlrun check`: validate a config and show what it comes to, without training."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlrun.cli.options import Config, Json, Overrides, Trust
from dlrun.cli.output import Output, table

if TYPE_CHECKING:
    from dlrun.config.loading import LoadedConfig
    from dlrun.datasets.dataset import DatasetFacts
    from dlrun.experiment import Experiment
    from dlrun.models.network.summary import LayerRow


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

    Nothing is trained, and without --model TensorFlow is not loaded.
    """
    from dlrun.cli.configs import load_config, placing

    out = Output(json=json or resolved)
    loaded = load_config(config, overrides or [], trust=trust)
    layers: list[LayerRow] | None = None
    with placing(loaded):
        if loaded.experiment.tuner is not None:
            from dlrun.tuning.checking import check_search

            check_search(loaded.experiment)
        facts, experiment = _resolve(loaded.experiment, load=resolved)
        out.say(f"{loaded.source_name} is valid")
        if facts is not None:
            out.say("\n".join(describe(facts, experiment)))
        else:
            out.say("what the dataset holds is known when it is loaded, with --model or in training")
        if model:
            layers = build(experiment)
            out.say(
                "\n".join(layer_table(layers)) if layers else f"a model of kind {experiment.model.kind} has no layers"
            )
    if json:
        out.result(_object(loaded, facts, experiment, layers))
    elif resolved:
        from dlrun.config import to_yaml

        out.text(to_yaml(experiment))


def _resolve(experiment: Experiment, *, load: bool) -> tuple[DatasetFacts | None, Experiment]:
    """Fill in every `auto` as far as the dataset is known; load it if it must be known."""
    from dlrun.resolve import resolve

    facts = experiment.dataset.facts()
    if facts is None and load:
        facts = experiment.dataset.load().facts
    return facts, experiment if facts is None else resolve(experiment, facts)


def describe(facts: DatasetFacts, experiment: Experiment) -> list[str]:
    """Tell in a table what a config comes to.

    Args:
        facts: What is known of the dataset.
        experiment: Resolved.
    """
    shape = " x ".join(map(str, facts.input_shape))
    own_test = f", {facts.num_own_test_rows:,} of them its own test part" if facts.num_own_test_rows else ""
    outputs = f", {facts.num_outputs} outputs" if facts.num_outputs > 1 else ""
    training = experiment.training
    rows = [
        ["name", experiment.name],
        ["dataset", f"{experiment.dataset.kind}: {facts.num_rows:,} rows{own_test}"],
        ["inputs", f"{facts.input_kind}, {shape} a row"],
        ["task", f"{facts.task}{outputs}"],
        ["model", experiment.model.kind],
        ["validation", experiment.validation.kind],
        ["metrics", ", ".join(experiment.evaluation.metrics)],
    ]
    if experiment.model.kind == "network":
        rows += [
            ["loss", str(getattr(training.loss, "kind", training.loss))],
            ["optimizer", f"{experiment.optimizer.kind}, learning rate {experiment.optimizer.learning_rate:g}"],
            ["training", f"at most {training.epochs} epochs of batches of {training.batch_size}"],
            ["engine", f"{training.engine}, {training.precision}, threads {training.threads}, jit {training.jit}"],
        ]
    return table(["", ""], rows)[1:]


def build(experiment: Experiment) -> list[LayerRow] | None:
    """Load the data, fit the preprocessing as the first fold would, and build the network.

    Args:
        experiment: What to build; resolved anew, for this machine.

    Returns:
        Its layers; None if the model is no network.

    Raises:
        DataError, ModelError: Data or layers do not fit.
    """
    from dlrun.fitting import prepare
    from dlrun.learners import make_learner, settle
    from dlrun.models.network.summary import summary
    from dlrun.training.network_learner import NetworkLearner

    dataset = experiment.dataset.load()
    plan = experiment.validation.split(dataset, experiment.seed)
    settled = settle(experiment, dataset.facts)
    learner = make_learner(settled, dataset.facts)
    if not isinstance(learner, NetworkLearner):
        return None
    prepare(settled, dataset, learner, plan.folds[0].training)
    return summary(learner.model)


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


def _object(
    loaded: LoadedConfig, facts: DatasetFacts | None, experiment: Experiment, layers: list[LayerRow] | None
) -> dict[str, Any]:
    from dlrun.config.forms import form_of_section
    from dlrun.config.writing import plain

    return {
        "config": loaded.source_name,
        "valid": True,
        "dataset": None if facts is None else asdict(facts),
        "resolved": plain(experiment, form_of_section(type(experiment))),
        "layers": None if layers is None else [asdict(row) for row in layers],
    }
