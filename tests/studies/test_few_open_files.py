"""A study of a process that may open few files."""

from __future__ import annotations

import pytest

LIMITED = """
import resource, runpy, sys
number = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))
runpy.run_module("dlrun", run_name="__main__")
"""
CONFIG = """
dataset: iris
model: linear
evaluation: {bootstrap: 10}
tuner: {kind: random, trials: 14, space: {model.l2: {loguniform: [0.01, 10]}}, selection: {finalists: 1, rescorings: 0}}
"""


@pytest.mark.parametrize("most", [10, 16, 20])
def test_it_says_that_it_may_open_no_more(dlrun, most: int) -> None:
    (dlrun.folder / "c.yaml").write_text(CONFIG)
    process = dlrun.python("-c", LIMITED, str(most), "tune", "c.yaml", "-j", "12", "-q")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "this process may open no more files" in err
    assert "ulimit -n" in err
    assert "internal error" not in err
