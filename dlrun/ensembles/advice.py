"""Advice: which kind of member is missing."""

from __future__ import annotations

from collections.abc import Sequence

from dlrun.base.settings import kind_of
from dlrun.ensembles.members.members import Member
from dlrun.experiment.models.model_settings import ModelSettings
from dlrun.experiment.models.models import model_kinds

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
    kinds = model_kinds()
    present = {member.model for member in members}
    num_with_epochs = sum(kind in kinds and kinds[kind].has_epochs for kind in present)
    advice = []
    if num_with_epochs == len(present) and num_groups < len(members):
        advice.append("Vary the layers, not only the seed: other widths, depths, activations or kinds of layers.")
    if members[0].facts.get("input_kind") in _OF_COLUMNS:
        known = {kind: model for kind, model in kinds.items() if model.adds_on_columns and model.is_installed()}
        absent = [model for kind, model in known.items() if kind not in present]
        advice += [_train(members, model) for model in sorted(absent, key=lambda model: -model.adds_on_columns)]
        if not num_with_epochs:
            advice.append("No network is among the members: train one, `dlrun init` writes a config.")
    if not advice and mean_correlation is not None and mean_correlation > _ALIKE:
        advice.append(
            f"The members err alike (their errors correlate {mean_correlation:.2f} on average): "
            "other inputs, preprocessing or layers would add more than more of the same."
        )
    return advice[:_MOST]


def _train(members: Sequence[Member], model: type[ModelSettings]) -> str:
    config, kind = members[0].run.file("config.yaml"), kind_of(model)
    return f"No {model.phrase} among the members: dlrun train {config} model={kind} --name {kind.replace('_', '-')}"
