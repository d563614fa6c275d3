"""Starting TensorFlow: quietly, deterministic, with the threads and the device that were asked for."""

from __future__ import annotations

import contextlib
from typing import Any, Literal

from dlrun.base.backend import import_keras
from dlrun.base.requirement import install
from dlrun.errors import UsageError


def preload() -> None:
    """Import TensorFlow and Keras and nothing more: no operation runs, so that the process may still be forked."""
    import_keras()


def begin(device: Literal["cpu", "gpu", "auto"]) -> Literal["cpu", "gpu"]:
    """Import TensorFlow behind Keras and choose the device.

    Args:
        device: Where to compute; `auto` takes the GPU if there is one.

    Returns:
        The device chosen.

    Raises:
        UsageError: A GPU was asked for and none is there, or Keras already runs on another backend.
    """
    keras = import_keras()
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise UsageError(
            f"Keras runs on the backend {keras.backend.backend()!r}, but dlrun's engines need 'tensorflow'",
            remedy="Unset KERAS_BACKEND, or set it to tensorflow, before Keras is imported.",
        )
    _choose_device(tf, device)
    tf.get_logger().setLevel("ERROR")  # an ensemble's members look to it like one function that is traced in vain
    tf.config.experimental.enable_op_determinism()
    return "gpu" if tf.config.get_visible_devices("GPU") else "cpu"


def set_threads(threads: int) -> int:
    """Set the sizes of TensorFlow's thread pools, which only works before its first operation.

    Args:
        threads: Threads of a single operation.

    Returns:
        The threads in force: a process that has computed before keeps those it has.
    """
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1 if threads == 1 else 2)
    return int(tf.config.threading.get_intra_op_parallelism_threads()) or threads


def devices() -> list[str]:
    """Return the names of the devices that TensorFlow computes on."""
    import tensorflow as tf

    return [device.name for device in tf.config.get_visible_devices()]


def _choose_device(tf: Any, device: str) -> None:
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise UsageError(
            "training.device is 'gpu', but TensorFlow finds no GPU on this machine",
            remedy=f"Install the CUDA libraries with: {install('gpu')}, or set training.device=cpu.",
        )
    try:
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        for gpu in tf.config.get_visible_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError as error:
        raise UsageError(
            f"training.device is {device!r}, but TensorFlow already uses another device in this process ({error})",
            remedy="Start a new process for this run.",
        ) from error
