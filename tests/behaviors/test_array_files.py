"""Behaviors from files of log-probabilities."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from safetensors.numpy import save_file

from behaviordist.behaviors import load
from behaviordist.behaviors.settings import log_softmax
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

PROBES = ProbeSet("two", (Probe("a", "", "x"), Probe("b", "", "yz")))
LOG_P = log_softmax(np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32))
PROBE = np.array([0, 1, 1])
TEXTS = {"vocabulary": "v1", "probe_digest": PROBES.digest}


def write(path, log_p=LOG_P, probe=PROBE, **texts):
    if path.suffix == ".npz":
        np.savez(path, log_p=log_p, probe=probe, **texts)
    elif path.suffix == ".safetensors":
        save_file({"log_p": log_p, "probe": probe}, path, metadata=texts or None)
    else:
        table = pa.table({"log_p": log_p.tolist(), "probe": probe})
        parquet.write_table(table.replace_schema_metadata(texts), path)
    return path


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".parquet"])
def test_every_format_gives_the_same_behavior(tmp_path, suffix):
    behavior = load(write(tmp_path / f"mine{suffix}", **TEXTS))
    (block,) = behavior.log_probs(PROBES)
    np.testing.assert_array_equal(block.log_p, LOG_P)
    assert behavior.label == "mine"
    assert behavior.vocabulary == "v1"
    with pytest.raises(InputError, match="computed on other probes"):
        behavior.check(ProbeSet("other", (Probe("c", "", "x"), Probe("b", "", "yz"))))


def test_settings_apply_to_them(tmp_path):
    write(tmp_path / "mine.npz")
    (block,) = load(f"{tmp_path / 'mine.npz'}@temperature=0.5").log_probs(PROBES)
    np.testing.assert_allclose(block.log_p, log_softmax(2 * LOG_P), atol=1e-6)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".parquet"])
def test_files_that_are_none(tmp_path, suffix):
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(write(tmp_path / f"mine{suffix}").read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read as") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_arrays_that_are_missing_or_pickled(tmp_path):
    np.savez(tmp_path / "a.npz", log_p=LOG_P)
    with pytest.raises(InputError, match="has no 'probe'"):
        load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", log_p=np.array([{}]), probe=PROBE)
    with pytest.raises(InputError, match="cannot be read as npz"):
        load(tmp_path / "b.npz")
    with pytest.raises(InputError, match="must be floating-point"):
        load(write(tmp_path / "c.npz", log_p=np.ones((3, 5), dtype=int)))
    with pytest.raises(InputError, match="sums to"):
        load(write(tmp_path / "d.npz", log_p=np.zeros((3, 5), dtype=np.float32)))
