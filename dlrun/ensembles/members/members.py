"""Members: the runs that fit together, with their predictions; and why the others do not."""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from dlrun.base.text import printable
from dlrun.ensembles.members.candidates import Skipped, read_state
from dlrun.ensembles.members.predictions import Rows, Unfit, read_part, read_rows, read_weights
from dlrun.ensembles.members.stack import Places, Stack
from dlrun.errors import StorageError, UsageError
from dlrun.experiment.datasets.dataset import Task
from dlrun.experiment.evaluation.run_metrics import Metrics
from dlrun.records.folder import RunFolder
from dlrun.records.kinds import MEMBERS, kinds
from dlrun.records.membership import has_model

_APART_FROM_THE_MODEL = re.compile(r"^name:.*\n|\bseed: \w+|\bthreads: \w+", re.MULTILINE)
_SHORT = 12
_TASKS = ("binary", "multiclass", "multilabel", "regression")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Member:
    """A run that may be taken into an ensemble.

    Args:
        run: Its folder.
        facts: Content of its `dataset.json`.
    """

    run: RunFolder
    facts: Mapping[str, Any]

    @cached_property
    def metrics(self) -> Metrics:
        """Content of its `metrics.json`; raises StorageError."""
        metrics = self.run.read_json("metrics.json")
        if not isinstance(metrics, dict) or not isinstance(metrics.get("validation"), dict):
            raise StorageError("metrics.json is damaged: it does not hold what dlrun writes")
        return cast("Metrics", metrics)

    @cached_property
    def kinds(self) -> Mapping[str, str]:
        """Kinds of its dataset, model and so on; raises StorageError."""
        return kinds(self.run.file("config.yaml"))

    @cached_property
    def config_hash(self) -> str:
        """Equal for configs that are equal but for name and seeds; raises StorageError."""
        return _hash(self.run.file("config.yaml").read_bytes())

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def model(self) -> str:
        """Kind of the model."""
        return self.kinds.get("model", "unknown")

    @property
    def task(self) -> Task:
        task: Task = self.facts["task"]
        return task

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.facts["targets"]["classes"])

    @property
    def targets(self) -> str:
        """Fingerprint of the targets of all rows; empty for a run from before they had one."""
        return str(self.facts["targets"].get("fingerprint", ""))


@dataclass(frozen=True)
class Admitted:
    """The members of an ensemble and what they predict.

    Args:
        members: In the order of their ids.
        validation: Their predictions for the validation rows.
        test: Their predictions for the test rows; None without a test set.
        skipped: The others, with reasons.
    """

    members: tuple[Member, ...]
    validation: Stack
    test: Stack | None
    skipped: tuple[Skipped, ...]

    def of_members(self, places: Places) -> Admitted:
        """Return some of the members, in the order given; nobody else is skipped for it."""
        members = tuple(self.members[place] for place in places)
        test = None if self.test is None else self.test.of_members(places)
        return Admitted(members, self.validation.of_members(places), test, self.skipped)


def admit(runs: Sequence[RunFolder], *, need_models: bool = False) -> Admitted:
    """Take the runs that fit together: finished, with the same rows, targets and parts; the largest such group.

    Their inputs may differ: what members read of a row is their own affair.

    Args:
        runs: Folders of runs, whatever their state.
        need_models: Whether runs that keep no model are left out.

    Raises:
        UsageError: No run is left.
    """
    ordered = sorted(runs, key=lambda run: (run.id, str(run.path)))
    usable, skipped = _sorted_out(ordered, functools.partial(_read_member, need_models=need_models))
    usable, copies = _apart_from_copies(usable)
    skipped += copies
    group, others = _largest_group(usable, _keys_of_data(usable))
    skipped += [Skipped(member.id, _other_data(member, group[0])) for member in others]
    placed, unreadable = _sorted_out(group, _read_rest)
    skipped += unreadable
    same, apart = _largest_group(placed, lambda pair: pair[1].key)
    skipped += [Skipped(member.id, _other_split(rows, same[0][1])) for member, rows in apart]
    if not same:
        raise UsageError(nobody(skipped), remedy="`dlrun ls` lists the runs and their states.")
    return _stacked(same, skipped)


