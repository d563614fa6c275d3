"""Importing Keras: on TensorFlow, and quietly."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType


def import_keras() -> ModuleType:
    """Import Keras on TensorFlow, without the lines that TensorFlow's C++ code writes to standard error.

    Keras that was imported before stays as it is, whatever backend it runs on.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    with _silenced() if "tensorflow" not in sys.modules else contextlib.nullcontext():
        import keras
    module: ModuleType = keras
    return module


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Hold back file descriptor 2; what was written there is shown after all if an error passes through."""
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
