"""The resident engine: the data live on the device, and one graph walks a whole epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base import interruption
from dlrun.learners.engines.engine import given, rows_at_once
from dlrun.learners.variables import assign, optimizer_of

if TYPE_CHECKING:
    import keras

    from dlrun.experiment.datasets.inputs import Inputs
    from dlrun.experiment.validation.plan import Rows
    from dlrun.learners.engines.engine import Midway, OnSlice

Walk = Callable[[NDArray[np.int32], NDArray[np.float32]], None]
"""Takes a step on every batch of some rows, each with a learning rate of its own."""


class ResidentEngine:
    """Trains over arrays in the device's memory, gathering each batch by row number inside the graph.

    Keras' `fit` spends more time on iterators than on arithmetic when data are small; here Python is entered once a
    slice. The arithmetic of a step is the Keras model's own `train_step`, traced once and used for full and last
    batches, for every slice and every fold.

    Args:
        model: Compiled functional model.
        batch_size: Rows a step.
        jit: Whether XLA compiles the walk over the full batches.
        slice_steps: Most steps between two calls of `on_slice`.
    """

    def __init__(self, model: keras.Model, *, batch_size: int, jit: bool, slice_steps: int) -> None:
        self._model = model
        self._batch_size = batch_size
        self._jit = jit
        self._slice_steps = slice_steps
        self._chunk = rows_at_once(model)
        self._inputs: Inputs | None = None
        self._targets: tuple[Any, ...] = ()
        self._data: tuple[Any, ...] = ()
        self._walk: Walk | None = None
        self._forward: Any = None

    def load(self, x: Inputs, y: NDArray[Any], weights: NDArray[np.float32] | None) -> None:
        """Copy the data to the device, unless these very arrays are there already."""
        targets = (y,) if weights is None else (y, weights)
        if x.is_same_as(self._inputs) and _are(targets, self._targets):
            return
        import tensorflow as tf

        self._data = ()
        self._data = tuple(tf.constant(array) for array in (*x.arrays.values(), *targets))
        self._inputs, self._targets = x, targets

    def train_epoch(
        self, order: Rows, rates: NDArray[np.float32], on_slice: OnSlice, midway: Midway | None = None
    ) -> dict[str, float]:
        """Walk all batches, of which the last may be smaller, in slices."""
        if self._walk is None:
            self._walk = self._compiled() if self._jit else self._traced()
        num_steps, size = math.ceil(len(order) / self._batch_size), self._batch_size
        rows = order.astype(np.int32)
        for first, last in _slices(num_steps, self._slice_steps, self._begin(midway)):
            self._walk(rows[first * size : last * size], rates[first:last])
            if last < num_steps:
                on_slice(last, self._metrics())
        return self._metrics()

    def _begin(self, midway: Midway | None) -> int:
        """Set the running metrics to where the epoch begins; return its first step."""
        self._model.reset_metrics()
        if midway is None:
            return 0
        assign(self._model.metrics_variables, midway.metrics)
        return midway.step

    def predict(self, x: Inputs, rows: Rows) -> NDArray[np.float32]:
        """Predict in chunks that keep the activations small."""
        if self._forward is None:
            self._trace_forward(x)
        import tensorflow as tf

        there = x.is_same_as(self._inputs)
        data = self._data[: len(x.arrays)] if there else [tf.constant(array) for array in x.arrays.values()]
        wanted = rows.astype(np.int32)
        chunks = [wanted[start : start + self._chunk] for start in range(0, max(len(wanted), 1), self._chunk)]
        predictions = []
        for chunk in chunks:
            interruption.check()
            predictions.append(self._forward(tf.constant(chunk), *data).numpy())
        return np.concatenate(predictions)

    @property
    def _names(self) -> list[str]:
        return [] if self._inputs is None else list(self._inputs.arrays)

    def _metrics(self) -> dict[str, float]:
        return {name: float(value) for name, value in self._model.get_metrics_result().items()}

    def _step(self, rows: Any, rate: Any, *data: Any) -> None:
        """Take one step on some rows."""
        import tensorflow as tf

        optimizer_of(self._model).learning_rate.assign(rate)
        names, columns = self._names, [tf.gather(column, rows) for column in data]
        self._model.train_step((given(names, columns[: len(names)]), *columns[len(names) :]))

    def _specs(self) -> list[Any]:
        """Return the forms of the data: any number of rows by one trace, as each fold has its own."""
        import tensorflow as tf

        return [tf.TensorSpec((None, *column.shape[1:]), column.dtype) for column in self._data]

    def _traced(self) -> Walk:
        """Return what walks over rows in one graph, whose batches have any size."""
        import tensorflow as tf

        size = self._batch_size

        def walk(rows: Any, rates: Any, *data: Any) -> None:
            def walk_one(number: Any) -> tuple[Any]:
                self._step(rows[number * size : (number + 1) * size], rates[number], *data)
                return (number + 1,)

            num_steps = tf.shape(rates)[0]
            tf.while_loop(lambda number: number < num_steps, walk_one, (tf.constant(0),))

        signature = [tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), tf.float32), *self._specs()]
        # Traced at once, as that makes the variables of the metrics, which a state in the midst of an epoch fills.
        graph = tf.function(walk, autograph=False).get_concrete_function(*signature)
        return lambda rows, rates: graph(tf.constant(rows), tf.constant(rates), *self._data)

    def _compiled(self) -> Walk:
        """Return what walks over rows by XLA, which needs batches of one size; a smaller one goes through a graph."""
        import tensorflow as tf

        size = self._batch_size
        # One concrete function for the loop and for the last batch: called as a tf.function it would be traced twice.
        signature = [tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.float32), *self._specs()]
        step = tf.function(self._step, autograph=False).get_concrete_function(*signature)

        def walk(batches: Any, rates: Any, *data: Any) -> None:
            def walk_one(number: Any) -> tuple[Any]:
                step(batches[number], rates[number], *data)
                return (number + 1,)

            num_steps = tf.shape(batches)[0]
            tf.while_loop(lambda number: number < num_steps, walk_one, (tf.constant(0),))

        signature = [tf.TensorSpec((None, size), tf.int32), tf.TensorSpec((None,), tf.float32), *self._specs()]
        compiled = tf.function(walk, autograph=False, jit_compile=True, input_signature=signature)

        def walk_all(rows: NDArray[np.int32], rates: NDArray[np.float32]) -> None:
            num_full = len(rows) // size
            if num_full:
                batches = rows[: num_full * size].reshape(num_full, size)
                compiled(tf.constant(batches), tf.constant(rates[:num_full]), *self._data)
            if num_full < len(rates):
                step(tf.constant(rows[num_full * size :]), tf.constant(rates[-1]), *self._data)

        return walk_all

    def _trace_forward(self, x: Inputs) -> None:
        import tensorflow as tf

        names = list(x.arrays)

        def forward(rows: Any, *data: Any) -> Any:
            inputs = given(names, [tf.gather(column, rows) for column in data])
            return tf.cast(self._model(inputs, training=False), tf.float32)

        # Any number of rows by one trace: each part of the data has its own.
        specs = [tf.TensorSpec((None, *form.shape), form.dtype) for form in x.forms.values()]
        signature = [tf.TensorSpec((None,), tf.int32), *specs]
        self._forward = tf.function(forward, autograph=False, input_signature=signature)


def _are(arrays: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    """Tell whether arrays are the very same objects as others."""
    return len(arrays) == len(others) and all(one is other for one, other in zip(arrays, others, strict=True))


def _slices(num_steps: int, most: int, begin: int = 0) -> list[tuple[int, int]]:
    """Cut steps into runs of nearly equal length, none longer than `most`; leave out those before `begin`."""
    if num_steps == 0:
        return []
    length = math.ceil(num_steps / math.ceil(num_steps / most))
    cuts = [(first, min(first + length, num_steps)) for first in range(0, num_steps, length)]
    return [(max(first, begin), last) for first, last in cuts if last > begin]
