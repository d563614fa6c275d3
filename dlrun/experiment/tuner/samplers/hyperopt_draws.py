"""HyperoptSampler: Hyperopt 0.3 driven ask/tell, one suggestion a call, from plain documents.

Hyperopt sees coordinates: intervals, bells and categories, which stay within their bounds once they are values. Its own
quantized distributions leave them. Only the order of the losses matters to it, so that it is told ranks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from dlrun.experiment.tuner.samplers.history import History, Seen
from dlrun.experiment.tuner.samplers.sampler import DrawingSampler
from dlrun.experiment.tuner.space.dimensions import Dimension, Point
from dlrun.experiment.tuner.space.scales import Bell, Interval

MOST_SEEN = 400
"""Number of trials that Hyperopt sees at most, since it takes time for each of them."""

MOST_BEST = 100
"""Number of best trials among them; the others are the latest."""


class Documents:
    """What a suggestion function reads of Hyperopt's `Trials`, without its copies and checks.

    Args:
        trials: One document for each trial.
    """

    def __init__(self, trials: list[dict[str, Any]]) -> None:
        self.trials = trials

    def __len__(self) -> int:
        return len(self.trials)

    def new_trial_docs(
        self, tids: Sequence[int], specs: Sequence[Any], results: Sequence[Any], miscs: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return the suggestions as they are."""
        del tids, specs, results
        return miscs


class HyperoptSampler(DrawingSampler, ABC):
    """Base of the samplers that are Hyperopt's."""

    @abstractmethod
    def ask(self, trial: int, seed: int, ranks: dict[int, int], history: History) -> list[dict[str, Any]]:
        """Call a suggestion function of Hyperopt.

        Args:
            trial: Number of the trial.
            seed: Seed of this suggestion alone.
            ranks: Rank of every trial with losses, from 0, the best.
            history: What is known of all trials.
        """

    def prepare(self) -> None:
        _ = self.domain  # Hyperopt takes a second to import

    def draw(self, trial: int, attempt: int, history: History) -> Point | None:
        ranks = history.ranks(self.generator(trial, attempt))
        seed = int(self.entropy(trial, attempt).generate_state(1)[0])
        (misc,) = self.ask(trial, seed, ranks, history)
        return self._space.point({label: values[0] for label, values in misc["vals"].items() if len(values)})

    @cached_property
    def domain(self) -> Any:
        """The space in Hyperopt's own form."""
        from hyperopt.base import Domain

        return Domain(_nothing, _expression(self._space.dimensions))

    def documents(self, seen: Iterable[Seen], ranks: dict[int, int]) -> Documents:
        """Return trials in Hyperopt's own form; those without a rank have no loss."""
        labels = self._space.labels
        return Documents([_document(trial, labels, ranks.get(trial.trial)) for trial in seen])


def visible(history: History, ranks: dict[int, int]) -> list[Seen]:
    """Return the trials in the space to learn from: the best, what is being tried, and the latest of the others."""
    known = [seen for seen in history if seen.coordinates is not None and seen.state != "ignored"]
    if len(known) <= MOST_SEEN:
        return known
    kept = {seen.trial for seen in known if seen.state == "pending" or ranks.get(seen.trial, MOST_BEST) < MOST_BEST}
    others = [seen.trial for seen in known if seen.trial not in kept]
    kept.update(others[-max(MOST_SEEN - len(kept), 1) :])
    return [seen for seen in known if seen.trial in kept]


def _document(seen: Seen, labels: list[str], rank: int | None) -> dict[str, Any]:
    coordinates = seen.coordinates or {}
    misc = {
        "tid": seen.trial,
        "idxs": {label: [seen.trial] if label in coordinates else [] for label in labels},
        "vals": {label: [coordinates[label]] if label in coordinates else [] for label in labels},
    }
    result = {"status": "fail"} if rank is None else {"status": "ok", "loss": float(rank)}
    return {"tid": seen.trial, "misc": misc, "result": result, "spec": None}


def _expression(dimensions: Sequence[Dimension]) -> dict[str, Any]:
    """Return dimensions as expressions of Hyperopt."""
    from hyperopt import hp

    found: dict[str, Any] = {}
    for dimension in dimensions:
        label, prior = dimension.label, dimension.scale.prior
        if isinstance(prior, Interval):
            found[label] = hp.uniform(label, prior.low, prior.high)
        elif isinstance(prior, Bell):
            found[label] = hp.normal(label, prior.mean, prior.deviation)
        else:
            found[label] = hp.choice(label, [_expression(option.dimensions) for option in dimension.options])
    return found


def _nothing(values: Any) -> None:
    """Stand for the objective, which Hyperopt never calls here."""
    del values
