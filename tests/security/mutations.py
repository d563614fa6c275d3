"""Mutations of the stored model of a run: what a stranger could put in its place, drawn from a seed.

`tried` loads the run and predicts with it in a process of its own, and tells how that ended.
"""

from __future__ import annotations

import importlib
import io
import json
import multiprocessing
import resource
import signal
import warnings
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL = "model/model.skops"
SCHEMA = "schema.json"

MOST_SECONDS = 10
"""Longest that a mutation may take before it counts as one that hangs."""

MOST_MORE_BYTES = 512 * 2**20
"""Most memory that a process may take beyond what it has when it is forked."""

MOST_ADDRESSES = 16 * 2**30
"""Most addresses of a process, so that what asks for far too much memory ends at once; libraries reserve some GB."""

KINDS = {
    "linear": ("linear", "iris"),
    "linear for numbers": ("linear", "diabetes"),
    "forest": ("{kind: random_forest, num_trees: 3}", "iris"),
    "forest for numbers": ("{kind: random_forest, num_trees: 3, max_depth: 4}", "diabetes"),
    "boosting": ("{kind: gradient_boosting, num_iterations: 3}", "iris"),
    "boosting for numbers": ("{kind: gradient_boosting, num_iterations: 3}", "diabetes"),
    "linear for labels": ("linear", "labels"),
    "forest for labels": ("{kind: random_forest, num_trees: 3}", "labels"),
    "boosting for several numbers": ("{kind: gradient_boosting, num_iterations: 3}", "numbers"),
}
"""Model and data of each kind of run whose stored model is mutated."""

Members = dict[str, bytes]


def config(kind: str, folder: Path) -> str:
    """Return a config of a kind, and write its data into a folder if it has own ones."""
    model, data = KINDS[kind]
    if data in ("labels", "numbers"):
        random = np.random.default_rng(0)
        x = random.normal(size=(120, 5)).astype(np.float32)
        y = (x[:, :3] > 0).astype(np.uint8) if data == "labels" else (x[:, :2] * 3).astype(np.float32)
        np.savez(folder / "data.npz", x=x, y=y)
        data = f"{{kind: npz, path: '{folder / 'data.npz'}'}}"
    return f"dataset: {data}\nmodel: {model}\nevaluation: {{bootstrap: 10}}\n"


def rows(kind: str) -> NDArray[np.float32]:
    """Return rows to predict; their values lie far apart, so that they take many ways through a tree."""
    columns = {"iris": 4, "diabetes": 10}.get(KINDS[kind][1], 5)
    return (np.random.default_rng(1).normal(size=(50, columns)) * 10).astype(np.float32)


def mutated(content: bytes, seed: int) -> bytes:
    """Return a stored model with something in it changed."""
    random = np.random.default_rng(seed)
    if random.random() < 0.1:
        return damaged(content, random)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changes: tuple[Callable[[Members, np.random.Generator], None], ...] = (
        change_values,
        change_values,
        change_values,
        _change_schema,
        _change_schema,
        change_shape,
        change_member,
    )
    for _ in range(int(random.integers(1, 4))):
        with np.errstate(all="ignore"):
            changes[int(random.integers(len(changes)))](members, random)
    buffer = io.BytesIO()
    packed = zipfile.ZIP_DEFLATED if random.random() < 0.1 else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", packed) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return buffer.getvalue()


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """Change bytes of the archive itself, or cut it off."""
    if random.random() < 0.3:
        return content[: int(random.integers(len(content)))]
    changed = bytearray(content)
    for place in random.integers(len(content), size=int(random.integers(1, 20))):
        changed[place] = int(random.integers(256))
    return bytes(changed)


_NUMBERS = (0, 1, -1, 2, -2, 3, 7, 255, 2**15, 2**28, 2**31 - 1, -(2**31), 2**62, -(2**62))
_FLOATS = (np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0, -0.0, 1e-300, 0.5)


def change_values(members: Members, random: np.random.Generator) -> None:
    """Put other numbers into an array, in all places or in some, in one field of its records."""
    name = _array_of(members, random)
    array = np.load(io.BytesIO(members[name]))
    array = np.array(array, order="K")
    view = array if array.dtype.names is None else array[str(random.choice(array.dtype.names))]
    where = random.random(view.shape) < random.choice([0.1, 0.5, 1.0])
    if view.dtype.kind == "f":
        view[where] = random.choice(_FLOATS)
    elif random.random() < 0.4:
        view[where] = random.permutation(view.reshape(-1)).reshape(view.shape)[where]
    else:
        view[where] = np.array(random.choice(_NUMBERS)).astype(view.dtype)
    _store(members, name, array)


