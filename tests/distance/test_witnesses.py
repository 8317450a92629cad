"""Witnesses: the probes and positions that make up a distance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from behaviordist.distance import matrix_of
from behaviordist.distance.analysis.kept_divergences import kl_both_ways
from behaviordist.distance.analysis.witnesses import farthest_witnesses, witnesses
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from tests.distance.worlds import fingerprint_of, probe_set


def test_witnesses_find_the_planted_position_and_shares_sum_to_one():
    probe = np.repeat(np.arange(6), 3)
    a = np.zeros((18, 4))
    b = 0.01 * np.ones((18, 4))
    b[3 * 4 + 2] = 5.0
    probes = probe_set(6)
    pair = [
        fingerprint_of(k, x, probe, probe_digest=probes.digest) for k, x in (("a", a), ("b", b))
    ]
    top = witnesses(*pair, probes, n=3)[0]
    assert (top.probe, top.position) == ("p4", 2) and top.squared == pytest.approx(100)
    assert sum(w.share for w in witnesses(*pair, probes, n=18)) == pytest.approx(1)
    with pytest.raises(InputError, match="other probes"):
        witnesses(*pair, probe_set(7))


def test_the_farthest_pairs_come_with_their_witnesses():
    probes = probe_set(6)
    features = {name: np.zeros((6, 2)) for name in "abcd"}
    features["b"][2], features["c"][4] = 1.0, 3.0  # d is a again
    prints = [fingerprint_of(k, x, probe_digest=probes.digest) for k, x in features.items()]
    squared = matrix_of(prints).squared
    farthest = farthest_witnesses(prints, squared, probes)
    assert [one["pair"] for one in farthest[:3]] == [["b", "c"], ["a", "c"], ["c", "d"]]
    assert len(farthest) == 5  # all that differ
    assert [w["probe"] for w in farthest[0]["witnesses"][:2]] == ["p4", "p2"]
    assert farthest[0]["witnesses"][0]["share"] == pytest.approx(0.9)
    assert farthest_witnesses(prints[::3], squared[::3, ::3], probes) == []


def test_kl_both_ways_is_kept_where_distributions_are():
    rng = np.random.default_rng(1)
    probes, probe = probe_set(5), np.repeat(np.arange(5), 2)
    p, q = rng.dirichlet(np.ones(7), (2, 10))
    p[3, 2] = 0.0  # of these two, p cannot say what q does
    p[3] /= p[3].sum()
    prints = [
        fingerprint_of(k, np.sqrt(x), probe, probe_digest=probes.digest, geometry="hellinger")
        for k, x in (("p", p), ("q", q))
    ]
    there, back = kl_both_ways(*prints)
    of_probe = entropy(p, q, axis=1).reshape(5, 2).mean(1)
    assert there.value == pytest.approx(of_probe.mean(), rel=1e-5)
    assert there.standard_error == pytest.approx(of_probe.std(ddof=1) / 5**0.5, rel=1e-4)
    assert np.isinf(back.value)
    (pair,) = farthest_witnesses(prints, matrix_of(prints).squared, probes)
    assert pair["kl"][0] == [there.value, there.standard_error]
    for other in ({"sketch": "countsketch-64"}, {"geometry": "euclidean"}, {"dtype": np.float16}):
        kept = {"geometry": "hellinger", **other}
        lost = fingerprint_of("p", np.sqrt(p), probe, probe_digest=probes.digest, **kept)
        assert kl_both_ways(lost, lost) is None


def test_the_distance_of_a_tag_is_that_of_its_probes_alone():
    rng = np.random.default_rng(0)
    tags = (("a",), ("a", "b"), ("b",), ("c",))
    rows = [Probe(f"p{k}", "x", " y z", tags=of) for k, of in enumerate(tags)]
    probes = ProbeSet("tagged", tuple(rows))
    probe = np.repeat(np.arange(4), 2)
    features = rng.normal(size=(2, 8, 3))
    prints = [
        fingerprint_of(k, x, probe, probe_digest=probes.digest)
        for k, x in zip("xy", features, strict=True)
    ]
    (pair,) = farthest_witnesses(prints, matrix_of(prints).squared, probes)
    gaps = ((features[0].astype("f4") - features[1].astype("f4")) ** 2).sum(1)
    for tag in "abc":
        kept = np.array([tag in tags[k] for k in probe])
        assert pair["tags"][tag] == pytest.approx(gaps[kept].mean() ** 0.5, rel=1e-5)
    assert pair["witnesses"][0]["context"].startswith("x[ y z] at token ")
