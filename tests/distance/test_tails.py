"""Tails of a comparison against arithmetic of their own on written-out distributions."""

import numpy as np
import pytest
from scipy.special import rel_entr
from scipy.stats import entropy

from behaviordist.behaviors.arrays import ArrayBehavior
from behaviordist.distance.comparison import compare
from behaviordist.probes import Probe, ProbeSet

N, POSITIONS, VOCABULARY = 7, 6, 5
PROBES = ProbeSet(
    "p",
    tuple(Probe(f"{i}", "x", "y" * (i + 1), ("often",) + (("rare",) * (i == 0))) for i in range(N)),
)
INDEX = np.repeat(np.arange(N), POSITIONS)


def rows(seed):
    logits = 3 * np.random.default_rng(seed).normal(size=(len(INDEX), VOCABULARY))
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True)


def behavior(label, p):
    return ArrayBehavior(label, INDEX, np.log(p).astype(np.float32))


@pytest.fixture(scope="module")
def compared():
    p, q = rows(0), rows(1)
    return compare(behavior("a", p), behavior("b", q), PROBES), p, q


def test_quantiles_buckets_and_places(compared):
    found, p, q = compared
    kl = rel_entr(p, q).sum(axis=1)
    tails = found.tails
    for name, share in (("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1)):
        np.testing.assert_allclose(
            tails.quantiles[name], np.sort(kl)[int(np.ceil(share * len(kl))) - 1], rtol=1e-5
        )
    sure = p.max(axis=1)
    for part in tails.by_confidence:
        low, high = map(float, part.name.split(" to "))
        mine = (sure >= low) & (sure < high)
        assert part.positions == mine.sum()
        np.testing.assert_allclose(part.kl, kl[mine].mean(), rtol=1e-5)
        np.testing.assert_allclose(part.share_of_kl, kl[mine].sum() / kl.sum(), rtol=1e-5)
        same = p[mine].argmax(axis=1) == q[mine].argmax(axis=1)
        np.testing.assert_allclose(part.agreement, same.mean())
    assert [part.name for part in tails.by_place] == ["1", "2", "3-4", "5-8"]
    assert [part.positions for part in tails.by_place] == [N, N, 2 * N, 2 * N]
    np.testing.assert_allclose(tails.by_place[0].kl, kl[::POSITIONS].mean(), rtol=1e-5)
    assert sum(part.share_of_kl for part in tails.by_place) == pytest.approx(1)


def test_ranks_and_entropy(compared):
    found, p, q = compared
    order = np.argsort(-q, axis=1)
    rank = 1 + np.argmax(order == p.argmax(axis=1)[:, None], axis=1)
    shares = [(rank == 1).mean(), (rank == 2).mean(), (rank >= 3).mean(), 0]
    np.testing.assert_allclose(list(found.tails.ranks.values()), shares)
    change = (entropy(q, axis=1) - entropy(p, axis=1)).reshape(N, POSITIONS).mean(axis=1)
    np.testing.assert_allclose(found.tails.entropy_change.value, change.mean(), rtol=1e-4)
    error = change.std(ddof=1) / np.sqrt(N)
    np.testing.assert_allclose(found.tails.entropy_change.standard_error, error, rtol=1e-4)
    assert found.tails.bits_per_byte is None  # arrays do not say which token stood there


def test_bits_per_byte_of_a_real_model_and_its_change(tmp_path):
    """Against transformers' own forward pass; the change's error against the jackknife."""
    import torch

    from behaviordist.behaviors import load
    from tests.behaviors.conftest import write_llama

    model = write_llama(tmp_path / "m")
    probes = ProbeSet("t", tuple(Probe(str(i), "ab", t) for i, t in enumerate(("cd", "efgh", "i"))))
    cold = load(f"{tmp_path / 'm'}@temperature=0.5")
    found = compare(load(tmp_path / "m"), cold, probes)
    bits = np.zeros((2, 3))
    for k, item in enumerate(cold.encoder()(probes)):
        with torch.no_grad():
            logits = model(torch.tensor([item.ids])).logits[0].double()
        for row, temperature in enumerate((1, 0.5)):
            log_p = (logits / temperature).log_softmax(-1)
            for place in range(len(item.ids) - item.scored, len(item.ids)):
                bits[row, k] -= float(log_p[place - 1, item.ids[place]]) / np.log(2)
    size = np.array([2, 4, 1])
    before, after, change = found.tails.bits_per_byte
    np.testing.assert_allclose([before, after], bits.sum(axis=1) / size.sum(), rtol=1e-4)
    np.testing.assert_allclose(change.value, after - before, rtol=1e-4)
    ratio = np.diff(bits, axis=0)[0]
    residual = ratio - ratio.sum() / size.sum() * size
    error = np.sqrt(3 / 2 * (residual**2).sum()) / size.sum()
    np.testing.assert_allclose(change.standard_error, error, rtol=1e-4)


def test_tags_by_effect_and_no_error_where_all_probes_are_alike(compared):
    found, *_ = compared
    assert found.tags_by_effect() == (["often"], 1)
    same = compare(behavior("a", rows(0)), behavior("b", rows(0)), PROBES)
    assert same.cells(same.overall)[3] == "1.0000"
    assert "±" in found.cells(found.overall)[3]
