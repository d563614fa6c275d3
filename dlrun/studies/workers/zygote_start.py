"""Starting the zygote: the process that all workers are forked from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dlrun.base.inside import Inside
from dlrun.base.limits import own
from dlrun.errors import StorageError

PROGRAM = (
    "-P",
    "-c",
    f"import sys; sys.path.append({str(Path(__file__).parents[2])!r}); "
    "from dlrun.studies.workers.zygote import main; main()",
)
"""Arguments that make the interpreter run the zygote. Unlike `-m`, they import no module of the current folder, and
they find dlrun where it is not installed."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


def start_zygote(program: Sequence[str], descriptor: int, log: Inside, *, one_thread: bool) -> subprocess.Popen[bytes]:
    """Start the zygote; it waits for its order on a socket.

    Args:
        program: Arguments that make the interpreter run it.
        descriptor: Its end of the socket.
        log: File that takes what the processes write to their standard outputs.
        one_thread: Whether numerical libraries are to use one thread a process.

    Raises:
        StorageError: It cannot be started.
    """
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    if one_thread:
        environment |= dict.fromkeys(_ONE_THREAD, "1")
    try:
        with os.fdopen(log.open_to_append(), "ab") as output:
            return subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, *program, str(descriptor), str(os.getpid())],
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,  # Ctrl-C is for the driver, which then stops the workers in order
            )
    except OSError as error:
        raise own(error, StorageError(f"cannot start the workers: {error}")) from error
