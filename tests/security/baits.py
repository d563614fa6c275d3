"""Hostile files. Each would touch a canary, or take all memory, in a program that trusts it."""

from __future__ import annotations

import base64
import io
import json
import marshal
import pickle
import struct
import types
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class _Trap:
    """Pickled, it becomes a call that makes the canary."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self._canary), "w")


def pickled(canary: Path) -> bytes:
    return pickle.dumps(_Trap(canary))


def joblib_dumped(canary: Path) -> bytes:
    import joblib

    buffer = io.BytesIO()
    joblib.dump({"model": _Trap(canary)}, buffer, compress=3)
    return buffer.getvalue()


def object_npz(canary: Path) -> bytes:
    """An archive whose arrays hold Python objects."""
    buffer = io.BytesIO()
    trap = np.empty(6, dtype=object)
    trap[:] = [_Trap(canary)] * 6
    np.savez(buffer, x=trap, y=np.arange(6) % 3, row=trap, y_true=trap, y_pred=trap)
    return buffer.getvalue()


def _lambda_model(canary: Path) -> dict[str, Any]:
    code = compile(f"lambda x: open({str(canary)!r}, 'w') and x", "bait", "eval")
    body = next(constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    function = {
        "class_name": "__lambda__",
        "config": {"code": base64.b64encode(marshal.dumps(body)).decode(), "defaults": None, "closure": None},
    }
    layer = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"name": "lambda", "trainable": True, "dtype": "float32", "function": function, "arguments": {}},
        "registered_name": None,
        "build_config": {"input_shape": [None, 4]},
    }
    given = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "input"},
        "registered_name": None,
    }
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "sequential", "trainable": True, "dtype": "float32", "layers": [given, layer]},
        "registered_name": None,
        "build_config": {"input_shape": [None, 4]},
    }


def lambda_keras(canary: Path) -> bytes:
    """A `.keras` archive with a Lambda layer."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", json.dumps(_lambda_model(canary)))
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.0", "date_saved": "2026-11-21@19:15:02"}))
        archive.writestr("model.weights.h5", _h5(lambda file: file.create_group("layers")))
    return buffer.getvalue()


def lambda_h5(canary: Path) -> bytes:
    """An HDF5 file of old Keras with a Lambda layer."""

    def fill(file: Any) -> None:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(_lambda_model(canary))
        file.create_group("model_weights")

    return _h5(fill)


def external_link_h5(canary: Path) -> bytes:
    import h5py

    def fill(file: Any) -> None:
        file["x"] = h5py.ExternalLink(str(canary.with_name("secret.h5")), "/x")
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(canary.with_name("secret.h5")), "/x")

    return _h5(fill)


def virtual_h5(canary: Path) -> bytes:
    import h5py

    def fill(file: Any) -> None:
        layout = h5py.VirtualLayout(shape=(4, 4), dtype="f4")
        layout[:] = h5py.VirtualSource(str(canary.with_name("secret.h5")), "x", shape=(4, 4))
        file.create_virtual_dataset("layers/dense/vars/0", layout)

    return _h5(fill)


def huge_h5(_canary: Path) -> bytes:
    """A dataset of 4 exabytes in a file of a few kilobytes."""
    return _h5(lambda file: file.create_dataset("layers/dense/vars/0", (2**30, 2**30), "f4", chunks=(64, 64)))


