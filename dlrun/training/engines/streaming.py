"""The streaming engine: batches come from the host through tf.data into Keras' own `fit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlrun.training.engines.inference import rows_at_once
from dlrun.training.engines.memory import computing
from dlrun.training.engines.resident import _optimizer as optimizer_of

if TYPE_CHECKING:
    import keras

    from dlrun.training.engines.engine import OnSlice
    from dlrun.validation.plan import Rows


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
        self._data: tuple[NDArray[Any], ...] = ()

    def load(self, x: NDArray[Any], y: NDArray[Any], weights: NDArray[np.float32] | None) -> None:
        """Keep references to the host's arrays, which may be memory-mapped."""
        self._data = (x, y) if weights is None else (x, y, weights)

    @computing("training")
    def train_epoch(self, order: Rows, rates: NDArray[np.float32], on_slice: OnSlice) -> dict[str, float]:
        """Run one epoch of `fit` over batches that are gathered on the host."""
        num_steps = -(-len(order) // self._batch_size)
        news = _steps_callback(self._model, rates, num_steps, self._slice_steps, on_slice)
        batches = self._batches(self._data, order).apply(_with_cardinality(num_steps))
        history = self._model.fit(batches, epochs=1, verbose=0, callbacks=[news], shuffle=False).history
        return {name: float(values[-1]) for name, values in history.items()}

    @computing("predicting")
    def predict(self, x: NDArray[Any], rows: Rows) -> NDArray[np.float32]:
        """Predict chunk by chunk, each copied to the device on its way."""
        starts = range(0, max(len(rows), 1), self._chunk)
        chunks = [self._model.predict_on_batch(x[rows[start : start + self._chunk]]) for start in starts]
        return np.concatenate(chunks).astype(np.float32, copy=False)

    def _batches(self, data: tuple[NDArray[Any], ...], order: Rows) -> Any:
        import tensorflow as tf

        types = [tf.as_dtype(column.dtype) for column in data]

        def gather(rows: Any) -> Any:
            columns = tf.numpy_function(lambda numbers: [column[numbers] for column in data], [rows], types)
            for column, source in zip(columns, data, strict=True):
                column.set_shape((None, *source.shape[1:]))
            return tuple(columns)

        batches = tf.data.Dataset.from_tensor_slices(order).batch(self._batch_size)
        return batches.map(gather).prefetch(2)


def _with_cardinality(num_steps: int) -> Any:
    import tensorflow as tf

    return tf.data.experimental.assert_cardinality(num_steps)


def _steps_callback(
    model: keras.Model, rates: NDArray[np.float32], num_steps: int, slice_steps: int, on_slice: OnSlice
) -> keras.callbacks.Callback:
    """Build the callback that sets each step's learning rate and reports each slice."""
    import keras

    class Steps(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            optimizer_of(model).learning_rate.assign(rates[batch])

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            done = batch + 1
            if done % slice_steps == 0 and done < num_steps:
                on_slice(done / num_steps, dict(logs or {}))

    return Steps()
