"""Optimizers: what goes wrong, and how settings that belong together are checked."""

from __future__ import annotations

import keras
import pytest
from pydantic import ValidationError

from dlrun.errors import ModelError
from dlrun.experiment.optimizers.adam import AdamW, ScheduleFreeAdamW
from dlrun.experiment.optimizers.adaptive import RMSprop
from dlrun.experiment.optimizers.descent import SGD, Muon
from dlrun.experiment.optimizers.schedules import Constant, Cosine


def test_optimizer_that_an_older_keras_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(keras.optimizers, "ScheduleFreeAdamW")
    with pytest.raises(ModelError) as caught:
        ScheduleFreeAdamW().build()
    assert str(caught.value) == (
        f"optimizer.kind: Keras {keras.__version__} does not have ScheduleFreeAdamW yet\n"
        "Install a newer one with `pip install --upgrade keras`, or choose another optimizer."
    )


def test_setting_that_an_older_keras_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def older(*, learning_rate: float, name: str) -> None:
        raise AssertionError

    monkeypatch.setattr(keras.optimizers, "Muon", older)
    with pytest.raises(ModelError, match=f"^optimizer: Keras {keras.__version__} refuses these settings of Muon: "):
        Muon().build()


def test_only_one_way_of_clipping() -> None:
    with pytest.raises(ValidationError, match="only one way of clipping may be set, found clipnorm, global_clipnorm"):
        RMSprop(clipnorm=1.0, global_clipnorm=1.0)


def test_adamw_cannot_do_without_decay() -> None:
    with pytest.raises(ValidationError, match="weight_decay"):
        AdamW.model_validate({"weight_decay": None})


def test_bare_schedule_name() -> None:
    assert SGD.model_validate({"schedule": "cosine"}).schedule == Cosine()
    assert SGD().schedule == Constant()


def test_muon_leaves_chosen_layers_to_adamw() -> None:
    settings = Muon.model_validate({"exclude_layers": ["output"]})
    assert settings.build().exclude_layers == ["output"]
    assert Muon().build().exclude_layers == []
