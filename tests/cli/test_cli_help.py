"""Help, version and what they cost."""

from __future__ import annotations

import re

import pytest

from dlrun import __version__

COMMANDS = [
    *["train", "resume", "tune", "check", "init", "ensemble", "predict", "evaluate", "export"],
    *["ls", "show", "logs", "reproduce", "rm", "gc", "schema", "doctor"],
]
HEAVY = {"tensorflow", "keras", "sklearn", "hyperopt", "matplotlib", "polars", "scipy"}


def words(text: str) -> str:
    """Keep the words of a help page; how Typer lays them out and marks types differs from release to release."""
    without_types = re.sub(r" <[a-z\[\]]+>", "", text).replace("{", "").replace("}", "")
    return re.sub(r"\s+", " ", without_types).strip().replace(" Options: ", "\nOptions: ") + "\n"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_says_what_it_said(dlrun, golden, command: str) -> None:
    ended = dlrun(*command.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert "Example" in ended.out
    assert "--json" in ended.out or not command
    golden(f"cli/help{'-' * bool(command)}{command}.txt", words(ended.out))


def test_the_list_of_commands_is_complete_and_not_cut(dlrun) -> None:
    listed = dlrun("--help").out.split("Commands:")[1].split("Examples:")[0]
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == COMMANDS
    assert "..." not in listed


def test_no_arguments_show_the_help(dlrun) -> None:
    ended = dlrun()
    assert ended.code == 2
    assert "Usage: dlrun" in ended.out + ended.err


def test_version(dlrun) -> None:
    ended = dlrun("--version")
    assert (ended.code, ended.out, ended.err) == (0, f"dlrun {__version__}\n", "")


def modules_after(dlrun, *arguments: str) -> set[str]:
    """Run a command in a fresh interpreter; return the top-level names of all modules that it has loaded."""
    program = (
        "import contextlib, io, sys\n"
        "from dlrun.cli.app import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    code = run(sys.argv[1:])\n"
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    process = dlrun.python("-c", program, *arguments)
    out, err = process.communicate(timeout=60)
    code, *names = out.split()
    assert code == "0", err
    return set(names)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["train", "--help"], ["tune", "--help"], ["init", "--list"], ["ls"]]
)
def test_light_commands_load_next_to_nothing(dlrun, arguments: list[str]) -> None:
    loaded = modules_after(dlrun, *arguments)
    avoidable = {"pydantic"} if len(arguments) == 1 and arguments[0] != "ls" else set()  # Typer reads options with it
    heavy = sorted(loaded & (HEAVY | {"numpy", "rich"} | avoidable))
    assert heavy == []


def test_check_of_a_csv_config_loads_no_framework(dlrun) -> None:
    (dlrun.folder / "data.csv").write_text(
        "age,city,label\n" + "".join(f"{n},{'ab'[n % 2]},{n % 2}\n" for n in range(40))
    )
    assert dlrun("init", "csv-classification").code == 0
    loaded = modules_after(dlrun, "check")
    heavy = sorted(loaded & (HEAVY - {"polars"}))
    assert heavy == []


def test_check_of_the_quickstart_loads_no_framework(dlrun) -> None:
    loaded = modules_after(dlrun, "check")
    heavy = sorted(loaded & (HEAVY - {"polars"}))
    assert heavy == []
