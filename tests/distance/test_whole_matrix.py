"""Bootstrap over probes, witnesses, probe budgets."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.distance import matrix_of
from behaviordist.distance.analysis.budget import probes_needed
from behaviordist.distance.analysis.witnesses import (
    discriminating_probes,
    probe_distances,
    witnesses,
)
from behaviordist.errors import InputError
from tests.distance.worlds import fingerprint_of, probe_set


def clustered(seed=0, n=80, gap=2.0):
    """Behaviors a, b and c, d: two clear pairs."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(n, 5))
    centres = {"a": 0, "b": 0, "c": gap, "d": gap}
    return [
        fingerprint_of(k, base + shift + 0.3 * rng.normal(size=base.shape))
        for k, shift in centres.items()
    ]


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
    assert discriminating_probes(pair, probes, n=1)[0][0] == "p4"
    with pytest.raises(InputError, match="other probes"):
        witnesses(*pair, probe_set(7))


def test_scores_average_to_one_and_every_pair_counts_alike():
    rng = np.random.default_rng(0)
    probes = probe_set(5)
    features = [np.zeros((5, 2)), np.zeros((5, 2)), np.zeros((5, 2))]
    features[1][2] = 1.0  # b differs from a on p2 alone, a little
    features[2] += 100 + rng.normal(size=(5, 2))  # c differs everywhere, a lot
    prints = [
        fingerprint_of(k, x, probe_digest=probes.digest)
        for k, x in zip("abc", features, strict=True)
    ]
    scores = discriminating_probes(prints, probes, n=5)
    assert scores[0][0] == "p2" and scores[0][1] > 1.5
    assert np.mean([score for _, score in scores]) == pytest.approx(1)
    table = probe_distances(prints)
    np.testing.assert_allclose(
        table.mean(axis=0), matrix_of(prints).squared[np.triu_indices(3, 1)], rtol=1e-5
    )


def test_the_budget_gives_its_power():
    rng = np.random.default_rng(0)
    delta, size = 0.25, 4

    def squared(n, distance):
        """Per-probe squared distances with mean distance^2."""
        return distance**2 * rng.chisquare(size, size=n) / size

    def pilot_of(n, distance):
        shift = distance * rng.normal(size=(n, size)) / np.sqrt(size)
        return matrix_of([fingerprint_of("a", 0 * shift), fingerprint_of("b", shift)])

    pilot = pilot_of(4000, 1.0)
    n = probes_needed(pilot, "a", "b", delta)
    true = pilot.squared[0, 1]
    error = np.sqrt(2 / size / n)
    found = [abs(squared(n, 1 + delta).mean() - true) > 1.96 * error for _ in range(2000)]
    assert 0.7 <= np.mean(found) <= 0.9
    assert probes_needed(pilot, "a", "b", delta / 2) > 3 * n
    with pytest.raises(InputError, match="no behavior 'z'"):
        probes_needed(pilot, "a", "z", 0.1)
    with pytest.raises(InputError, match="delta"):
        probes_needed(pilot, "a", "b", 0.0)
