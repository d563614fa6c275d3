"""Union: all methods by name."""

from typing import Annotated, Literal

from pydantic import Field

from dlrun.base.settings import ByKind, Settings
from dlrun.ensembles.methods.best import Best
from dlrun.ensembles.methods.exponential import Exponential
from dlrun.ensembles.methods.geometric import Geometric
from dlrun.ensembles.methods.greedy import Greedy
from dlrun.ensembles.methods.median import Median
from dlrun.ensembles.methods.method import Method
from dlrun.ensembles.methods.rank import Rank
from dlrun.ensembles.methods.stacking import Stacking
from dlrun.ensembles.methods.uniform import Uniform
from dlrun.ensembles.methods.vote import Vote
from dlrun.ensembles.methods.weighted import Weighted
from dlrun.experiment.datasets.dataset import Task


class Automatic(Settings):
    """Take greedy unless another method scores better by more than a standard error, or two for logistic stacking."""

    kind: Literal["auto"] = "auto"


AnyMethod = Annotated[
    Automatic
    | Uniform
    | Weighted
    | Greedy
    | Geometric
    | Exponential
    | Rank
    | Median
    | Vote
    | Stacking
    # A new method: one line above this one.
    | Best,
    Field(discriminator="kind"),
    ByKind(),
]
"""A way to combine members, or the choice among all of them."""


_MOST_STACKED = 50


def tried(task: Task, num_members: int = 1) -> tuple[Method, ...]:
    """Return what `auto` chooses among, the simplest first: of equally good ones the first is taken.

    Weighted is not among them: it scores as greedy does within chance, and takes many times as long. Nor is the
    geometric mean of numbers, which fails on the first new row that a member predicts below 0.

    Args:
        task: What is predicted.
        num_members: Of many, a model of all of them is slow to fit and learns their noise.
    """
    stacked = Stacking(learner="ridge" if task == "regression" else "logistic")
    methods: tuple[Method, ...] = (
        Uniform(),
        Best(),
        Median(),
        Geometric(),
        Exponential(),
        Rank(),
        Vote(),
        Greedy(),
        Stacking(),
        stacked,
    )
    left_out: tuple[type[Method], ...] = (Geometric,) if task == "regression" else ()
    left_out += (Stacking,) if num_members > _MOST_STACKED else ()
    return tuple(method for method in methods if task in method.tasks and not isinstance(method, left_out))
