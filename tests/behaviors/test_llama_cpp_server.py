"""SmolLM2 behind llama-cpp-python's server on loopback, against the same file opened here.

The package builds a C++ library from source for minutes, so nothing here installs it
(`pip install 'llama-cpp-python[server]'`); without it the tests are skipped.
"""

import importlib.util
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest

from behaviordist.behaviors import load
from behaviordist.distance.fingerprints.texts import answer_distances
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import write_llama
from .test_gguf import EXTRA, smollm2, write_gguf

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("llama_cpp") is None,
        reason="llama-cpp-python is not installed: it is built from source, in minutes",
    ),
]
PROBES = ProbeSet(
    "three",
    (
        Probe("a", "The capital of France is", " Paris, and the capital of Italy is Rome."),
        Probe("b", "Water boils at", " 100 degrees Celsius at sea level."),
        Probe("c", "One, two, three,", " four, five, six."),
    ),
)


@contextmanager
def serving(path, name):
    """llama-cpp-python's own server for one file, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "--model": path, "--model_alias": name, "--host": "127.0.0.1", "--port": port,
        "--n_ctx": 256, "--n_threads": 1, "--logits_all": True,
    }  # fmt: skip
    arguments = [str(part) for item in options.items() for part in item]
    server = subprocess.Popen(
        [sys.executable, "-m", "llama_cpp.server", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=2)
                break
            except OSError:
                assert server.poll() is None, "the server ended before it answered"
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1#{name}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def served():
    with serving(smollm2(), "smollm2") as url:
        yield url


def scores(behavior, probes):
    total = np.zeros(len(probes))
    for block in behavior.log_probs(probes):
        rows = np.arange(len(block.probe))
        np.add.at(total, block.probe, block.log_p[rows, block.token].astype(np.float64))
    return total


def test_smollm2_answers_there_as_it_does_here(served):
    """Greedy beginnings agree; sampled answers of the two lie at no distance that can be told."""
    here, there = load(smollm2(), label="here"), load(served, label="there")
    cold = [load(f"{smollm2()}@temperature=0"), load(f"{served}@temperature=0")]
    mine, theirs = (b.samples(PROBES, 1, max_tokens=3) for b in cold)
    assert mine == theirs
    matrix = answer_distances([here, there], PROBES, count=8, max_tokens=4)
    assert abs(matrix.squared[0, 1]) < 4 * matrix.squared_standard_errors[0, 1] + 0.05


def test_its_log_probabilities_of_smollm2_are_right_or_refused(served):
    """Version 0.3.36 pairs them with the wrong tokens where a model has no start token."""
    try:
        found = load(served).text_log_probs(PROBES)
    except InputError as error:
        assert "pairs log-probabilities with the wrong tokens" in str(error)
        return
    np.testing.assert_allclose(found, scores(load(smollm2()), PROBES), atol=1.0)


def test_with_a_start_token_its_log_probabilities_are_those_of_the_file(tmp_path):
    model = write_llama(tmp_path / "tiny", extra=EXTRA)
    write_gguf(tmp_path / "tiny.gguf", model, bos=True)
    probes = ProbeSet("two", (Probe("a", "Once upon", " a time"), Probe("b", "one", " two")))
    with serving(tmp_path / "tiny.gguf", "tiny") as url:
        found = load(url).text_log_probs(probes)
    np.testing.assert_allclose(found, scores(load(tmp_path / "tiny"), probes), atol=0.1)
