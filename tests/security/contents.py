"""What a stranger could put into a file of a run in place of its content, by the form of the file: drawn at random.

`mutated` changes values, or bytes; `large` makes megabytes of which a careless reader makes gigabytes, or minutes.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import baits
import mutations
import numpy as np
import yaml

Random = np.random.Generator

MANIFEST = "bundle.json"

CODE = {"kind": "python", "path": "canary.py", "function": "load"}
"""A dataset that runs a file."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 2**31, 2**63, -(2**63) - 1, 10**30, 10**400, 0.5, 1e308, -1e-320, float("nan"),
    float("inf"), "", "x", "1", "-", "../../outside", "/", "..", "a/b", "a\0b", "\x1b[31mred", "\u202ex", "\ud800",
    "x" * 5000, "20260101-000000-other-ffff", "2026-13-45T99:99:99+00:00", "9999-12-31T23:59:59+14:00", "latest", [],
    {}, [[]], [None], {"": None}, {"kind": None}, CODE, "finished", "running", "pruned", "linear", "npz",
)  # fmt: skip
"""Values that stand in place of others in JSON and YAML."""


def picked(random: Random, choices: Any) -> Any:
    """Return one of several things."""
    return choices[int(random.integers(len(choices)))]


def mutated(name: str, content: bytes, random: Random) -> bytes:
    """Return the content of a file with something in it changed.

    Args:
        name: Name of the file, by which its form is known.
        content: What it holds.
        random: Draws the change.
    """
    change = _BY_SUFFIX.get(PurePosixPath(name).suffix)
    if change is None or random.random() < 0.15:
        return mutations.damaged(content, random) if content else bytes(random.integers(256, size=40, dtype=np.uint8))
    try:
        return change(name, content, random)
    except (ValueError, zipfile.BadZipFile, yaml.YAMLError, RecursionError):  # none of its form, or without a bottom
        return mutations.damaged(content, random) if content else b"\0"


def _json(_name: str, content: bytes, random: Random) -> bytes:
    tree = [json.loads(content)]
    mutations.change_nodes(tree, random, VALUES)
    return json.dumps(tree[0] if tree else None, indent=2).encode()


def _lines(_name: str, content: bytes, random: Random) -> bytes:
    """Change lines of JSON, leave some out, repeat or exchange them."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return b"{}\n"
    for _ in range(int(random.integers(1, 4))):
        at = int(random.integers(len(lines)))
        way = int(random.integers(5))
        if way == 0 and len(lines) > 1:
            del lines[at]
        elif way == 1:
            lines.insert(at, picked(random, lines))
        else:
            lines[at] = json.dumps(json.loads(_json("", lines[at], random))).encode() + b"\n"
    return b"".join(lines)


def _yaml(_name: str, content: bytes, random: Random) -> bytes:
    tree = [yaml.safe_load(content)]
    mutations.change_nodes(tree, random, VALUES)
    return yaml.safe_dump(tree[0] if tree else None).encode("utf-8", "surrogatepass")


def _table(_name: str, content: bytes, random: Random) -> bytes:
    rows = [line.split(",") for line in content.decode().splitlines()]
    if not rows:
        return b"fold,epoch,loss\n0,1,x\n"
    for _ in range(int(random.integers(1, 5))):
        row = picked(random, rows)
        row[int(random.integers(len(row)))] = str(picked(random, VALUES))
        if random.random() < 0.3:
            rows.append(row * int(random.integers(1, 3)))
    return "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass") + b"\n"


def _arrays(_name: str, content: bytes, random: Random) -> bytes:
    members = _opened(content)
    changes = (mutations.change_values, mutations.change_values, mutations.change_shape, mutations.change_member)
    with np.errstate(all="ignore"):
        picked(random, changes)(members, random)
    return _packed(members)


def _model(_name: str, content: bytes, random: Random) -> bytes:
    return mutations.mutated(content, int(random.integers(2**32)))


def _tensors(_name: str, content: bytes, random: Random) -> bytes:
    """Change the header of a safetensors file, or the numbers behind it."""
    (length,) = struct.unpack("<Q", content[:8])
    header, numbers = json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])
    if random.random() < 0.4 and len(numbers) >= 8:
        for _ in range(int(random.integers(1, 20))):
            at = int(random.integers(len(numbers) // 4)) * 4
            numbers[at : at + 4] = struct.pack("<f", picked(random, (float("nan"), float("inf"), 1e38, 0.0, -1.0)))
    else:
        inner = {name: value for name, value in header.get("__metadata__", {}).items() if value[:1] == "{"}
        if inner and random.random() < 0.5:  # the facts of a checkpoint, as JSON in a text
            name = picked(random, sorted(inner))
            header["__metadata__"][name] = _json("", inner[name].encode(), random).decode()
        else:
            mutations.change_nodes(header, random, VALUES)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(numbers)


def _bundle(_name: str, content: bytes, random: Random) -> bytes:
    """Change a file of a bundle, and mostly its checksum with it."""
    members = _opened(content)
    name = picked(random, sorted(members))
    members[name] = picked(random, (mutated, mutated, mutated, large))(name, members[name], random)
    return _packed(sealed(members) if random.random() < 0.8 else members)


def sealed(members: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files of a bundle with checksums that are right, as who means harm would write them."""
    try:
        manifest = json.loads(members[MANIFEST])
        sums = manifest["files"].items()
    except (KeyError, TypeError, ValueError, AttributeError):
        return members
    found = {name: hashlib.sha256(members[name]).hexdigest() if name in members else told for name, told in sums}
    return {**members, MANIFEST: json.dumps({**manifest, "files": found}).encode()}


