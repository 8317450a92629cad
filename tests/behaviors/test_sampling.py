"""Sampled answers against the distributions they are drawn from; a real server on loopback."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter

import numpy as np
import pytest

from behaviordist.behaviors import load
from behaviordist.behaviors.sampling import rollout
from behaviordist.errors import InputError
from behaviordist.measurements.answers import Draws, compare_by_answers
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer

PROBES = ProbeSet("three", tuple(Probe(f"p{i}", f"Once upon {i}", " a time") for i in range(3)))


def test_first_tokens_are_drawn_from_the_behaviors_own_distribution(llama):
    """A chi-square test at 1e-4 of 2000 draws of one token against its log-probabilities."""
    from scipy.stats import chisquare

    one = ProbeSet("one", PROBES.probes[:1])
    behavior = load(f"{llama}@temperature=0.3,top_k=4")
    log_p = next(iter(behavior.log_probs(one))).log_p[0]
    tokenizer = byte_tokenizer()
    kept = Counter()
    for token in np.flatnonzero(np.isfinite(log_p)):
        kept[tokenizer.decode([token])] += float(
            np.exp(log_p[token])
        )  # half a character is one text
    (drawn,) = behavior.samples(one, 2000, max_tokens=1, seed=3)
    counts = Counter(drawn)
    assert set(counts) <= set(kept)
    assert np.isfinite(log_p).sum() == 4
    expected = np.array(list(kept.values()))
    observed = np.array([counts[text] for text in kept])
    assert chisquare(observed, 2000 * expected / expected.sum()).pvalue > 1e-4


def test_draws_depend_on_seed_and_probe_alone(llama):
    behavior = load(llama)
    found = behavior.samples(PROBES, 2, max_tokens=4, seed=1)
    last = ProbeSet("last", PROBES.probes[2:])
    assert behavior.samples(last, 2, max_tokens=4, seed=1) == found[2:]
    assert behavior.samples(PROBES, 2, max_tokens=4, seed=2) != found
    assert found[0][0] != found[0][1]


def test_rollouts_are_written_by_the_mixture_and_kept(llama, tmp_path):
    probes = ProbeSet("many", tuple(Probe(f"p{i}", f"q{i}", " x", group="g") for i in range(12)))
    pair = [load(llama, label="plain"), load(f"{llama}@temperature=0.1", label="cold")]
    made = rollout(pair, probes, max_tokens=3, folder=tmp_path)
    by = Counter(tag for p in made for tag in p.tags)
    assert set(by) == {"by:plain", "by:cold"}
    assert [p.id for p in made] == [p.id for p in probes]
    assert {p.group for p in made} == {"g"}
    assert made.digest != probes.digest

    class Dumb:
        label, identity = "plain", pair[0].identity

        def samples(self, *_):
            raise AssertionError("it was asked again")

    again = rollout([Dumb(), pair[1]], probes, max_tokens=3, folder=tmp_path)
    assert again == made
    with pytest.raises(InputError, match="no behaviors"):
        rollout([], probes)


@pytest.fixture(scope="module")
def served(llama):
    """`transformers serve` with the tiny model, in a process of its own."""
    for name in ("fastapi", "uvicorn", "openai"):
        pytest.importorskip(name)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = "from transformers.cli.transformers import main; main()"
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    server = subprocess.Popen(
        [sys.executable, "-c", command, "serve", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)
                break
            except OSError:
                assert server.poll() is None, "the server ended before it answered"
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1#{llama}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.mark.slow
def test_a_real_server_answers_as_the_model_does_here(served, llama):
    remote, local = load(f"{served}@temperature=0"), load(f"{llama}@temperature=0")
    assert remote.label == "tiny"
    mine = local.samples(PROBES, 1, max_tokens=6)
    assert [a[0] for a in remote.samples(PROBES, 1, max_tokens=6)] == [a[0] for a in mine]
    assert remote.client.budget.spent > 0


@pytest.mark.slow
def test_a_real_server_without_log_probabilities_is_told_apart(served):
    with pytest.raises(InputError, match="refuses the request|no log-probabilities"):
        load(served).text_log_probs(PROBES)


@pytest.mark.slow
def test_a_real_server_samples_where_the_file_beside_the_weights_says_so(served, llama, tmp_path):
    address = served.partition("#")[0]
    told = tmp_path / "told"
    shutil.copytree(llama, told)
    (told / "generation_config.json").write_text(json.dumps({"do_sample": True, "top_k": 0}))
    draws = Draws(8, 6)
    found, record = compare_by_answers(
        [str(llama), f"{address}#{told}"], PROBES, draws=draws, first_tokens=False
    )
    assert found.p > 0.001
    assert not any("decode greedily" in note for note in record.notes)
    greedy, record = compare_by_answers(
        [str(llama), served], PROBES, draws=draws, first_tokens=False
    )
    assert greedy.p < 0.01
    assert greedy.distance > found.distance
    assert any("decode greedily" in note for note in record.notes)
