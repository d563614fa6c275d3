"""History: what is known of the points that were tried, as a sampler sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np

from dlrun.experiment.tuner.space.space import Coordinates


@dataclass(frozen=True)
class Seen:
    """One trial.

    Args:
        trial: Its number.
        point: Its values by label.
        coordinates: Where it lies; None if it is outside the space, as the config as written may be.
        state: What is known: `finished` and `pruned` have losses, of `failed` the region is to be avoided, `pending` is
            being tried, and nothing is to be learned from `ignored`.
        losses: Value of every objective, small being good; of a pruned trial only the first, as far as it got.
        epochs: Epochs that a pruned trial got.
    """

    trial: int
    point: Mapping[str, Any]
    coordinates: Coordinates | None
    state: Literal["finished", "pruned", "failed", "pending", "ignored"] = "pending"
    losses: tuple[float, ...] = ()
    epochs: int = 0


class History:
    """Every trial of a study, in the order of their numbers."""

    def __init__(self) -> None:
        self._seen: dict[int, Seen] = {}
        self._points: set[str] = set()
        self._num_indexed = 0

    def put(self, seen: Seen) -> None:
        """Take what is known of a trial, in place of what was known of it before; its point stays the same."""
        self._seen[seen.trial] = seen

    def __iter__(self) -> Iterator[Seen]:
        return iter(self._seen.values())

    def __len__(self) -> int:
        return len(self._seen)

    def __getitem__(self, trial: int) -> Seen:
        return self._seen[trial]

    def knows(self, point: Mapping[str, Any]) -> bool:
        """Tell whether a point was tried or is being tried."""
        for seen in islice(self._seen.values(), self._num_indexed, None):
            self._points.add(_key(seen.point))
        self._num_indexed = len(self._seen)
        return _key(point) in self._points

    def ranks(self, weights: np.random.Generator) -> dict[int, int]:
        """Rank the trials in the space that have losses, from 0, the best.

        Finished trials come first, by their loss. Pruned ones follow, first those that got far, then by the loss that
        they reached. Several objectives are made one as in Knowles, 2006, "ParEGO": by the largest of their weighted
        ranks, with weights that are drawn anew for every suggestion, so that the suggestions spread along the front.

        Args:
            weights: Where the weights come from.
        """
        inside = [seen for seen in self._seen.values() if seen.coordinates is not None]
        finished = [seen for seen in inside if seen.state == "finished"]
        pruned = [seen for seen in inside if seen.state == "pruned"]
        scalar = _scalar(np.array([seen.losses for seen in finished], np.float64), weights) if finished else []
        first = [finished[number].trial for number in np.argsort(scalar, kind="stable")]
        then = [seen.trial for seen in sorted(pruned, key=lambda seen: (-seen.epochs, seen.losses[0], seen.trial))]
        return {trial: rank for rank, trial in enumerate([*first, *then])}


def _scalar(losses: np.ndarray[Any, np.dtype[np.float64]], generator: np.random.Generator) -> Any:
    """Make one loss of several; `losses` has a row for every trial."""
    if losses.shape[1] == 1:
        return losses[:, 0]
    ranks = np.argsort(np.argsort(losses, axis=0, kind="stable"), axis=0, kind="stable") / len(losses)
    weighted = ranks * generator.dirichlet(np.ones(losses.shape[1]))
    return weighted.max(axis=1) + 0.05 * weighted.sum(axis=1)


def _key(point: Mapping[str, Any]) -> str:
    return json.dumps(point, sort_keys=True)
