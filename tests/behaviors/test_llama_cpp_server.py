"""A file behind llama.cpp on loopback, against the same file opened here.

Twice: llama.cpp's own server, as xllamacpp's wheel holds it, and llama-cpp-python's, which is built
from source for minutes: nothing here installs it, and without it its tests are skipped
(`pip install 'llama-cpp-python[server]'`).
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

pytestmark = pytest.mark.slow
by_llama_cpp_python = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None,
    reason="llama-cpp-python is not installed: it is built from source, in minutes",
)
SHORT = ProbeSet("two", (Probe("a", "Once upon", " a time"), Probe("b", "one", " two")))
OWN_SERVER = """
import sys, time
import xllamacpp
made = xllamacpp.CommonParams()
made.model.path, made.port, made.hostnames = sys.argv[1], int(sys.argv[2]), ["127.0.0.1"]
made.model_alias, made.n_ctx, made.n_parallel = {sys.argv[3]}, 256, 1
made.cpuparams.n_threads = made.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(made)
time.sleep(3600)
"""
PROBES = ProbeSet(
    "three",
    (
        Probe("a", "The capital of France is", " Paris, and the capital of Italy is Rome."),
        Probe("b", "Water boils at", " 100 degrees Celsius at sea level."),
        Probe("c", "One, two, three,", " four, five, six."),
    ),
)


@contextmanager
def serving(path, name, own):
    """llama.cpp's `own` server for one file, or llama-cpp-python's, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["-c", OWN_SERVER, path, port, name]
    if not own:
        options = {
            "--model": path, "--model_alias": name, "--host": "127.0.0.1", "--port": port,
            "--n_ctx": 256, "--n_threads": 1, "--logits_all": True,
        }  # fmt: skip
        words = ["-m", "llama_cpp.server", *(part for item in options.items() for part in item)]
    server = subprocess.Popen(
        [sys.executable, *map(str, words)],
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
        server.kill()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def served():
    with serving(smollm2(), "smollm2", own=False) as url:
        yield url


def same_beginnings(url, path):
    """Greedy beginnings agree; sampled answers of the two lie at no distance that can be told."""
    here, there = load(path, label="here"), load(url, label="there")
    cold = [load(f"{path}@temperature=0"), load(f"{url}@temperature=0")]
    mine, theirs = (b.samples(PROBES, 1, max_tokens=3) for b in cold)
    assert mine == theirs
    matrix = answer_distances([here, there], PROBES, count=8, max_tokens=4)
    assert abs(matrix.squared[0, 1]) < 4 * matrix.squared_standard_errors[0, 1] + 0.05


def first_tokens_lie_within(nats, url, path):
    first = [
        [top for _, top in sorted(load(where).first_tokens_rest(PROBES))] for where in (url, path)
    ]
    for served, opened in zip(*first, strict=True):
        assert len(served) >= 2
        for name, value in served.items():
            assert opened[name] == pytest.approx(value, abs=nats)


def test_smollm2_behind_llama_cpps_own_server():
    """Its kernels round activations to eight bits: log-probabilities differ by some hundredths."""
    pytest.importorskip("xllamacpp")
    with serving(smollm2(), "smollm2", own=True) as url:
        same_beginnings(url, smollm2())
        first_tokens_lie_within(0.2, url, smollm2())


@pytest.mark.parametrize("bos", [True, False])
def test_a_tiny_file_behind_llama_cpps_own_server(bos, tmp_path):
    """It takes `echo` and gives none: no text is scored by what it then says."""
    pytest.importorskip("xllamacpp")
    model = write_llama(tmp_path / "tiny", extra=EXTRA)
    write_gguf(tmp_path / "tiny.gguf", model, bos=bos)
    with (
        serving(tmp_path / "tiny.gguf", "tiny", own=True) as url,
        pytest.raises(InputError, match="no log-probabilities"),
    ):
        load(url).text_log_probs(SHORT)


def scores(behavior, probes):
    total = np.zeros(len(probes))
    for block in behavior.log_probs(probes):
        rows = np.arange(len(block.probe))
        np.add.at(total, block.probe, block.log_p[rows, block.token].astype(np.float64))
    return total


@by_llama_cpp_python
def test_smollm2_answers_there_as_it_does_here(served):
    same_beginnings(served, smollm2())


@by_llama_cpp_python
def test_its_log_probabilities_of_smollm2_are_right_or_refused(served):
    """Version 0.3.36 pairs them with the wrong tokens where a model has no start token."""
    try:
        found = load(served).text_log_probs(PROBES)
    except InputError as error:
        assert "pairs log-probabilities with the wrong tokens" in str(error)
        return
    np.testing.assert_allclose(found, scores(load(smollm2()), PROBES), atol=1.0)


@by_llama_cpp_python
def test_with_a_start_token_its_log_probabilities_are_those_of_the_file(tmp_path):
    model = write_llama(tmp_path / "tiny", extra=EXTRA)
    write_gguf(tmp_path / "tiny.gguf", model, bos=True)
    with serving(tmp_path / "tiny.gguf", "tiny", own=False) as url:
        found = load(url).text_log_probs(SHORT)
    np.testing.assert_allclose(found, scores(load(tmp_path / "tiny"), SHORT), atol=0.1)
