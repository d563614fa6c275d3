"""Whatever stands in place of files and folders that somebody hands over, commands do no harm with them.

`tests/benchmarks/fuzz_folders.py` tries thousands of other seeds, and tries one again.
"""

from __future__ import annotations

from typing import Any

import pytest

NUM_ATTEMPTS = 320
GROUP = 20


@pytest.mark.parametrize("first", range(0, NUM_ATTEMPTS, GROUP))
def test_no_command_does_harm(handed: Any, commands: Any, first: int) -> None:
    """Every command meets every kind that it takes, about three times."""
    pairs = [(kind, command.name) for command in commands.COMMANDS for kind in command.kinds]
    assert len(pairs) <= NUM_ATTEMPTS // 2
    attempts = [handed.attempt(seed, *pairs[seed % len(pairs)]) for seed in range(first, first + GROUP)]
    wrong = [str(attempt) for attempt in attempts if attempt.result == "wrong"]
    assert not wrong, "\n".join(wrong)


def test_commands_that_take_a_run_are_tried(commands: Any, run_commands: list[str]) -> None:
    tried = {command.arguments[0] for command in commands.COMMANDS}
    assert {*run_commands, "ls", "rm", "gc", "tune", "train", "check", "python:load"} <= tried


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("Path('../outside/secret.txt').write_text('TOPSECRET7391')", "outside: outside/secret.txt is changed"),
        ("Path('../outside/folder/secret.txt').unlink()", "outside: outside/folder/secret.txt is gone"),
        ("Path('runs/new').mkdir()", "outside: work/runs/new is new"),
        ("Path('linear.yaml').chmod(0o600)", "outside: work/linear.yaml is changed"),
        ("__import__('runpy').run_path('canary.py')", "code ran"),
        ("print(Path('../outside/secret.txt').read_text())", "the secret was told"),
        ("(b'x' * 700 * 2**20).count(b'y')", "took 7"),
        ("raise ValueError('x')", "internal error"),
        ("__import__('os').kill(__import__('os').getpid(), 11)", "ended with -11"),
        ("while True: pass", "took more than 10 s"),
    ],
)
def test_harm_is_seen(handed: Any, harm: str, told: str) -> None:
    """What looks for harm finds it: a command that does some is told of."""
    found = handed.harm_of(f"from pathlib import Path\n{harm}")
    assert any(what.startswith(told) for what in found), found