def _opened(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


_BY_SUFFIX: dict[str, Callable[[str, bytes, Random], bytes]] = {
    ".json": _json,
    ".jsonl": _lines,
    ".yaml": _yaml,
    ".csv": _table,
    ".npz": _arrays,
    ".skops": _model,
    ".safetensors": _tensors,
    ".zip": _bundle,
}


def large(name: str, content: bytes, random: Random) -> bytes:
    """Return some megabytes that would take far more memory, or time, than their own in a program that trusts them.

    Args:
        name: Name of the file, by which its form is known.
        content: What it holds.
        random: Draws the kind of it.
    """
    makers = _LARGE.get(PurePosixPath(name).suffix, _LARGE_TEXTS)
    return bytes(picked(random, makers)(content))


def _object(entries: int) -> bytes:
    return b"{" + b",".join(b'"%d":[]' % number for number in range(entries)) + b"}"


def _with(value: str) -> Callable[[bytes], bytes]:
    """Put a long value into every place of an object, so that it is met wherever it is read."""

    def put(content: bytes) -> bytes:
        try:
            names = list(json.loads(content))
        except ValueError:
            names = ["format"]
        return b"{" + b",".join(json.dumps(str(name)).encode() + b":" + value.encode() for name in names[:3]) + b"}"

    return put


def _tensors_without_end(_content: bytes) -> bytes:
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    text = json.dumps({f"{number:06d}": entry for number in range(60_000)}).encode()
    return struct.pack("<Q", len(text)) + text


def _bait(maker: Callable[[Path], bytes]) -> Callable[[bytes], bytes]:
    return lambda _content: maker(Path("canary"))


_LARGE_TEXTS: tuple[Callable[[bytes], bytes], ...] = (
    lambda content: (content or b"x\n") * (5_000_000 // max(len(content), 2)),
    lambda _content: b"x" * 5_000_000,
    lambda _content: b"\n" * 5_000_000,
    lambda _content: b"\0" * 5_000_000,
)
_LARGE_JSON: tuple[Callable[[bytes], bytes], ...] = (
    lambda _content: b"[" * 3_000_000,
    lambda _content: b"[" * 200_000 + b"]" * 200_000,
    lambda _content: b"[" + b"[]," * 1_000_000 + b"[]]",
    lambda _content: _object(300_000),
    lambda _content: b'{"a":' * 500_000,
    _with("9" * 1_000_000),
    _with("[" * 900 + "]" * 900),
    _with("[" + "0," * 1_000_000 + "0]"),
    _with('"' + "x" * 2_000_000 + '"'),
    *_LARGE_TEXTS,
)
_ARCHIVES = tuple(_bait(maker) for maker in (baits.bomb_npz, baits.huge_npz, baits.many_members_npz))
_LARGE: dict[str, tuple[Callable[[bytes], bytes], ...]] = {
    ".json": _LARGE_JSON,
    ".jsonl": (*_LARGE_JSON, lambda content: content.splitlines(keepends=True)[0] * 20_000 if content else b""),
    ".yaml": tuple((lambda _content, maker=maker: maker(Path("canary")).encode()) for maker in baits.TEXTS.values()),
    ".csv": (
        *_LARGE_TEXTS,
        lambda _content: b",".join(b"c%d" % number for number in range(200_000)) + b"\n",
        lambda _content: b"," * 3_000_000,
        lambda _content: b"fold,epoch,loss\n" + b"0,1,0.5\n" * 400_000,
        lambda _content: b'fold,epoch,loss\n0,1,"' + b"x" * 3_000_000,
    ),
    ".npz": (*_ARCHIVES, *_LARGE_TEXTS),
    ".skops": (*_ARCHIVES, *_LARGE_TEXTS),
    ".zip": (*_ARCHIVES, *_LARGE_TEXTS),
    ".safetensors": (
        _bait(baits.hostile_safetensors),
        _bait(baits.long_safetensors),
        _tensors_without_end,
        *_LARGE_TEXTS,
    ),
}
