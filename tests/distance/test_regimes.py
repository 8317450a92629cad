"""Regime-level distances: unbiased, and the interval holds over probes and seeds."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.distance import regime_distances
from behaviordist.errors import InputError
from tests.distance.worlds import fingerprint_of

K, D = 4, 6


def linear_regimes(rng, means, replicates, n_probes, noise):
    """Regimes of linear functions x -> (W + E) x on x ~ N(0, I): true D^2 = ||W_A - W_B||_F^2."""
    x = rng.normal(size=(n_probes, D))
    shift = noise / np.sqrt(K * D)
    return {
        name: [
            fingerprint_of(f"{name}{r}", x @ (mean + shift * rng.normal(size=mean.shape)).T)
            for r in range(replicates)
        ]
        for name, mean in means.items()
    }


def simulate(draws, delta, replicates, n_probes, noise, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(K, D))
    b = a + delta * rng.normal(size=(K, D)) / np.sqrt(K * D)
    estimates, hits = [], 0
    for _ in range(draws):
        groups = linear_regimes(rng, {"A": a, "B": b}, replicates, n_probes, noise)
        found = regime_distances(groups)
        low, high = found.interval()
        estimates.append(found.squared[0, 1])
        hits += low[0, 1] <= np.sum((a - b) ** 2) <= high[0, 1]
    return np.array(estimates), float(np.sum((a - b) ** 2)), hits / draws


@pytest.mark.parametrize("delta", [0.0, 1.0])
def test_unbiased(delta):
    estimates, true, _ = simulate(250, delta, replicates=3, n_probes=40, noise=0.6, seed=1)
    assert abs(estimates.mean() - true) < 2 * estimates.std() / np.sqrt(len(estimates))
    if delta == 0:
        assert true == 0 and (estimates < 0).mean() > 0.3  # not clipped


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.3, 1.0])
def test_intervals_cover(noise):
    _, _, coverage = simulate(800, 1.0, replicates=5, n_probes=150, noise=noise, seed=2)
    assert 0.93 <= coverage <= 0.97


def test_equals_the_formula():
    rng = np.random.default_rng(0)
    means = {name: rng.normal(size=(K, D)) for name in "ABC"}
    groups = linear_regimes(rng, means, 3, 30, 0.5)
    found = regime_distances(groups)

    def d2(f, g):
        return np.mean(np.sum((f.features.astype(float) - g.features.astype(float)) ** 2, axis=1))

    def within(group):
        return np.mean([d2(f, g) for f in group for g in group if f is not g])

    for i, a in enumerate("ABC"):
        for j, b in enumerate("ABC"):
            if i == j:
                continue
            cross = np.mean([d2(f, g) for f in groups[a] for g in groups[b]])
            expected = cross - within(groups[a]) / 2 - within(groups[b]) / 2
            assert found.squared[i, j] == pytest.approx(expected, rel=1e-4)
    floor = found.metadata["noise_floor"]
    expected = np.mean([within(g) for g in groups.values()])
    assert floor["value"] == pytest.approx(np.sqrt(expected), rel=1e-4) and floor["n"] == 9
    assert floor["per_regime"]["B"] == pytest.approx(np.sqrt(within(groups["B"])), rel=1e-4)


def test_single_replicates_are_marked_and_have_no_within_term():
    rng = np.random.default_rng(0)
    groups = linear_regimes(rng, {"A": np.eye(K, D), "B": np.zeros((K, D))}, 1, 30, 0.1)
    found = regime_distances(groups)
    a, b = (groups[name][0].features for name in "AB")
    assert found.squared[0, 1] == pytest.approx(np.mean(np.sum((a - b) ** 2, axis=1)), rel=1e-5)
    assert found.metadata["single_replicate"] == ["A", "B"]
    assert found.metadata["noise_floor"] is None
    assert np.isfinite(found.squared_standard_errors).all()


def test_seeds_widen_the_error():
    """The same probes in abundance: what is left is the seeds' randomness, and it is in."""
    rng = np.random.default_rng(3)
    a, b = np.zeros((K, D)), np.ones((K, D))
    errors, estimates = [], []
    for _ in range(60):
        found = regime_distances(linear_regimes(rng, {"A": a, "B": b}, 4, 3000, 1.0))
        errors.append(found.squared_standard_errors[0, 1])
        estimates.append(found.squared[0, 1])
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(estimates), rel=0.35)


def test_an_empty_regime_is_refused():
    with pytest.raises(InputError, match="regime 'A' has no fingerprints"):
        regime_distances({"A": []})
