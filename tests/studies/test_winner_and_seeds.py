"""The winner and its seeds: what is delivered begins as its trial did, and luck is looked for over other seeds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np


def test_the_refit_begins_with_the_weights_of_its_trial(dlrun: Any, config: Any, studies: Any) -> None:
    name = config(
        "dataset: iris\nmodel: {kind: network, layers: [{dense: 4}]}\nevaluation: {bootstrap: 20}\n"
        "training: {epochs: 1, batch_size: 32}\noptimizer: {kind: sgd, learning_rate: 1e-12}\n"
        "tuner: {kind: grid, space: {training.batch_size: {choice: [16, 64]}},"
        " selection: {finalists: 3, rescorings: 2}}\n"
    )
    ended = dlrun("tune", name, "--jobs", "1", "--json")
    assert ended.code == 0, ended.err
    (study,) = studies()
    winner = study.metrics["study"]["winner"]
    fits = (study.run(winner["trial"]) / "predictions", study.path / "final" / winner["final"] / "predictions")
    tried, delivered = (np.load(folder / "test.npz")["y_pred"] for folder in fits)
    assert np.corrcoef(tried.ravel(), delivered.ravel())[0, 1] > 0.95, "nothing was learned: only the start counts"
    # Nothing is learned, so that the same start on other rows would score nearly the same.
    again = [one["rescored"] for one in study.metrics["study"]["finalists"]]
    assert all(abs(first - second) > 0.05 for first, second in again)


def test_a_space_that_is_exhausted_is_told_everywhere(dlrun: Any, config: Any, studies: Any) -> None:
    name = config(
        "dataset: iris\nmodel: {kind: linear}\nevaluation: {bootstrap: 20}\n"
        "tuner: {kind: random, space: {model.l2: {choice: [0.1, 1.0, 10.0]}},"
        " selection: {finalists: 1, rescorings: 0}}\n"
    )
    ended = dlrun("tune", name, "--trials", "50", "--json")
    assert ended.code == 0, ended.err
    words = "the space is exhausted: 3 of 50 trials were tried, and no further point is left"
    assert ended.err.count(words) == 2, "once when the search ends, once in the summary"
    answer = json.loads(ended.out)
    assert (answer["exhausted"], answer["trials"]["total"]) == (True, 3)
    (study,) = studies()
    assert (study.metrics["study"]["exhausted"], study.metrics["study"]["asked"]) == (True, 50)
    assert words in dlrun("show", "latest").out
    fewer = dlrun("tune", name, "--trials", "2", "--new", "--json")
    assert (json.loads(fewer.out)["exhausted"], words[:22] in fewer.err) == (False, False)