def _h5(fill: Callable[[Any], object]) -> bytes:
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def _header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def bomb_npz(_canary: Path, num_bytes: int = 8 * 2**30) -> bytes:
    """A well-formed archive of 8 MB with an array of 8 GB, made by repeating one compressed piece."""
    piece = bytes(2**20)
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = _header((num_bytes // 16, 4))
    first = squeezer.compress(head) + squeezer.flush(zlib.Z_FULL_FLUSH)
    zeros = squeezer.compress(piece) + squeezer.flush(zlib.Z_FULL_FLUSH)
    packed = first + zeros * (num_bytes // len(piece)) + squeezer.flush()
    targets = _header((num_bytes // 16,), "|u1")
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    ones = squeezer.compress(targets + bytes(num_bytes // 16)) + squeezer.flush()
    sizes = {"x.npy": (packed, len(head) + num_bytes), "y.npy": (ones, len(targets) + num_bytes // 16)}
    return _zip64(sizes)


def _zip64(members: dict[str, tuple[bytes, int]]) -> bytes:
    """Write an archive of members that are compressed already, with the sizes that they say they have."""
    content, directory = b"", b""
    for name, (packed, size) in members.items():
        extra = struct.pack("<HHQQ", 1, 16, size, len(packed))
        fields = (0, zipfile.ZIP_DEFLATED, 0, 33, 0, 2**32 - 1, 2**32 - 1, len(name), len(extra))
        central = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 45, 45, *fields, 0, 0, 0, 0, len(content))
        directory += central + name.encode() + extra
        content += struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 45, *fields) + name.encode() + extra + packed
    num, start = len(members), len(content)
    return content + directory + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, num, num, len(directory), start, 0)


def huge_npz(_canary: Path) -> bytes:
    """Arrays that promise terabytes and hold nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("x", "y", "row", "y_true", "y_pred", "fold"):
            archive.writestr(f"{name}.npy", _header((2**40, 4)))
    return buffer.getvalue()


def many_members_npz(_canary: Path) -> bytes:
    """An archive with a hundred thousand empty arrays of one name."""
    entry = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0) + b"z.npy"
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, 5, 0) + b"z.npy"
    num = 65_535
    central = entry * num
    return local + central + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, num, num, len(central), len(local), 0)


def climbing_zip(canary: Path) -> bytes:
    """An archive whose members lie outside of it, by name."""
    buffer = io.BytesIO()
    array = io.BytesIO()
    np.save(array, np.arange(6))
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in (f"../{canary.name}", f"../../{canary.name}", str(canary), f"..\\{canary.name}"):
            archive.writestr(name, b"climbed")
            archive.writestr(f"{name}.npy", array.getvalue())
        archive.writestr("x.npy", array.getvalue())
    return buffer.getvalue()


def hostile_skops(canary: Path) -> bytes:
    """A skops archive that asks for a function that is none of an estimator's."""
    buffer = io.BytesIO()
    schema = {
        "__class__": "open",
        "__module__": "builtins",
        "__loader__": "FunctionNode",
        "content": {"module_path": "builtins", "function": "open"},
        "protocol": 2,
        "_skops_version": "0.13",
    }
    reduced = {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "ReduceNode",
        "__reduce__": {
            "args": {"__class__": "tuple", "__module__": "builtins", "content": [], "__loader__": "TupleNode"}
        },
        "content": schema,
        "protocol": 2,
        "_skops_version": "0.13",
    }
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", json.dumps(reduced))
        archive.writestr("trap.pkl", pickled(canary))
    return buffer.getvalue()


def hostile_safetensors(_canary: Path) -> bytes:
    """A header that promises more than there is, of a tensor of exabytes."""
    header = {"0000/w": {"dtype": "F32", "shape": [2**31, 2**31], "data_offsets": [0, 2**64 - 1]}, "__metadata__": {}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def long_safetensors(_canary: Path) -> bytes:
    """A header that says that it is exabytes long."""
    return struct.pack("<Q", 2**62) + b"{}"


MODELS: dict[str, Callable[[Path], bytes]] = {
    "pickle": pickled,
    "joblib": joblib_dumped,
    "npz with objects": object_npz,
    ".keras with a Lambda": lambda_keras,
    ".h5 with a Lambda": lambda_h5,
    "HDF5 external link": external_link_h5,
    "HDF5 virtual dataset": virtual_h5,
    "HDF5 huge shape": huge_h5,
    "zip bomb": bomb_npz,
    "npz with huge shapes": huge_npz,
    "archive with many members": many_members_npz,
    "archive with ../ members": climbing_zip,
    "skops with a function": hostile_skops,
    "safetensors with a huge shape": hostile_safetensors,
    "safetensors with a huge header": long_safetensors,
}
"""Content for files that hold arrays or models."""


def _aliases(canary: Path) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    return "\n".join(lines)


TEXTS: dict[str, Callable[[Path], str]] = {
    "alias bomb": _aliases,
    "recursive alias": lambda canary: "dataset: &a\n  kind: iris\n  self: *a\nmodel: *a\n",
    "recursive list": lambda canary: "&a [*a, *a]",
    "recursive merge": lambda canary: "&a\n<<: *a\nname: x\n",
    "python function": lambda canary: f"name: !!python/object/apply:builtins.open ['{canary}', w]\n",
    "python object": lambda canary: f"name: !!python/object/new:pathlib.Path ['{canary}']\n",
    "python name": lambda canary: "name: !!python/name:os.system\nmodel: !!python/module:os\n",
    "duplicate keys": lambda canary: "name: a\nname: b\ndataset: {kind: iris, kind: wine}\nmodel: {kind: linear}\n",
    "10 MB of [": lambda canary: "[" * 10_000_000,
    "10 MB of {": lambda canary: "{a: " * 2_500_000,
    "10 MB of -": lambda canary: "- " * 5_000_000,
    "10 MB of ?": lambda canary: "? " * 5_000_000,
    "10 MB of indentation": lambda canary: "".join(f"{' ' * level}a:\n" for level in range(4400)),
    "1 MB of [": lambda canary: "[" * 999_999,
    "1 MB of {": lambda canary: "{a: " * 240_000,
    "1 MB of -": lambda canary: "- " * 490_000,
    "1 MB of anchors": lambda canary: "".join(f"a{number}: &a{number}\n" for number in range(60_000)),
    "1 MB of quotes": lambda canary: '"' + "\\" * 900_000,
    "1 MB on a line": lambda canary: "name: " + "x" * 990_000,
    "huge number": lambda canary: f"seed: {'9' * 900_000}\n",
}
"""Texts in place of a config."""

NAMES = {
    "parent": "../x",
    "parents": "../../../../tmp/x",
    "absolute": "/tmp/x",
    "home": "~/x",
    "inside": "a/b",
    "backslash": "..\\x",
    "nul": "a\0b",
    "newline": "a\nb",
    "escape": "a\x1b[31mb",
    "right to left": "a\u202eb",
    "braces": "{a}",
    "format": "{0.__class__}",
    "percent": "%s%n",
    "300 characters": "a" * 300,
    "dot": ".",
    "dots": "..",
    "hidden": ".x",
    "option": "-rf",
    "empty": "",
    "blank": " ",
    "script": "<script>alert(1)</script>",
    "formula": "=cmd|' /C calc'!A0",
    "shell": "$(touch x)",
    "surrogate": "a\udcffb",
}
"""What no run may be called."""
