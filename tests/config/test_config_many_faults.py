"""A file with more faults than anyone wants to read."""

from __future__ import annotations

import pytest

from dlrun.errors import ConfigError
from dlrun.experiment.load import load_text


@pytest.mark.parametrize("num_repeated", [49, 50, 51, 200])
@pytest.mark.parametrize("end", ["", ",", "\n- x", "a: b: c", "\t"])
def test_repeated_keys_and_then_a_fault_of_syntax(num_repeated: int, end: str) -> None:
    text = "dataset: iris\nmodel: linear" + "\nmodel: linear" * num_repeated + end
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    problems = caught.value.problems
    assert len(problems) <= 51
    assert "the rest is not read" in problems[-1].message or num_repeated < 50
    assert all(problem.place for problem in problems)
