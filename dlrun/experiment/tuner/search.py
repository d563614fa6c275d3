"""Search: what the settings of all kinds of search have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dlrun.base.settings import Auto, Items, Names, Settings
from dlrun.experiment.tuner.pruners.none import NoPruner
from dlrun.experiment.tuner.pruners.pruners import Pruner
from dlrun.experiment.tuner.samplers.sampler import Sampler, require_points
from dlrun.experiment.tuner.space.constraints import Constraint
from dlrun.experiment.tuner.space.distributions import Distribution
from dlrun.experiment.tuner.space.space import Space

Policy = Literal["penalize", "retry", "ignore", "stop"]
"""What becomes of a failed trial: the sampler avoids its region, it is tried again, nothing, or the study stops."""


class Failures(Settings):
    """What becomes of trials that fail, by what went wrong."""

    diverged: Policy = "penalize"
    """The loss became NaN or infinite."""

    out_of_memory: Policy = "penalize"
    """Memory ran out, of the machine or of the GPU."""

    failed: Policy = "penalize"
    """Any other error, such as layers that do not fit together or a fault of the code."""

    lost: Policy = "retry"
    """The worker died without a word."""

    retries: int = Field(1, ge=0, le=100)
    """How often `retry` tries a trial again; after that it is penalized."""

    stop_after: int | None = Field(5, ge=1)
    """Number of trials in a row that fail, other than by diverging, that stops the study; `null` for none."""


class Selection(Settings):
    """How the winner is found among the best trials."""

    finalists: int = Field(5, ge=1, le=1000)
    """Number of best trials that are scored again, to see by how much the winner's score flatters; fewer where trials
    that were stopped early are among the best."""

    rescorings: int = Field(2, ge=0, le=1000)
    """Number of fresh splits that each of them is scored on, each with a seed of its own; 0 leaves this out."""

    winner: Literal["score", "rescored"] = "score"
    """Whether the winner has the best score of the search, or the best mean of the second scores."""


class Tuning(Settings, ABC):
    """Base of all kinds of search; the config as written is always the first trial, and is never stopped early."""

    kind: str

    stays: ClassVar[frozenset[str]] = frozenset(
        (
            "seed",
            "objectives",
            "latency_rows",
            "pruner",
            "failures",
            "selection",
            "keep_weights",
            "weights_megabytes",
            "trials",
        )
    )

    seed: Annotated[int, Field(ge=0)] | Auto = "auto"
    """Where the randomness of the search comes from; `auto` is the experiment's own seed."""

    objectives: Annotated[Auto | Annotated[Names[str], Field(min_length=1)], Field(union_mode="left_to_right")] = "auto"
    """Validation metrics to optimize, or `parameters`, `latency` (seconds of a prediction after training) or `seconds`
    (of the whole trial); `auto` is `training.monitor`. The first decides which trial is best and which are stopped
    early, and the first score which epoch of a trial is best, unless `training.monitor` or that of `early_stopping` is
    given; several have a Pareto front. Times are noisy: they depend on what else the machine does."""

    latency_rows: int = Field(1, ge=1, le=1_000_000)
    """Rows that are predicted at once where `latency` is an objective."""

    pruner: Pruner = NoPruner()
    """Which trials are stopped early."""

    failures: Failures = Failures()
    """What becomes of trials that fail."""

    selection: Selection = Selection()
    """How the winner is found among the best trials."""

    keep_weights: Annotated[int, Field(ge=1)] | Auto = "auto"
    """Number of best trials that keep their weights, to predict and to be combined; of the others all but the weights
    is kept. `auto` is as many as `weights_megabytes` has room for."""

    weights_megabytes: float = Field(1000.0, gt=0, allow_inf_nan=False)
    """Room on the disk for the weights of a study's trials where `keep_weights` is `auto`, in millions of bytes; above
    it the worst lose theirs first, and the best one never."""

    trials: int | None = Field(None, ge=1)
    """Most trials, the config as written included."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        """Refuse an objective that is named twice."""
        names = [name.removeprefix("val_") for name in self.objectives] if self.objectives != "auto" else []
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise PydanticCustomError(
                "twice", "the objective '{name}' is named twice", {"name": twice, "setting": "objectives"}
            )
        return self

    @property
    def timed_rows(self) -> int:
        """Rows of the forward passes that time a trial; 0 if nobody asks for that."""
        names = () if self.objectives == "auto" else self.objectives
        return self.latency_rows if any(name.removeprefix("val_") == "latency" for name in names) else 0

    @property
    @abstractmethod
    def searched(self) -> frozenset[str]:
        """Paths of the settings that trials differ in."""

    @abstractmethod
    def options(self, path: str) -> tuple[Any, ...]:
        """Return the plain values that trials try of a setting, or the ends of a range; none if it is not searched.

        Args:
            path: The setting, one of `searched`.
        """

    @abstractmethod
    def extremes(self) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
        """Yield what is tried on the config before the search: values by setting.

        Each comes with the path of the tuner's setting that asks for it.
        """

    @property
    def logarithmic(self) -> list[str] | None:
        """Labels of the settings whose logarithm is searched; None if there is no space that says so."""
        return None

    @abstractmethod
    def sampler(self, seed: int, written: Mapping[str, Any]) -> Sampler:
        """Return what chooses the points.

        Args:
            seed: Seed of the study.
            written: The complete config as nested plain values; empty if it is not known.

        Raises:
            ConfigError: The constraints leave no point.
        """


class Search(Tuning, ABC):
    """Base of the searches over a space."""

    stays: ClassVar[frozenset[str]] = Tuning.stays | {"space", "constraints"}

    space: dict[str, Distribution] = Field(min_length=1)
    """What each setting may be, by its path as the YAML is written, such as `model.layers.0.dense.units`."""

    constraints: Items[Constraint] = ()
    """What the values of a trial must keep: `- less: [model.layers.1.dense.units, model.layers.0.dense.units]`."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        """Refuse a path that leads into what another one replaces."""
        for path in self.space:
            for other in self.space:
                if path.startswith(f"{other}."):
                    message = "'{path}' lies inside '{other}', which is searched as a whole"
                    hint = "Write the inner search into the options of the choice."
                    raise PydanticCustomError(
                        "overlap", message, {"path": path, "other": other, "hint": hint, "setting": "space"}
                    )
        return self

    @model_validator(mode="after")
    def _known_sides(self) -> Self:
        """Refuse a constraint none of whose sides is searched."""
        for number, constraint in enumerate(self.constraints):
            if not any(self._is_searched(side) for side in constraint.sides):
                message = "constraint {number} compares nothing that is searched: {sides}"
                hint = "Write the paths as they are written in the space."
                found = {"number": number, "sides": ", ".join(str(side) for side in constraint.sides)}
                raise PydanticCustomError("constraint", message, found | {"hint": hint, "setting": "constraints"})
        return self

    @property
    def searched(self) -> frozenset[str]:
        return frozenset(self.space)

    @property
    def logarithmic(self) -> list[str] | None:
        return Space(self.space).logarithmic

    def options(self, path: str) -> tuple[Any, ...]:
        return self.space[path].extremes() if path in self.space else ()

    def extremes(self) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
        for path, distribution in self.space.items():
            for value in distribution.extremes():
                yield ("tuner", "space", path), {path: value}

    def _is_searched(self, side: str | float) -> bool:
        return isinstance(side, str) and any(side == path or side.startswith(f"{path}.") for path in self.space)

    def sampler(self, seed: int, written: Mapping[str, Any]) -> Sampler:
        """Return what chooses the points; see `Tuning.sampler`."""
        space = Space(self.space, self.constraints, written)
        require_points(space)
        return self.draws(space, seed)

    @abstractmethod
    def draws(self, space: Space, seed: int) -> Sampler:
        """Return what chooses the points of a space."""


class Draws(Search, ABC):
    """Base of the searches that could go on for ever."""

    trials: int = Field(50, ge=1)
    """Number of trials, the config as written included; fewer if all points of the space have been tried."""
