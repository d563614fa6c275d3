"""The way into the program: `dlrun`, or `python -m dlrun`."""

import gc
import os
import signal


def main() -> None:
    """Run the program with the arguments of this process, and end the process."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until the program listens to signals itself, a Ctrl-C ends it without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # until all is loaded; nothing of it is garbage
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # dlrun uses none, and the search for them takes time
    from dlrun.cli.app import main as program

    program()


if __name__ == "__main__":
    main()
