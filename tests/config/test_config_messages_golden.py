"""Every mistake has its golden text: `tests/golden/config/NAME.yaml` makes `NAME.txt`.

Lines `# override: key.path=value` of the YAML file are given as overrides. DLRUN_UPDATE_GOLDEN=1 rewrites the texts.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dlrun.base.settings import Settings
from dlrun.config.find import read_text
from dlrun.config.load import load_settings
from dlrun.errors import ConfigError

GOLDEN = Path(__file__).parents[1] / "golden" / "config"
CASES = sorted(GOLDEN.glob("*.yaml"))


def problems_of(case: Path, settings_class: type[Settings]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read_and_load(case, settings_class)
    return [str(problem) for problem in raised.value.problems]


def read_and_load(case: Path, settings_class: type[Settings]) -> None:
    text = read_text(case, case.name)
    marked = [line for line in text.splitlines() if line.startswith("# override: ")]
    load_settings(text, case.name, [line.removeprefix("# override: ") for line in marked], settings_class)


def test_there_are_cases() -> None:
    assert len(CASES) > 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_problems_read_as_the_golden_text(case: Path, small: type[Settings]) -> None:
    found = "".join(f"{problem}\n" for problem in problems_of(case, small))
    golden = case.with_suffix(".txt")
    if os.environ.get("DLRUN_UPDATE_GOLDEN"):
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_every_problem_names_its_place_and_takes_one_line(case: Path, small: type[Settings]) -> None:
    for problem in problems_of(case, small):
        assert problem.startswith((f"{case.name}:", "override '"))
        assert "\n" not in problem
        assert problem.isprintable()
        assert len(problem) < 400
