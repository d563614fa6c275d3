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

import errno
import signal
from dataclasses import dataclass

from dlrun.limits import is_exhausted, memory_limit, near_limit


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


NO_MORE = {
    errno.EMFILE: ("this process may open no more files", "Raise the limit, as with `ulimit -n 1024`."),
    errno.ENFILE: ("the system opens no more files", "Close other programs, or run fewer jobs at a time."),
    errno.EAGAIN: (
        "the system starts no more processes or threads for this user",
        "Raise the limit, as with `ulimit -u 4096`, or run fewer jobs at a time.",
    ),
}
"""What the system says when it gives a process no more of something, in words, and what to do."""

_NO_THREAD = "can't start new thread"
"""What Python says, in an error that has no class of its own."""

_OF_LIBRARIES = (ImportError, SystemError, RuntimeError, AttributeError)
"""Classes of what libraries raise when memory is refused to them and they do not expect it: a call of C that fails
without saying why, or a module that is there in part."""


def own(error: BaseException, otherwise: BaseException | None = None) -> BaseException:
    """Return dlrun's own error for a refusal of the system that can come up anywhere.

    Args:
        error: Whatever was caught.
        otherwise: What stands for any other error; the error itself unless given.
    """
    if isinstance(error, DlrunError | KeyboardInterrupt | SystemExit):
        return otherwise or error
    if is_exhausted(error):
        return out_of_memory()
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        if near_limit() is not None:  # the room for the stack of a thread is what is missing
            return out_of_memory("no further thread can be started")
        number = errno.EAGAIN
    if number in NO_MORE and not isinstance(error, ConnectionError):
        message, remedy = NO_MORE[number]
        return OutOfResources(message, remedy=remedy)
    if otherwise is None and isinstance(error, _OF_LIBRARIES) and (limit := near_limit()) is not None:
        return out_of_memory(f"it seems: {limit}, and a library fails with {type(error).__name__}: {error}")
    return otherwise or error


def out_of_memory(detail: str = "", remedy: str | None = None) -> OutOfMemory:
    """Return an error of memory that ran out.

    Args:
        detail: What there was no room for, or how that showed; empty to tell the limit of the process, if it has one.
        remedy: What takes less; to use fewer rows unless given.
    """
    limit = memory_limit()
    if limit is not None and str(limit) not in detail:
        detail = f"{detail}; {limit}" if detail else str(limit)
    advice = remedy or "Use fewer rows with dataset.limit, or a machine with more memory."
    remedies = [limit.remedy, advice] if limit else [advice]
    return OutOfMemory(f"memory ran out{': ' if detail else ''}{detail}", remedy=" ".join(remedies))


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
