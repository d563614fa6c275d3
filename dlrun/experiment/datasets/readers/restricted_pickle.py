"""Unpickling nothing but numbers, text, lists, mappings and NumPy arrays of these.

CIFAR's batches and the word lists of IMDB and Reuters are distributed as pickles. A pickle can name any function to be
called; here every name but the three that rebuild an array is refused, and these are replaced by ones that can do
nothing else, so that a forged file can neither run code nor end the process.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from typing import IO, Any

import numpy as np

_DAMAGE = (
    *(EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, MemoryError, OverflowError),
    *(RuntimeError, SystemError),  # NumPy's, of types that are put together wrongly
)
_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


def load(stream: IO[bytes]) -> Any:
    """Return what a stream holds, read to its end; text of Python 2 becomes bytes.

    Raises:
        pickle.UnpicklingError: The stream names something else than arrays, or is damaged.
    """
    content = stream.read()
    _check_memo(content)
    try:
        return _as_arrays(_Unpickler(io.BytesIO(content), encoding="bytes").load())
    except _DAMAGE as error:
        raise pickle.UnpicklingError(f"it is damaged: {error}") from error


def _check_memo(content: bytes) -> None:
    """Refuse places in the memo that are out of all proportion: Python takes memory for all places below them.

    Ten bytes can ask for 32 GB so. Pickles number their places one by one, so that none is above the number of bytes.
    """
    at = 0
    while (at := _PLAIN.match(content, at).end()) < len(content):  # type: ignore[union-attr]  # it matches nothing, too
        code, at = content[at : at + 1], at + 1
        size = _OPCODES.get(code)
        if size is None or code == pickle.STOP:
            return  # the unpickler ends here, well or not
        if size == pickletools.UP_TO_NEWLINE:
            end = _end_of_lines(content, at, 2 if code in (pickle.GLOBAL, pickle.INST) else 1)
            place = _number(content[at:end]) if code == pickle.PUT else 0
        elif size < 0:
            num_bytes, sign = _LENGTHS[size]
            end = at + num_bytes + max(int.from_bytes(content[at : at + num_bytes], "little", signed=sign), 0)
            place = 0
        else:
            end, place = at + size, int.from_bytes(content[at : at + size], "little")
        if end > len(content):
            raise pickle.UnpicklingError(f"it is damaged: {end:,} bytes announced, {len(content):,} there")
        if place > len(content):
            raise pickle.UnpicklingError(f"it asks for place {place:,} in the memo of {len(content):,} bytes")
        at = end


def _number(line: bytes) -> int:
    try:
        return int(line)
    except ValueError:
        return 0  # the unpickler refuses it


def _end_of_lines(content: bytes, at: int, num_lines: int) -> int:
    for _ in range(num_lines):
        found = content.find(b"\n", at)
        at = len(content) if found < 0 else found + 1
    return at


_OPCODES = {code.code.encode("latin-1"): code.arg.n if code.arg else 0 for code in pickletools.opcodes}
"""Bytes that follow each opcode; below zero, how to know."""

_LENGTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: (1, False),
    pickletools.TAKEN_FROM_ARGUMENT4: (4, True),
    pickletools.TAKEN_FROM_ARGUMENT4U: (4, False),
    pickletools.TAKEN_FROM_ARGUMENT8U: (8, False),
}
"""How many bytes tell the number of those that follow, and whether they have a sign."""


def _plain() -> re.Pattern[bytes]:
    """Match any number of opcodes of fixed size that are no places in the memo, which is most of a pickle."""
    sizes = {code: size for code, size in _OPCODES.items() if size >= 0}
    for code in (pickle.STOP, pickle.LONG_BINPUT):
        del sizes[code]
    ways = [b"[" + b"".join(re.escape(code) for code in sizes if sizes[code] == size) + b"]" + b"." * size
            for size in sorted(set(sizes.values()))]  # fmt: skip
    return re.compile(b"(?:" + b"|".join(ways) + b")*+", re.DOTALL)


_PLAIN = _plain()


class _Type:
    """Stands for `numpy.dtype`, which trusts its state so far that a forged one ends the process."""

    def __init__(self, code: Any, *_flags: object) -> None:
        text = code.decode("ascii") if isinstance(code, bytes) else code
        if not isinstance(text, str) or not _PLAIN_TYPE.fullmatch(text):
            raise pickle.UnpicklingError("an array of a type that is refused")
        self._type = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        """Take the byte order; all else in a state belongs to types with parts."""
        _, order, *parts = state
        if parts[:3] != [None, None, None]:
            raise pickle.UnpicklingError("an array of a type with parts")
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order in ("<", ">"):
            self._type = self._type.newbyteorder("<" if order == "<" else ">")

    @property
    def numpy(self) -> np.dtype[Any]:
        return self._type


class _Array(np.ndarray[Any, np.dtype[Any]]):
    """An array whose state is looked at before NumPy takes it."""

    def __setstate__(self, state: Any) -> None:
        version, shape, kind, by_columns, data = state
        if type(kind) is not _Type or type(shape) is not tuple or any(type(size) is not int for size in shape):
            raise pickle.UnpicklingError("an array of another form")
        if type(data) is not (list if kind.numpy.hasobject else bytes):
            raise pickle.UnpicklingError("an array with values of another form")
        state = (version, shape, kind.numpy, bool(by_columns), data)
        super().__setstate__(state)


def _empty_array(_subtype: object, shape: tuple[int, ...], _dtype: object) -> _Array:
    """Stand for NumPy's `_reconstruct`, which is always called for an empty array that is filled later."""
    if shape != (0,):
        raise pickle.UnpicklingError(f"an array that starts with the shape {shape}")
    return _Array((0,), np.dtype(np.int8))


def _array_type(*_arguments: object) -> None:
    """Stand for `numpy.ndarray`, which is only ever passed to `_reconstruct`."""
    raise pickle.UnpicklingError("an array that is made directly")


def _as_arrays(value: Any) -> Any:
    """Return plain arrays for those of the unpickler, at the top or in a mapping."""
    if isinstance(value, dict):
        return {key: _as_arrays(item) if isinstance(item, _Array) else item for key, item in value.items()}
    return value.view(np.ndarray) if isinstance(value, _Array) else value


_PLAIN_TYPE = re.compile(r"[<>=|]?(?:b1|[iu][1248]|f[248]|O8?|[SU][0-9]{1,6})")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if module in _ARRAY_MODULES and name == "_reconstruct":
            return _empty_array
        if (module, name) == ("numpy", "ndarray"):
            return _array_type
        if (module, name) == ("numpy", "dtype"):
            return _Type
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is refused")
