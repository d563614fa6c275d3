"""Arrays in `.npz` files."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlrun.errors import DataError
from dlrun.experiment.datasets.sources.npz import Npz

PIXELS = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
CODES = np.array([0, 1, 2, 0, 1, 2])


def save(folder: Path, **arrays: Any) -> str:
    np.savez_compressed(folder / "data.npz", **arrays)
    return str(folder / "data.npz")


def test_one_part(tmp_path: Path) -> None:
    dataset = Npz(path=save(tmp_path, x=PIXELS, y=CODES)).load()
    assert np.array_equal(dataset.x, PIXELS)
    assert (dataset.name, dataset.input_kind, dataset.task, dataset.test_rows) == ("data", "images", "multiclass", None)
    assert dataset.x.dtype == np.uint8


def test_own_test_part_comes_last(tmp_path: Path) -> None:
    source = Npz(path=save(tmp_path, x_train=PIXELS, y_train=CODES, x_test=PIXELS[:2], y_test=CODES[:2]))
    dataset = source.load()
    assert np.array_equal(dataset.x, np.concatenate([PIXELS, PIXELS[:2]]))
    assert dataset.test_rows is not None
    assert dataset.test_rows.tolist() == [6, 7]
    assert source.facts() == dataset.facts


def test_limit_applies_to_each_part(tmp_path: Path) -> None:
    path = save(tmp_path, x_train=PIXELS, y_train=CODES, x_test=PIXELS[:4], y_test=CODES[:4])
    dataset = Npz(path=path, limit=3).load()
    assert np.array_equal(dataset.x, PIXELS[[0, 1, 2, 0, 1, 2]])
    assert dataset.test_rows is not None
    assert dataset.test_rows.tolist() == [3, 4, 5]


def test_names_can_be_chosen_and_unused_arrays_are_noted(tmp_path: Path) -> None:
    path = save(tmp_path, pixels=PIXELS, labels=CODES, extra=CODES)
    dataset = Npz(path=path, x_key="pixels", y_key="labels").load()
    assert dataset.target_names == ("labels",)
    assert dataset.notes == ("array 'extra' is not used",)


@pytest.mark.parametrize(
    ("x", "asked", "kind", "dtype"),
    [
        (np.ones((6, 3)), "auto", "features", np.float64),
        (np.ones((6, 3), np.uint8), "auto", "features", np.uint8),
        (np.ones((6, 3), bool), "auto", "indicators", np.uint8),
        (np.ones((6, 3), np.int64), "indicators", "indicators", np.uint8),
        (np.ones((6, 3), np.int64), "tokens", "tokens", np.int32),
        (np.ones((6, 4, 4, 3), np.float32), "auto", "images", np.float32),
        (np.ones((6, 4, 4), np.float32), "auto", "features", np.float32),
        (np.ones((6, 4, 4), np.float32), "images", "images", np.float32),
        (np.ones((6, 4, 4), np.uint8), "features", "features", np.uint8),
    ],
)
def test_input_kinds(tmp_path: Path, x: Any, asked: Any, kind: str, dtype: Any) -> None:
    source = Npz(path=save(tmp_path, x=x, y=CODES), input_kind=asked)
    dataset = source.load()
    assert isinstance(dataset.x, np.ndarray)
    assert (dataset.input_kind, dataset.x.dtype) == (kind, dtype)
    assert source.facts() == dataset.facts


def test_columns_first_and_foreign_byte_order(tmp_path: Path) -> None:
    values = np.arange(12, dtype=">f4").reshape(6, 2)
    dataset = Npz(path=save(tmp_path, x=np.asfortranarray(values), y=CODES), limit=4).load()
    assert np.array_equal(dataset.x, values[:4])


def test_text_labels_and_uncompressed_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", X=np.ones((3, 2)), y=np.array(["b", "a", "b"]))
    dataset = Npz(path=str(tmp_path / "plain.npz")).load()
    assert (dataset.class_names, dataset.y.tolist()) == (("a", "b"), [1, 0, 1])


def test_real_digits(datasets_folder: Path) -> None:
    source = Npz(path=str(datasets_folder / "mnist5k.npz"))
    dataset = source.load()
    with np.load(datasets_folder / "mnist5k.npz") as arrays:
        assert np.array_equal(dataset.x[:4000], arrays["x_train"])
        assert np.array_equal(dataset.y[4000:], arrays["y_test"])
    assert source.facts() == dataset.facts


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": CODES, "b": CODES}, "found no array x or x_train; there are 'a', 'b'"),
        ({"x": PIXELS}, "found no array y or y_train"),
        ({"x": PIXELS, "y": CODES, "X": PIXELS}, "holds both 'x' and 'X'"),
        ({"x": PIXELS, "y": CODES, "x_test": PIXELS}, "found no array y_test"),
        ({"x": PIXELS, "y": CODES[:5]}, "'x' has 6 rows and 'y' has 5"),
        ({"x": PIXELS[:0], "y": CODES[:0]}, "'x' has no rows"),
        ({"x": np.array(["a", "b"]), "y": CODES[:2]}, "the inputs are of type <U1"),
        ({"x": np.ones(6), "y": CODES}, r"of shape \(6,\), which cannot be read as features"),
        ({"x": np.float64(3), "y": CODES}, "'x' is a single value"),
        ({"x": np.ones((6, 2)), "y": CODES, "x_test": np.ones((6, 3)), "y_test": CODES}, "rows of 'x_test' are"),
        ({"x": np.ones((6, 0)), "y": CODES}, r"'x' has the shape \(6, 0\)"),
        ({"x": np.ones((6, 2), complex), "y": CODES}, "the inputs are of type complex128"),
        ({"x": np.array([{}] * 6, dtype=object), "y": CODES}, "'x' holds Python objects"),
        ({"x": np.zeros(6, [("a", "i4")]), "y": CODES}, "'x' has the type"),
        ({"x": np.ones((6, 2)), "y": np.array([None] * 6)}, "'y' holds Python objects"),
    ],
)
def test_unusable_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    source = Npz(path=save(tmp_path, **arrays))
    with pytest.raises(DataError, match=message):
        source.load()
    with pytest.raises(DataError, match=message):
        source.facts()


@pytest.mark.parametrize(
    ("x", "kind", "message"),
    [
        (np.full((6, 2), 2), "indicators", "indicators lie between 0 and 1, the array holds 2 to 2"),
        (np.full((6, 2), -1), "tokens", "tokens lie between 0 and"),
        (np.ones((6, 2)), "tokens", "cannot be read as tokens"),
        (np.ones((6, 2)), "images", "cannot be read as images"),
    ],
)
def test_asked_kind_must_suit(tmp_path: Path, x: Any, kind: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Npz(path=save(tmp_path, x=x, y=CODES), input_kind=kind).load()


def test_too_large_array_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 8)})
    with pytest.raises(DataError, match=r"takes 70,368,744,177,664 bytes, more than dataset\.max_bytes"):
        Npz(path=str(path)).load()


def test_own_limit_of_bytes(tmp_path: Path) -> None:
    path = save(tmp_path, x=PIXELS, y=CODES)
    with pytest.raises(DataError, match=r"takes 96 bytes, more than dataset\.max_bytes=95"):
        Npz(path=path, max_bytes=95).load()


def test_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "short.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("x.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (1000, 8)})
        stream.write(b"\0" * 80)
    with pytest.raises(DataError, match="needs 64,000 bytes, the file holds 80"):
        Npz(path=str(path)).load()


def test_damaged_values_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "flipped.npz"
    np.savez(path, x=PIXELS, y=CODES)
    content = bytearray(path.read_bytes())
    at = content.find(PIXELS.tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="the array 'x' cannot be read: Bad CRC-32"):
        Npz(path=str(path)).load()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + b"\0" * 40])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"this is no \.npz archive"):
        Npz(path=str(path)).load()


def test_single_array_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", PIXELS)
    with pytest.raises(DataError, match=r"this is no \.npz archive"):
        Npz(path=str(tmp_path / "x.npy")).load()


def test_unknown_version_and_encrypted_member(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, PIXELS)
    newer = bytearray(buffer.getvalue())
    newer[6] = 9
    with zipfile.ZipFile(tmp_path / "newer.npz", "w") as archive:
        archive.writestr("x.npy", bytes(newer))
    with pytest.raises(DataError, match=r"unknown \.npy version"):
        Npz(path=str(tmp_path / "newer.npz")).load()
    np.savez(tmp_path / "locked.npz", x=PIXELS, y=CODES)
    content = bytearray((tmp_path / "locked.npz").read_bytes())
    entry = content.find(b"PK\x01\x02")
    struct.pack_into("<H", content, entry + 8, 1)
    struct.pack_into("<H", content, 6, 1)
    (tmp_path / "locked.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        Npz(path=str(tmp_path / "locked.npz")).load()


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_damaged_files_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=PIXELS, y=CODES)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(content)
    try:
        dataset = Npz(path=str(path)).load()
    except DataError:
        return
    assert np.array_equal(dataset.x, PIXELS)


def test_pickle_is_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[Path]]:
            return Path.touch, (tmp_path / "opened",)

    path = save(tmp_path, x=np.array([Trap()] * 6, dtype=object), y=CODES)
    with pytest.raises(DataError, match="holds Python objects"):
        Npz(path=path).load()
    assert not (tmp_path / "opened").exists()