def _sorted_out(items: Iterable[Item], read: Callable[[Item], Any]) -> tuple[list[Any], list[Skipped]]:
    """Read every item, and list those that cannot be, with reasons."""
    whole, skipped = [], []
    for item in items:
        try:
            whole.append(read(item))
        except (Unfit, StorageError) as error:
            reason = error.message if isinstance(error, StorageError) else str(error)
            skipped.append(Skipped(printable(getattr(item, "id", str(item))), reason))
    return whole, skipped


def _read_member(run: RunFolder, *, need_models: bool) -> Member:
    reason = read_state(run)
    if reason:
        raise Unfit(reason)
    if run.file(MEMBERS).exists():
        raise Unfit("an ensemble, whose weights have seen the validation rows; name its members instead")
    if need_models and not has_model(run):
        raise Unfit("it keeps no model (missing_models=leave_out)")
    facts = run.read_json("dataset.json")
    member = Member(run, facts)
    try:
        well_formed = member.task in _TASKS and isinstance(facts["fingerprint"], str) and facts["folds"]
        well_formed = well_formed and isinstance(facts.get("roles", {}), dict)
        well_formed = well_formed and all(isinstance(name, str) for name in member.class_names)
    except (KeyError, TypeError):
        well_formed = False
    if not well_formed:
        raise Unfit("dataset.json is damaged: it does not hold what dlrun writes")
    return member


def _read_rest(member: Member) -> tuple[Member, Rows]:
    """Read what only runs on the right data are asked for; ten thousand others need not be read as a whole."""
    if member.metrics and member.kinds and member.config_hash:
        return member, read_rows(member.run)
    raise Unfit("config.yaml is damaged: it does not hold what dlrun writes")


def _apart_from_copies(members: Sequence[Member]) -> tuple[list[Member], list[Skipped]]:
    """Take each id once: weights are by id, and a copy of a folder is no member of its own."""
    taken: dict[str, Member] = {}
    copies = []
    for member in members:
        first = taken.setdefault(member.id, member)
        if first is not member:
            copies.append(Skipped(member.id, f"a copy of the run in {printable(str(first.run.path.parent))}"))
    return list(taken.values()), copies


def _hash(config: bytes) -> str:
    text = _APART_FROM_THE_MODEL.sub("", config.decode(errors="replace"))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def _largest_group(items: Sequence[Item], key: Callable[[Item], Hashable]) -> tuple[list[Item], list[Item]]:
    """Split off the items with the most frequent key; of equally frequent ones that of the last item."""
    keys = [key(item) for item in items]
    counts = Counter(keys)
    last = {found: place for place, found in enumerate(keys)}
    if not counts:
        return [], []
    most = max(counts, key=lambda found: (counts[found], last[found]))
    inside = [item for item, found in zip(items, keys, strict=True) if found == most]
    return inside, [item for item, found in zip(items, keys, strict=True) if found != most]


def _keys_of_data(members: Sequence[Member]) -> Callable[[Member], Hashable]:
    """Return what tells which rows and targets a member is about, whatever it reads of them as inputs.

    Runs from before targets had a fingerprint go with those that have the same whole dataset.
    """
    known = {member.facts["fingerprint"]: member.targets for member in members if member.targets}

    def key(member: Member) -> Hashable:
        whole = member.facts["fingerprint"]
        return member.task, member.class_names, member.targets or known.get(whole, whole)

    return key


