"""The way into the program: `dlrun`, or `python -m dlrun`."""

import gc
import os
import signal

from dlrun.base.limits import memory_limit


def main() -> None:
    """Run the program with the arguments of this process, and end the process."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until the program listens to signals itself, a Ctrl-C ends it without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # until all is loaded; nothing of it is garbage
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # dlrun uses none, and the search for them takes time
    limit = memory_limit()
    if limit is not None:
        try:
            from dlrun.cli.supervision import supervised
        except MemoryError:  # Python itself has just had room to start
            os.write(2, f"error: memory ran out: {limit}\n{limit.remedy}\n".encode())
            os._exit(1)
        supervised(_program, limit)
    os._exit(_program())


def _program() -> int:
    """Carry out the command; return its exit code."""
    from dlrun.cli.app import main as program

    return program()


if __name__ == "__main__":
    main()
