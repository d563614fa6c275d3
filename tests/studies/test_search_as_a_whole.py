"""What is wrong with a search is told before anything is begun, by `dlrun check` as well as by `dlrun tune`."""

from __future__ import annotations

import pytest

from dlrun.errors import ConfigError
from dlrun.experiment.load import load_text
from dlrun.studies.checking import check_search, idle_pruner

NETWORK = "dataset: {kind: iris}\nmodel: {kind: network, layers: [{dense: 4}]}\ntraining: {epochs: 4}\n"
LINEAR = "dataset: {kind: iris}\nmodel: {kind: linear}\n"


def with_tuner(config: str, *settings: str, space: str = "model.layers.0.dense.units: {int: [2, 8]}") -> str:
    return config + f"tuner: {{{', '.join(['kind: random', *settings])}, space: {{{space}}}}}\n"


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("dataset.limit: {int: [50, 100]}", "dataset.limit cannot be searched: all trials are scored on the same rows"),
        ("dataset.limits: {int: [50, 100]}", "unknown setting 'limits'."),
        ("dataset: {choice: [iris, wine]}", "dataset cannot be searched: all trials are scored on the same rows"),
        ("validation.fraction: {uniform: [0.1, 0.3]}", "validation.fraction cannot be searched: all trials are scored"),
        ("evaluation.bootstrap: {int: [10, 20]}", "evaluation.bootstrap cannot be searched: all trials are scored in"),
        ("name: {choice: [a, b]}", "name cannot be searched: trials are named by their study"),
        ("seed: {int: [1, 9]}", "seed cannot be searched: it divides the rows"),
    ],
)
def test_what_trials_must_share_cannot_be_searched(space: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(with_tuner(NETWORK, space=space), "c.yaml")
    (problem,) = caught.value.problems
    assert message in problem.message


@pytest.mark.parametrize(
    ("config", "space"),
    [
        (NETWORK + "validation: {kind: holdout, seed: 3}\n", "seed: {int: [1, 9]}"),
        (NETWORK + "validation: {kind: holdout, shuffle: false, stratify: false}\n", "seed: {int: [1, 9]}"),
        (NETWORK.replace("iris", "imdb"), "dataset.encoding: {choice: [multi_hot, sequences]}"),
        (NETWORK, "dataset.target_transform: {choice: [auto, none]}"),
        (NETWORK, "preprocessing.scaling: {choice: [standardize, none]}"),
        (NETWORK.replace("iris", "digits"), "dataset.as_images: {choice: [true, false]}"),
    ],
)
def test_what_leaves_the_rows_alone_can_be_searched(config: str, space: str) -> None:
    load_text(with_tuner(config, space=space), "c.yaml")


@pytest.mark.parametrize(
    "space",
    [
        "model: {choice: [linear, {kind: network, layers: [{dense: 8}]}]}",
        "model: {choice: [{kind: network, layers: [{dense: 8}]}, {kind: random_forest}]}",
    ],
)
def test_models_without_parameters_have_no_such_objective(space: str) -> None:
    config = with_tuner(NETWORK, "objectives: [loss, parameters]", space=space)
    with pytest.raises(ConfigError) as caught:
        load_text(config, "c.yaml")
    assert "model has no number of parameters, which is an objective" in caught.value.problems[0].message
    check_search(load_text(config.replace("parameters", "latency"), "c.yaml").experiment)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("objectives: [loss, val_loss]", "tuner.objectives: the objective 'loss' is named twice"),
        (
            "pruner: {kind: hyperband, min_epochs: 5, max_epochs: 2}",
            "tuner.pruner.max_epochs: expected an integer >= min_epochs (5), found 2",
        ),
    ],
)
def test_settings_that_exclude_each_other_are_refused(setting: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(with_tuner(NETWORK, setting), "c.yaml")
    assert message in str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("objectives: [acuracy]", "no validation score 'acuracy' will be measured"),
        ("objectives: [r2]", "no validation score 'r2' will be measured"),
        (
            "constraints: [{less: [model.layers.0.dense.units, 2]}]",
            "none of the 7 points of the space keeps all constraints",
        ),
    ],
)
def test_a_search_that_cannot_be_carried_out_is_found_by_check(dlrun, setting: str, message: str) -> None:
    (dlrun.folder / "c.yaml").write_text(with_tuner(NETWORK, setting))
    for command in ("check", "tune"):
        ended = dlrun(command, "c.yaml")
        assert ended.code == 2, command
        assert message in ended.err
    assert not (dlrun.folder / "runs").exists() or not list((dlrun.folder / "runs").glob("2*"))


@pytest.mark.parametrize(
    ("config", "pruner", "why"),
    [
        (NETWORK, "wilcoxon", "it looks at folds, and validation is holdout"),
        (NETWORK, "{kind: asha, min_epochs: 4}", "it waits for epoch 4 of 4"),
        (NETWORK, "{kind: racing, epochs: 9}", "it waits for epoch 9 of 4"),
        (NETWORK, "{kind: asha, min_epochs: 3}", None),
        (NETWORK, "none", None),
        (NETWORK + "validation: {kind: kfold, folds: 3}\n", "wilcoxon", None),
        (LINEAR, "median", "a linear model has no epochs"),
        (LINEAR + "validation: {kind: kfold, folds: 3}\n", "wilcoxon", None),
    ],
)
def test_a_pruner_that_could_stop_nothing_is_told(config: str, pruner: str, why: str | None) -> None:
    space = "model.l2: {loguniform: [0.1, 1]}" if config.startswith(LINEAR) else "training.batch_size: {int: [8, 32]}"
    found = idle_pruner(load_text(with_tuner(config, f"pruner: {pruner}", space=space), "c.yaml").experiment)
    assert found is None if why is None else found is not None and found.endswith(why)


@pytest.mark.parametrize(
    ("config", "space"),
    [
        (NETWORK, "training.epochs: {choice: [30, 60]}"),
        (LINEAR, "model: {choice: [{kind: network, layers: [{dense: 4}]}, random_forest]}"),
    ],
)
def test_what_is_searched_may_give_a_pruner_work(config: str, space: str) -> None:
    text = with_tuner(config, "pruner: {kind: asha, min_epochs: 9}", space=space)
    assert idle_pruner(load_text(text, "c.yaml").experiment) is None
