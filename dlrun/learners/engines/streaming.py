"""The streaming engine: batches come from the host through tf.data into Keras' own `fit`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.base import interruption
from dlrun.learners.engines.engine import given, rows_at_once
from dlrun.learners.variables import assign, copies, optimizer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from dlrun.experiment.datasets.inputs import Inputs
    from dlrun.experiment.validation.plan import Rows
    from dlrun.learners.engines.engine import Midway, OnSlice


class StreamingEngine:
    """Trains on data that need not fit the device: only the batches in flight are copied there.

    The order of rows is the same as the resident engine's, and so are the records.

    Args:
        model: Compiled functional model.
        batch_size: Rows a step.
        slice_steps: Steps between two calls of `on_slice`.
    """

    def __init__(self, model: keras.Model, *, batch_size: int, slice_steps: int) -> None:
        self._model = model
        self._batch_size = batch_size
        self._slice_steps = slice_steps
        self._chunk = rows_at_once(model)
        self._names: list[str] = []
        self._data: tuple[NDArray[Any], ...] = ()

    def load(self, x: Inputs, y: NDArray[Any], weights: NDArray[np.float32] | None) -> None:
        """Keep references to the host's arrays, which may be memory-mapped."""
        self._names = list(x.arrays)
        self._data = (*x.arrays.values(), *((y,) if weights is None else (y, weights)))

    def train_epoch(
        self, order: Rows, rates: NDArray[np.float32], on_slice: OnSlice, midway: Midway | None = None
    ) -> dict[str, float]:
        """Run one epoch of `fit` over batches that are gathered on the host."""
        if midway is not None:
            self._build_metrics()
        steps = _Steps(self._model, rates, self._slice_steps, on_slice, midway)
        rest = order[steps.first_step * self._batch_size :]
        num_steps = -(-len(rest) // self._batch_size)
        batches = self._batches(self._data, rest).apply(_with_cardinality(num_steps))
        history = self._model.fit(batches, epochs=1, verbose=0, callbacks=[steps.callback()], shuffle=False).history
        steps.put_back()
        return {name: float(values[-1]) for name, values in history.items()}

    def predict(self, x: Inputs, rows: Rows) -> NDArray[np.float32]:
        """Predict chunk by chunk, each copied to the device on its way."""
        starts = range(0, max(len(rows), 1), self._chunk)
        chunks = []
        for start in starts:
            interruption.check()
            chunk = rows[start : start + self._chunk]
            chunks.append(
                self._model.predict_on_batch(given(list(x.arrays), [array[chunk] for array in x.arrays.values()]))
            )
        return np.concatenate(chunks).astype(np.float32, copy=False)

    def _build_metrics(self) -> None:
        """Let the metrics make their variables, which Keras else does while it trains the first batch."""
        x, y, *weights = self._sorted([column[:1] for column in self._data])
        self._model.compute_metrics(x, y, self._model(x, training=False), *weights)

    def _sorted(self, columns: Sequence[Any]) -> tuple[Any, ...]:
        """Return inputs, targets and weights, if there are any, of columns in the order of the data."""
        num_inputs = len(self._names)
        return (given(self._names, columns[:num_inputs]), *columns[num_inputs:])

    def _batches(self, data: tuple[NDArray[Any], ...], order: Rows) -> Any:
        import tensorflow as tf

        types = [tf.as_dtype(column.dtype) for column in data]

        def gather(rows: Any) -> Any:
            columns = tf.numpy_function(lambda numbers: [column[numbers] for column in data], [rows], types)
            for column, source in zip(columns, data, strict=True):
                column.set_shape((None, *source.shape[1:]))
            return self._sorted(columns)

        batches = tf.data.Dataset.from_tensor_slices(order).batch(self._batch_size)
        return batches.map(gather).prefetch(2)


def _with_cardinality(num_steps: int) -> Any:
    import tensorflow as tf

    return tf.data.experimental.assert_cardinality(num_steps)


@dataclass
class _Steps:
    """Goes along with one epoch of `fit`: begins midway, sets each step's learning rate, reports each slice."""

    model: keras.Model
    rates: NDArray[np.float32]
    slice_steps: int
    on_slice: OnSlice
    midway: Midway | None
    weights: list[NDArray[Any]] = field(default_factory=list)

    @property
    def first_step(self) -> int:
        return 0 if self.midway is None else self.midway.step

    def callback(self) -> keras.callbacks.Callback:
        """Return what Keras calls."""
        import keras

        return keras.callbacks.LambdaCallback(
            on_epoch_begin=self._begin,
            on_train_batch_begin=self._set_rate,
            on_train_batch_end=self._report,
            on_epoch_end=self._remember,
        )

    def _begin(self, _epoch: int, logs: Any) -> None:  # noqa: ARG002 - Keras gives it by name
        """Keras has just set the metrics to zero."""
        if self.midway is not None:
            assign(self.model.metrics_variables, self.midway.metrics)

    def _set_rate(self, batch: int, logs: Any) -> None:  # noqa: ARG002
        optimizer_of(self.model).learning_rate.assign(self.rates[self.first_step + batch])

    def _report(self, batch: int, logs: Any) -> None:
        done = self.first_step + batch + 1
        if done % self.slice_steps == 0 and done < len(self.rates):
            self.on_slice(done, dict(logs or {}))

    def _remember(self, _epoch: int, logs: Any) -> None:  # noqa: ARG002
        if optimizer_of(self.model).use_ema:
            self.weights = copies(self.model.trainable_variables)

    def put_back(self) -> None:
        """Undo the end of `fit`, which leaves the optimizer's moving average in place of the weights."""
        if self.weights:
            assign(self.model.trainable_variables, self.weights)
