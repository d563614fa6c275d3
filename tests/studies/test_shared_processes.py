"""Short trials share a process, and come to what they would come to in one of their own."""

from __future__ import annotations

import json
from typing import Any

NETWORK = """
name: net
dataset: iris
model: {kind: network, layers: [{dense: {units: 8, dropout: 0.2, batch_norm: true}}]}
optimizer: {kind: adam, learning_rate: 1e-2}
training: {epochs: 3, batch_size: 32, threads: 1}
evaluation: {bootstrap: 50}
tuner:
  kind: random
  space: {model.layers.0.dense.units: {int: [4, 16]}, training.threads: {choice: [1%s]}}
  keep_weights: 10
  selection: {finalists: 1, rescorings: 0}
"""


def processes(study: Any) -> list[int]:
    """Return the number of the process of every trial, in order."""
    return [json.loads((study.run(trial) / "status.json").read_text())["pid"] for trial in sorted(study.told)]


def test_short_trials_share_a_process_and_come_to_the_same_bytes(dlrun: Any, config: Any, studies: Any) -> None:
    ended = dlrun("tune", config(NETWORK % ""), "--trials", "4", "--jobs", "1")
    assert ended.code == 0, ended.err
    (study,) = studies()
    assert len(set(processes(study))) == 1
    for trial in (1, 3):
        again = dlrun("reproduce", str(study.run(trial)))
        assert again.code == 0, again.out + again.err
        assert "to the last bit" in again.out + again.err


def test_trials_reproduce_with_and_without_weights(dlrun: Any, config: Any, studies: Any) -> None:
    ended = dlrun("tune", config(NETWORK % ""), "--trials", "4", "--jobs", "1", "tuner.keep_weights=1")
    assert ended.code == 0, ended.err
    (study,) = studies()
    compared = []
    for trial in sorted(study.told):
        again = dlrun("reproduce", str(study.run(trial)), "--json")
        assert again.code == 0, again.err
        compared.append(json.loads(again.out)["compared"])
    assert sorted(map(len, compared)) == [3, 3, 3, 4]
    assert all({"metrics", "history", "predictions"} <= set(names) for names in compared)


def test_a_trial_that_needs_other_threads_gets_a_process_of_its_own(dlrun: Any, config: Any, studies: Any) -> None:
    ended = dlrun("tune", config(NETWORK % ", 2"), "--trials", "6", "--jobs", "1")
    assert ended.code == 0, ended.err
    (study,) = studies()
    threads: dict[int, set[int]] = {}
    for trial, process in enumerate(processes(study)):
        resolved = json.loads((study.run(trial) / "environment.json").read_text())
        threads.setdefault(process, set()).add(resolved["threads"])
    assert len(threads) > 1
    assert all(len(known) == 1 for known in threads.values())


def test_models_that_start_fast_have_a_process_each(dlrun: Any, linear: str, studies: Any) -> None:
    ended = dlrun("tune", linear, "--trials", "3", "--jobs", "1")
    assert ended.code == 0, ended.err
    assert len(set(processes(studies()[0]))) == 3
