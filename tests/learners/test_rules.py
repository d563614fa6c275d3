"""The rules by which training chooses what the config leaves open."""

from __future__ import annotations

from dlrun.experiment.training import rules


def test_rules() -> None:
    assert rules.threads(10, convolutional=False, cores=8) == 1
    assert rules.threads(10**9, convolutional=False, cores=8) == 8
    assert rules.threads(10, convolutional=True, cores=8) == 8
    assert rules.jit(10**6, device="cpu", convolutional=False, random=False, num_steps=20_000)
    assert rules.jit(5 * 10**7, device="cpu", convolutional=False, random=False, num_steps=2_000)
    assert not rules.jit(10**5, device="cpu", convolutional=False, random=False, num_steps=2_000)
    assert not rules.jit(10**8, device="cpu", convolutional=True, random=False, num_steps=10**5)
    assert rules.jit(10**8, device="gpu", convolutional=True, random=False, num_steps=10**5)
    assert not rules.jit(10**8, device="cpu", convolutional=False, random=True, num_steps=10**5)
    assert rules.slice_steps(10**15) == 1
    assert rules.slice_steps(1) == rules.MOST_SLICE_STEPS
    assert rules.engine(10**6) == "resident"
    assert rules.engine(10**15) == "streaming"