def change_shape(members: Members, random: np.random.Generator) -> None:
    """Give an array another shape, length or type, or a header that promises what is not there."""
    name = _array_of(members, random)
    array = np.load(io.BytesIO(members[name]))
    way = int(random.integers(6))
    if way == 0:
        members[name] = _promising(array.dtype, tuple(random.choice([0, -1, 1, 2**31, 2**62], size=2).tolist()))
    elif way == 1:
        _store(members, name, np.repeat(array, int(random.integers(0, 4)), axis=0) if array.ndim else array[None])
    elif way == 2:
        _store(members, name, array[: len(array) // 2] if array.ndim else array)
    elif way == 3 and array.dtype.names is None:
        _store(members, name, array.astype(str(random.choice(["<f4", ">f8", "<i1", "<u8", "<c16", "?", "<U5"]))))
    elif way == 4:
        _store(members, name, np.asfortranarray(np.stack([array, array])))
    else:
        _store(members, name, np.zeros(int(random.integers(0, 50)), array.dtype))


def _promising(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )
    return header.getvalue() + bytes(64)


def change_member(members: Members, random: np.random.Generator) -> None:
    """Leave out an array, put one in the place of another, or change its bytes."""
    name, other = _array_of(members, random), _array_of(members, random)
    way = int(random.integers(3))
    if way == 0:
        del members[name]
        members.setdefault("0.npy", _promising(np.dtype("<f8"), (2,)))
    elif way == 1:
        members[name] = members[other]
    else:
        members[name] = damaged(members[name], random)


_VALUES: tuple[Any, ...] = (None, True, [], {}, "", "x", -1, 0, 10**30, 1e308, "null", "1e999", '"a"', "[" * 9999, "-5")


def _change_schema(members: Members, random: np.random.Generator) -> None:
    """Change, leave out or exchange nodes of the schema."""
    schema = json.loads(members.get(SCHEMA, b"{}"))
    change_nodes(schema, random, _VALUES)
    members[SCHEMA] = json.dumps(schema).encode()


def change_nodes(tree: Any, random: np.random.Generator, values: tuple[Any, ...]) -> None:
    """Leave out, change, repeat or exchange one to three nodes of a tree of lists and mappings, where it lies.

    Args:
        tree: What JSON or YAML has been read as.
        random: Draws them.
        values: What may stand in the place of a node.
    """
    nodes: list[tuple[Any, Any]] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in entries:
            nodes.append((node, key))
            stack.append(value)
    if not nodes:
        return
    for _ in range(int(random.integers(1, 4))):
        holder, key = nodes[int(random.integers(len(nodes)))]
        if not (key in holder if isinstance(holder, dict) else key < len(holder)):
            continue
        way = int(random.integers(4))
        if way == 0:
            del holder[key]
        elif way == 1:
            holder[key] = deepcopy(values[int(random.integers(len(values)))])
        elif way == 2 and isinstance(holder[key], list):
            holder[key] = holder[key] * int(random.integers(0, 4))
        else:
            giver, other = nodes[int(random.integers(len(nodes)))]
            if other in giver if isinstance(giver, dict) else other < len(giver):
                holder[key] = deepcopy(giver[other])


def _array_of(members: Members, random: np.random.Generator) -> str:
    readable = []
    for name, content in members.items():
        try:
            with warnings.catch_warnings(action="ignore"):
                np.load(io.BytesIO(content), allow_pickle=False)
        except Exception:  # noqa: BLE001 - NumPy fails in many ways on what an earlier mutation has left
            continue
        if name.endswith(".npy"):
            readable.append(name)
    if not readable:
        members["0.npy"] = _promising(np.dtype("<f8"), (8,))
        return "0.npy"
    return readable[int(random.integers(len(readable)))]


def _store(members: Members, name: str, array: NDArray[Any]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    members[name] = buffer.getvalue()


def tried(run: Path, x: NDArray[np.float32]) -> str:
    """Load a run and predict with it in a process of its own, and tell how that ended.

    Returns:
        `predicted`; `refused` in words of dlrun's own; or what must not be: a signal, `took too long`, or the
        exception that dlrun would call an internal error.
    """
    for module in ("dlrun.predictions.load", "sklearn.ensemble", "sklearn.linear_model", "sklearn.multioutput"):
        importlib.import_module(module)  # once, before the fork
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_try, args=(run, x, theirs))
    process.start()
    theirs.close()
    process.join(MOST_SECONDS + 5)
    if process.is_alive():
        process.kill()
        process.join()
        return "took too long"
    if process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL):
        return "took too long"
    if process.exitcode:
        return f"ended with {process.exitcode}"
    return str(ours.recv()) if ours.poll() else "said nothing"


def _try(run: Path, x: NDArray[np.float32], connection: Any) -> None:
    from dlrun.errors import DlrunError
    from dlrun.predictions.load import load

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        load(run).predict(x)
        result = "predicted"
    except DlrunError as error:
        result = "refused" if len(error.message) < 2000 else "refused in too many words"
    except BaseException as error:  # noqa: BLE001 - which the command line would call an internal error
        result = f"{type(error).__name__}: {error}"[:300]
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    connection.send(result if more < MOST_MORE_BYTES else f"{result}, and took {more / 2**20:.0f} MB")
