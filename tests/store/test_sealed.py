"""Sealed files: every byte counts, equal content is equal in bytes, other readers can read them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from behaviordist.errors import InputError
from behaviordist.store.sealed import kinds_in, read_sealed, sealed_kind, write_sealed

TENSORS = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "none": np.empty(0, np.uint8)}
TEXTS = {"label": "模型", "digest-like": '"digest":"' + "0" * 64 + '"'}


def example(path, kind="thing-2"):
    return write_sealed(path, kind, TENSORS, TEXTS, "inputs")


def test_what_was_written_is_read_by_us_and_by_others(tmp_path):
    path = tmp_path / "a.safetensors"
    digest = example(path)
    file = read_sealed(path, "thing-2")
    assert file.digest == digest and file.texts == TEXTS
    np.testing.assert_array_equal(file.tensors["x"], TENSORS["x"])
    assert isinstance(file.tensors["x"], np.memmap) and file.tensors["none"].shape == (0,)
    np.testing.assert_array_equal(load_file(path)["x"], TENSORS["x"])


def test_the_digest_is_the_sha256_of_the_file_with_zeros_in_its_place(tmp_path):
    path = tmp_path / "a.safetensors"
    digest = example(path)
    zeros = path.read_bytes().replace(digest.encode(), b"0" * 64)
    assert hashlib.sha256(zeros).hexdigest() == digest


def test_any_flipped_byte_and_any_missing_end_are_refused(tmp_path):
    path, damaged = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    example(path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match=r"b\.safetensors"):
            read_sealed(damaged, "thing-2")
    for length in range(0, len(whole), 7):
        damaged.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"b\.safetensors: not a whole file"):
            read_sealed(damaged, "thing-2")


def test_other_formats_and_other_files_are_named(tmp_path):
    path = tmp_path / "a.safetensors"
    example(path, "thing-1")
    with pytest.raises(InputError, match=r"another release's format \(thing-1, not thing-2\)"):
        read_sealed(path, "thing-2")
    save_file({"x": TENSORS["x"]}, tmp_path / "b.safetensors")
    with pytest.raises(InputError, match="no behaviordist thing"):
        read_sealed(tmp_path / "b.safetensors", "thing-2", "thing")
    assert sealed_kind(path) == "thing-1" and sealed_kind(tmp_path / "nowhere") == ""
    (tmp_path / "c.safetensors").write_bytes(b"\xff" * 40)
    assert kinds_in(tmp_path, ("thing-1",)) == [path]


def test_equal_content_is_equal_in_bytes(tmp_path):
    for name in "ab":
        example(tmp_path / f"{name}.safetensors")
    a, b = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "ab")
    assert a == b
