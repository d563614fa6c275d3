"""Memory that runs out is told, whatever TensorFlow calls it."""

from __future__ import annotations

import pytest

from dlrun.errors import ModelError
from dlrun.learners.engines import memory


def exhausted() -> Exception:
    import tensorflow as tf

    message = "OOM when allocating tensor with shape[32,1000] and type float on /job:localhost/device:CPU:0"
    return tf.errors.ResourceExhaustedError(None, None, message)


def test_a_network_that_is_too_large_names_its_largest_array() -> None:
    with pytest.raises(ModelError, match=r"no room for an array of shape \(32, 1000\)\n"), memory.building():
        raise exhausted()
    with pytest.raises(ModelError, match=r"does not fit into memory\nMake"), memory.building():
        raise MemoryError


def test_sizes_beyond_all_numbers_are_too_large_and_other_errors_pass() -> None:
    import tensorflow as tf

    with pytest.raises(ModelError, match=r"of shape \(5, 9000\)"), memory.building():
        raise tf.errors.InvalidArgumentError(None, None, "Shape [5,9000] would have more than 2**63 - 1 elements")
    with pytest.raises(tf.errors.InvalidArgumentError), memory.building():
        raise tf.errors.InvalidArgumentError(None, None, "another")


@pytest.mark.parametrize("signs", ["RESOURCE_EXHAUSTED: too much", "Dst tensor is not initialized."])
def test_other_classes_of_errors_that_mean_the_same_are_recognized(signs: str) -> None:
    import tensorflow as tf

    assert memory.is_exhausted(tf.errors.InternalError(None, None, signs))
    assert not memory.is_exhausted(tf.errors.InternalError(None, None, "another"))
    assert memory.is_exhausted(MemoryError())
    assert not memory.is_exhausted(ValueError(signs))
