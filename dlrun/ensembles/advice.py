"""Advice: which kind of member is missing."""

from __future__ import annotations

from collections.abc import Sequence

from dlrun.ensembles.members.members import Member

_KINDS = {
    "gradient_boosting": "gradient-boosted trees",
    "random_forest": "random forest",
    "network": "network",
    "linear": "linear model",
}
"""Kinds of model that err differently on measured numbers and columns, in the order of how much they usually add."""

_OF_COLUMNS = frozenset({"table", "features", "indicators"})
_ALIKE = 0.9
_MOST = 3


def advise(members: Sequence[Member], num_groups: int, mean_correlation: float | None) -> list[str]:
    """Say what kind of member would help most, the most promising first.

    Args:
        members: All of them.
        num_groups: How many are left if near copies count once.
        mean_correlation: Mean correlation of their errors; None if there is but one.
    """
    present = {member.model for member in members}
    advice = []
    if present == {"network"} and num_groups < len(members):
        advice.append("Vary the layers, not only the seed: other widths, depths, activations or kinds of layers.")
    if members[0].facts.get("input_kind") in _OF_COLUMNS:
        advice += [_train(members, kind) for kind in _KINDS if kind not in present and kind != "network"]
        if "network" not in present:
            advice.append("No network is among the members: train one, `dlrun init` writes a config.")
    if not advice and mean_correlation is not None and mean_correlation > _ALIKE:
        advice.append(
            f"The members err alike (their errors correlate {mean_correlation:.2f} on average): "
            "other inputs, preprocessing or layers would add more than more of the same."
        )
    return advice[:_MOST]


def _train(members: Sequence[Member], kind: str) -> str:
    config = members[0].run.file("config.yaml")
    return f"No {_KINDS[kind]} among the members: dlrun train {config} model={kind} --name {kind.replace('_', '-')}"
