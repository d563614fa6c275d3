"""The positive class of an ensemble: the one that its settings name, or that its members agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dlrun.ensembles.members.members import Admitted, Member
from dlrun.errors import UsageError


def with_positive_class(admitted: Admitted, written: str | None) -> tuple[Admitted, str | None]:
    """Return the members scored with their positive class, and its name; None for tasks that have none.

    Args:
        admitted: The members.
        written: What the settings of the ensemble name, or None.

    Raises:
        UsageError: There is no such class, or the members do not agree.
    """
    first = admitted.members[0]
    if first.task != "binary":
        if written is not None:
            raise UsageError(f"a {first.task} task has no positive class", remedy="Leave positive_class out.")
        return admitted, None
    name = written or _agreed(admitted.members)
    if name not in first.class_names:
        classes = " and ".join(map(repr, first.class_names))
        raise UsageError(f"positive_class: no class is called {name!r}", remedy=f"The classes are {classes}.")
    code = first.class_names.index(name)
    validation, test = admitted.validation, admitted.test
    return (
        Admitted(
            admitted.members,
            replace(validation, positive=code),
            None if test is None else replace(test, positive=code),
            admitted.skipped,
        ),
        name,
    )


def _agreed(members: Sequence[Member]) -> str:
    """Return the positive class of all members; those of an older record mean the last class."""
    named = {member.id: str(member.metrics.get("positive_class") or member.class_names[-1]) for member in members}
    different = dict.fromkeys(named.values())
    if len(different) > 1:
        first = {name: next(run for run, own in named.items() if own == name) for name in different}
        examples = ", ".join(f"{run} {name!r}" for name, run in first.items())
        raise UsageError(
            f"members have different positive classes: {examples}",
            remedy=f"Say which one f1 and the like are to speak of: positive_class={next(iter(different))}",
        )
    return next(iter(different))
