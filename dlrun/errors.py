"""Every error that dlrun raises for a user, and the exit code of each.

    DlrunError                 anything a user can mend
    ├── UsageError        2    the command line asks for something impossible
    ├── ConfigError       2    the config is wrong; holds every problem of the file
    ├── DataError         2    the dataset is missing or cannot be used as asked
    ├── ModelError        2    the model cannot be built, or does not fit the data
    │   └── ModelTooLarge 2    it does not fit into memory; an OutOfMemory as well
    ├── RunFailed         1    training started and could not end well
    │   ├── Diverged      1    the loss became NaN or infinite
    │   └── OutOfMemory   1    memory did not suffice, of the machine, of the GPU, or within a limit of the process
    ├── StorageError      1    a file of a run could not be written or read
    └── OutOfResources    1    the system gives this process no more files, processes or threads
    KeyboardInterrupt
    └── Interrupted  130/143   a signal asked the run to stop

Library code raises; only `dlrun.cli.app` turns an error into text and an exit code.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass


class DlrunError(Exception):
    """Anything that went wrong and that the user can mend.

    Args:
        message: What was found and what was expected, in one sentence or two.
        remedy: What to change, as an instruction; shown on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class UsageError(DlrunError):
    """The command line asks for something impossible."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One fault of a config, at the place where it was written.

    Args:
        place: `file:line:column`, or the override as it was typed; empty for a setting that was not written.
        path: Dotted path of the setting as the YAML is written, such as `model.layers.0.dense.units`.
        message: What was found and what was expected.
        hint: The nearest known name or another remedy; empty if there is none.
    """

    place: str
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.place, self.path, self.message) if part)
        if not self.hint:
            return text
        return f"{text}{'' if text[-1:] in '.!?' else '.'} {self.hint}"


class ConfigError(DlrunError):
    """The config is wrong.

    Args:
        problems: Every fault that was found, in the order of the file.
    """

    exit_code = 2

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class DataError(DlrunError):
    """The dataset is missing or cannot be used as asked."""

    exit_code = 2


class ModelError(DlrunError):
    """The model cannot be built, or does not fit the data."""

    exit_code = 2


class RunFailed(DlrunError):
    """Training started and could not end well."""


class Diverged(RunFailed):
    """The loss became NaN or infinite."""


class OutOfMemory(RunFailed):
    """Memory did not suffice, of the machine or of the GPU, or within a limit of this process."""


class ModelTooLarge(ModelError, OutOfMemory):
    """The model does not fit into memory."""


class StorageError(DlrunError):
    """A file of a run could not be written or read."""


class OutOfResources(DlrunError):
    """The system gives this process no more files, processes or threads."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to stop.

    It is no `Exception`, since it may be raised anywhere: TensorFlow and Keras catch exceptions in many places and go
    on, or raise one of their own.

    Args:
        signal_number: The signal, such as `signal.SIGINT`.
    """

    def __init__(self, signal_number: int) -> None:
        self.message = f"stopped by {signal.Signals(signal_number).name}"
        super().__init__(self.message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number