def _other_data(member: Member, taken: Member) -> str:
    if member.task != taken.task:
        return f"another task: {member.task}, where the members have {taken.task}"
    if member.class_names != taken.class_names:
        return f"other classes: {_few(member.class_names)}, where the members have {_few(taken.class_names)}"
    for role, what in (("weight", "weights"), ("id", "ids")):
        ours, theirs = (run.facts.get("roles", {}).get(role) for run in (member, taken))
        if (ours is None) != (theirs is None):
            have = ("has no", "have some") if ours is None else ("has", "have none")
            return f"another dataset: its record {have[0]} {what} (dataset.{role}), where the members {have[1]}"
    names = [f"{run.facts.get('name')} ({run.facts['fingerprint'][:_SHORT]})" for run in (member, taken)]
    return f"another dataset: {printable(names[0])}, where the members have {printable(names[1])}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return printable(", ".join(map(str, names[:5])) + more) if names else "none"


def _other_split(rows: Rows, taken: Rows) -> str:
    if not np.array_equal(rows.test, taken.test):
        differing = len(np.setxor1d(rows.test, taken.test))
        return f"another split: {differing:,} rows are in only one of its test set and that of the members"
    ours, theirs = (set(map(tuple, part.validation.T.tolist())) for part in (rows, taken))
    if {row for row, _ in ours} == {row for row, _ in theirs}:
        return "another split: the same rows are divided into other folds"
    return f"another split: {len(ours - theirs):,} of its {len(ours):,} validation rows are none of the members'"


def nobody(skipped: Sequence[Skipped]) -> str:
    """Say that nothing can be a member, and why."""
    if not skipped:
        return "no runs to make an ensemble of"
    reasons = [f"{entry.id}: {entry.reason}" for entry in skipped[:8]]
    more = [f"and {len(skipped) - 8:,} more"] if len(skipped) > 8 else []
    return "\n".join(["no run can be a member", *reasons, *more])


def _stacked(same: Sequence[tuple[Member, Rows]], skipped: list[Skipped]) -> Admitted:
    """Read the predictions of members that agree, into one array for each part."""
    members: list[Member] = []
    stacks: list[dict[str, Any]] = [{}, {}]
    for member, rows in same:
        try:
            parts = [read_part(member.run, "validation", rows.order, _width(member))]
            parts += [read_part(member.run, "test", rows.test_order, _width(member))] if len(rows.test) else []
            for stack, (y_true, y_pred) in zip(stacks, parts, strict=False):
                _put(stack, len(members), len(same), y_true, y_pred)
        except (Unfit, StorageError) as error:
            skipped.append(Skipped(member.id, error.message if isinstance(error, StorageError) else str(error)))
        else:
            members.append(member)
    if not members:
        raise UsageError(nobody(skipped), remedy="`dlrun ls` lists the runs and their states.")
    rows = same[0][1]
    row, fold = rows.validation
    y_pred = stacks[0]["y_pred"][: len(members)]
    weights = read_weights(members[0].run, "validation", rows.order)
    validation = Stack(members[0].task, stacks[0]["y_true"], y_pred, row, fold, weights=weights)
    test = None
    if len(rows.test):
        y_pred = stacks[1]["y_pred"][: len(members)]
        weights = read_weights(members[0].run, "test", rows.test_order)
        same_fold = np.zeros_like(rows.test)
        test = Stack(members[0].task, stacks[1]["y_true"], y_pred, rows.test, same_fold, weights=weights)
    return Admitted(tuple(members), validation, test, tuple(skipped))


def _put(stack: dict[str, Any], place: int, most: int, y_true: NDArray[Any], y_pred: NDArray[Any]) -> None:
    """Put the predictions of one member into the array of all; its true values must be those of the first."""
    if not stack:
        stack["y_true"] = y_true
        stack["y_pred"] = np.empty((most, *y_pred.shape), dtype=y_pred.dtype)
    elif not np.array_equal(stack["y_true"], y_true):
        raise Unfit("its predictions are of other true values than those of the members")
    if y_pred.dtype.itemsize > stack["y_pred"].dtype.itemsize:
        stack["y_pred"] = stack["y_pred"].astype(y_pred.dtype)
    stack["y_pred"][place] = y_pred


def _width(member: Member) -> int | None:
    """Return how many outputs a member has; None for a regression, whose targets tell."""
    if member.task == "regression":
        return None
    return 1 if member.task == "binary" else len(member.class_names)
