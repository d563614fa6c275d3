"""Admission: which members may count, decided by the rows alone that weights are fitted to.

Whoever is chosen by rows looks good on these rows. So the choice is made again inside the cross-fitting, without the
rows that are scored there; otherwise fifty members that guess would seem to know something (Cawley and Talbot, "On
over-fitting in model selection and subsequent selection bias in performance evaluation", JMLR 11, 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlrun.base.inside import TRIALS
from dlrun.base.words import number, words
from dlrun.ensembles.members.candidates import Skipped
from dlrun.ensembles.members.members import Admitted
from dlrun.ensembles.members.stack import Places, Stack
from dlrun.ensembles.methods.objective import Objective
from dlrun.errors import UsageError
from dlrun.experiment.evaluation.metrics import metrics_for

_TINY = 1e-300


@dataclass(frozen=True)
class Contest:
    """The trials of a study, of which only the best may count.

    Args:
        places: Their positions among the members.
        metric: Score that they are compared by.
        top: How many may count.
    """

    places: tuple[int, ...]
    metric: str
    top: int


@dataclass(frozen=True)
class Admission:
    """The conditions under which members may count.

    Args:
        common: What the common-sense baseline predicts for the validation rows, shape (rows, outputs).
        keep_all: Whether members count that do not beat the baseline.
        contests: Studies of which only the best trials count.
    """

    common: NDArray[np.float64]
    keep_all: bool = False
    contests: tuple[Contest, ...] = ()

    def places(self, stack: Stack, metric: str, rows: Places) -> Places:
        """Return the positions of the members that may count, by what they predict for some rows.

        Args:
            stack: All members, and all rows that `common` is for.
            metric: Score that is compared with the baseline's.
            rows: Positions of the rows that may be looked at.
        """
        part = stack.of_rows(rows)
        inside = self._first_of_contests(part)
        return inside if self.keep_all else inside[beats(part, metric, self.common[rows])[inside]]

    def _first_of_contests(self, part: Stack) -> Places:
        inside = np.ones(part.num_members, dtype=bool)
        for contest in self.contests:
            places = np.array(contest.places)
            costs = Objective(part.of_members(places), contest.metric).costs_of_members()
            inside[places[np.argsort(costs, kind="stable")[contest.top :]]] = False
        return np.flatnonzero(inside)


def beats(part: Stack, metric: str, common: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which members beat the common-sense baseline in any way, shape (members,).

    By the metric or by the squared error: the logarithmic loss of a forest that is sure of a few wrong classes is worse
    than the baseline's, and yet it helps others much.

    Args:
        part: Members and true values.
        metric: Score that is compared.
        common: What the baseline predicts for the rows of `part`.
    """
    objective, targets = Objective(part, metric), part.targets()
    squares = np.maximum(part.mean(np.square(common - targets)), _TINY)
    better = objective.costs_of_members() < objective.cost(common)
    better |= [(part.mean(np.square(own - targets)) / squares).mean() < 1 for own in part.y_pred]
    return better


def contests_of(admitted: Admitted, top: int | None, metric: str | None) -> tuple[Contest, ...]:
    """Return the contests among members that are trials of the same study; none without a limit.

    Args:
        admitted: All members.
        top: Trials of each study that may count; None for all.
        metric: Score that they are compared by; what each study was selected by unless given. The loss of a study is
            taken for the cross-entropy or the squared error.
    """
    if top is None:
        return ()
    studies: dict[str, list[int]] = {}
    for place, member in enumerate(admitted.members):
        if member.run.path.parent.name == TRIALS:
            studies.setdefault(str(member.run.path.parent), []).append(place)
    task = admitted.validation.task
    contests = []
    for places in studies.values():
        wanted = metric or str(admitted.members[places[0]].metrics.get("monitor") or "").removeprefix("val_")
        usual = "mse" if task == "regression" else "log_loss"
        contests.append(Contest(tuple(places), wanted if wanted in metrics_for(task) else usual, top))
    return tuple(contests)


def settle(admitted: Admitted, admission: Admission, metric: str) -> tuple[Admitted, Places, list[Skipped]]:
    """Leave out the members that may not count by all validation rows together.

    Args:
        admitted: All members.
        admission: Who may count.
        metric: Score that is compared with the baseline's.

    Returns:
        The members that are left, their positions among all, and those that do not beat the baseline, with reasons.

    Raises:
        UsageError: Nobody is left.
    """
    stack = admitted.validation
    every = np.arange(stack.num_rows)
    kept = admission.places(stack, metric, every)
    entered = Admission(admission.common, True, admission.contests).places(stack, metric, every)
    objective = Objective(stack, metric)
    bound = number(objective.score(objective.cost(admission.common)))
    weak = []
    for place in np.setdiff1d(entered, kept):
        own = number(objective.score(objective.cost(stack.y_pred[place])))
        reason = f"does not beat the baseline: validation {words(metric)} {own}, baseline {bound}"
        weak.append(Skipped(admitted.members[place].id, reason))
    if not len(kept):
        reasons = "\n".join(f"{entry.id} {entry.reason}" for entry in weak[:8])
        raise UsageError(f"no member beats the baseline\n{reasons}", remedy="Train better members, or add --keep-all.")
    return admitted.of_members(kept), kept, weak
