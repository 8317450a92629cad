"""Fingerprint files: round trip, other readers, damage."""

from __future__ import annotations

import resource

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from behaviordist.errors import InputError
from behaviordist.innerproduct import Fingerprint
from tests.distance.worlds import fingerprint_of


def example(dtype="f4"):
    rng = np.random.default_rng(0)
    return fingerprint_of("a", rng.normal(size=(5, 3)).astype(dtype), [0, 0, 1, 2, 2])


def test_round_trip(tmp_path):
    path = tmp_path / "a.safetensors"
    example().save(path)
    again = Fingerprint.load(path)
    assert again.identity == example().identity
    np.testing.assert_array_equal(again.features, example().features)
    np.testing.assert_array_equal(again.group, [0, 1, 2])
    np.testing.assert_array_equal(load_file(path)["probe"], [0, 0, 1, 2, 2])


def test_truncated_corrupted_missing_and_foreign_files(tmp_path):
    path = tmp_path / "a.safetensors"
    example().save(path)
    whole = path.read_bytes()
    for damaged in (whole[:-8], whole[:20], b"", b"\xff" * 64):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.safetensors: .*make it again"):
            Fingerprint.load(path)
    with pytest.raises(InputError, match="nowhere"):
        Fingerprint.load(tmp_path / "nowhere")
    save_file({"w": np.zeros(3)}, path)
    with pytest.raises(InputError, match="no behaviordist fingerprint"):
        Fingerprint.load(path)


@pytest.mark.parametrize(
    ("features", "probe"),
    [
        (np.zeros(3), [0, 1, 2]),
        (np.zeros((2, 2)), [0]),
        (np.zeros((2, 2)), [1, 0]),
        (np.zeros((2, 2)), [0, 2]),
    ],
)
def test_bad_shapes_are_refused(features, probe):
    with pytest.raises(InputError, match="fingerprint 'x'"):
        fingerprint_of("x", features, probe)


def test_half_precision_is_kept_and_features_are_mapped(tmp_path):
    path = tmp_path / "a.safetensors"
    half = fingerprint_of("a", np.arange(6.0).reshape(3, 2), dtype=np.float16)
    half.save(path)
    again = Fingerprint.load(path)
    assert again.features.dtype == np.float16 and isinstance(again.features, np.memmap)
    np.testing.assert_array_equal(again.features, half.features)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    big = fingerprint_of("a", np.zeros((4000, 64)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"a\.safetensors: cannot be written") as caught:
            big.save(tmp_path / "a.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_equal_content_is_equal_in_bytes(tmp_path):
    made = fingerprint_of("模型 a", np.arange(6.0).reshape(3, 2))
    for k in range(5):
        made.save(tmp_path / f"{k}.safetensors")
    assert len({(tmp_path / f"{k}.safetensors").read_bytes() for k in range(5)}) == 1
    again = Fingerprint.load(tmp_path / "0.safetensors")
    assert again.identity == made.identity
    np.testing.assert_array_equal(again.features, made.features)
