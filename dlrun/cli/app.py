"""The program: its commands, and the one place where an error becomes text and an exit code."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from dlrun import __version__
from dlrun.cli.check import check
from dlrun.cli.doctor import doctor
from dlrun.cli.ensemble import ensemble
from dlrun.cli.evaluate import evaluate
from dlrun.cli.export import export
from dlrun.cli.failure import failure_of, report
from dlrun.cli.gc import gc as collect
from dlrun.cli.init import init
from dlrun.cli.logs import logs
from dlrun.cli.ls import ls
from dlrun.cli.predict import predict
from dlrun.cli.reproduce import reproduce
from dlrun.cli.resume import resume
from dlrun.cli.rm import rm
from dlrun.cli.schema import schema
from dlrun.cli.show import show
from dlrun.cli.signals import Signals
from dlrun.cli.train import train
from dlrun.cli.tune import tune
from dlrun.errors import Interrupted

_EPILOG = """\b
Examples:
  dlrun train
  dlrun train config.yaml training.epochs=20
  dlrun show latest
  dlrun predict best new.csv --output predictions.csv
"""

_OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Loading modules makes many objects that all stay; looking for garbage among them often takes a tenth of the time."""

app = typer.Typer(
    name="dlrun",
    help="One YAML file, one honest deep-learning experiment.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,  # rich help would take longer to import than to print
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dlrun {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """One YAML file, one honest deep-learning experiment."""


def _register(command: Any, *example: str) -> None:
    lines = "".join(f"  {line}\n" for line in example)
    app.command(command.__name__, epilog=f"\b\nExample:\n{lines}")(command)


_register(train, "dlrun train config.yaml optimizer.learning_rate=1e-3 --name small-steps")
_register(resume, "dlrun resume latest")
_register(tune, "dlrun tune config.yaml --trials 50")
_register(check, "dlrun check config.yaml --model")
_register(init, "dlrun init csv-classification --output titanic.yaml")
_register(ensemble, "dlrun ensemble 'runs/*' --metric auc", "dlrun ensemble runs --method greedy method.size=50")
_register(predict, "dlrun predict latest new.csv --output predictions.csv --keep id")
_register(evaluate, "dlrun evaluate latest labelled.csv")
_register(export, "dlrun export best --to bundle --output model.zip", "dlrun export latest --best -o best.yaml")
_register(ls, "dlrun ls --last 10")
_register(show, "dlrun show latest")
_register(logs, "dlrun logs latest --follow")
_register(reproduce, "dlrun reproduce best")
_register(rm, "dlrun rm latest")
_register(collect, "dlrun gc --budget 20GB --dry-run")
_register(
    schema,
    "dlrun schema > dlrun.schema.json",
    "sed -i '1i # yaml-language-server: $schema=dlrun.schema.json' config.yaml",
)
_register(doctor, "dlrun doctor")


def main() -> None:
    """Run the program with the arguments of this process, and end the process.

    Everything is written and closed by then. Python's own way out would take TensorFlow apart for about a second,
    during which a further Ctrl-C could only add a traceback.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 10, 10)
    gc.enable()
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    _finish_output()
    os._exit(code)


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
    with Signals() as signals:
        try:
            code = app(args=list(arguments), prog_name="dlrun", standalone_mode=False, obj=facts)
        except BaseException as caught:  # noqa: BLE001 - the outermost place; whatever it is becomes an exit code
            error = caught
    if signals.received is not None:  # Typer has turned the interrupt into an exit of its own
        error = Interrupted(signals.received)
    if error is None:
        return code if isinstance(code, int) else 0
    if os.environ.get("DLRUN_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    return report(failure_of(error), json="--json" in arguments, run=facts.get("run"))


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
