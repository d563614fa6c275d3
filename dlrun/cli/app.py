"""The program: its commands, and the one place where an error becomes text and an exit code."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dlrun.base.version import __version__
from dlrun.cli.completion import whole_words
from dlrun.cli.failure import failure_of, report
from dlrun.cli.signals import Signals
from dlrun.errors import Interrupted

_EPILOG = """\b
Examples:
  dlrun train
  dlrun train config.yaml training.epochs=20
  dlrun show latest
  dlrun predict best new.csv --output predictions.csv
"""

_OBJECTS_BETWEEN_COLLECTIONS = 200_000
"""Loading modules makes many objects that all stay; looking for garbage among them often takes a tenth of the time."""

_COMMANDS = Path(__file__).parent / "commands"

_ORDER = (
    *("train", "resume", "tune", "check", "init", "ensemble", "predict", "evaluate", "export"),
    *("ls", "show", "logs", "reproduce", "rm", "gc", "schema", "doctor"),
)
"""The order of the help, that of the work with dlrun; a command that is not named here comes after these."""


def command_names() -> list[str]:
    """Return the names of all commands: each is a function in a file of `commands/` that bears its name."""
    found = sorted(path.stem for path in _COMMANDS.glob("*.py") if path.stem != "__init__")
    return sorted(found, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))


def program(commands: Iterable[str]) -> typer.Typer:
    """Put the program together.

    Args:
        commands: Which commands it knows; reading the parameters of all of them takes longer than most of them work.
    """
    app = typer.Typer(
        name="dlrun",
        help="One YAML file, one honest deep-learning experiment.",
        epilog=_EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,  # rich help would take longer to import than to print
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    for name in commands:
        module = importlib.import_module(f"dlrun.cli.commands.{name}")
        lines = "".join(f"  {line}\n" for line in module.EXAMPLES)
        app.command(name, epilog=f"\b\nExample:\n{lines}")(getattr(module, name))
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dlrun {__version__}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """One YAML file, one honest deep-learning experiment."""


def main() -> int:
    """Run the program with the arguments of this process.

    Everything is written and closed then, and the process is to end at once: Python's own way out would take TensorFlow
    apart for about a second, during which a further Ctrl-C could only add a traceback.

    Returns:
        The exit code.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 10, 10)
    gc.enable()
    _show_warnings()
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    whole_words(os.environ)
    code = run(sys.argv[1:])
    _finish_output()
    return code


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: What stands behind `dlrun` on the command line.

    Returns:
        The exit code.
    """
    facts: dict[str, Any] = {}
    error: BaseException | None = None
    code: object = 0
    signals = Signals()
    try:
        with signals:
            try:
                known = command_names()
                app = program(set(arguments[:1]) & set(known) or known)
                code = app(args=list(arguments), prog_name="dlrun", standalone_mode=False, obj=facts)
            except BaseException as caught:  # noqa: BLE001 - the outermost place; whatever it is becomes an exit code
                error = caught
    except RuntimeError as caught:  # no thread can be started that listens to signals
        error = caught
    if signals.received is not None:  # Typer has turned the interrupt into an exit of its own
        error = Interrupted(signals.received)
    if error is None:
        return code if isinstance(code, int) else 0
    if os.environ.get("DLRUN_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    return report(failure_of(error), json="--json" in arguments, run=facts.get("run"))


def _show_warnings() -> None:
    """Let warnings be shown where PYTHONWARNINGS or -W would make them errors: Keras has some that end every run."""
    if any(option.startswith("error") for option in sys.warnoptions):
        warnings.simplefilter("default")


def _open_closed_streams() -> None:
    """Lead streams that the parent has closed to nowhere: else the next file to be opened would take their place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None and os.open(os.devnull, os.O_RDWR) == number:
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: SIM115, PTH123


def _finish_output() -> None:
    """Flush what was printed, if somebody still reads it."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
