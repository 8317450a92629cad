"""Fingerprint files: round trip, other readers, damage."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from behaviordist.errors import InputError
from behaviordist.innerproduct import Fingerprint
from tests.distances.worlds import fingerprint_of


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
