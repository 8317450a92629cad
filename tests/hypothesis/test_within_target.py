"""The within-target statistic against scipy, and against itself in its three forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from behaviordist.hypothesis.permutation.relabelling import (
    Relabelling,
    multiplicities,
    relabellings,
)
from behaviordist.hypothesis.statistics.within_target import WithinTargetSpearman, weighted_spearman
from tests.hypothesis.dyadic_worlds import off_diagonal, world


def scipy_loop(distance, cost):
    """Mean over columns of scipy's Spearman over the pairs that both matrices have."""
    values = []
    for t in range(cost.shape[1]):
        both = np.isfinite(distance[:, t]) & np.isfinite(cost[:, t])
        if both.sum() >= 3:
            values.append(stats.spearmanr(distance[both, t], cost[both, t]).statistic)
    return np.mean(values)


def relabelled(cost, relabelling, b):
    return cost[np.ix_(relabelling.rows[b], relabelling.columns[b])]


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("rounding", [None, 0.5])
def test_every_relabelling_equals_the_scipy_loop(missing, rounding):
    rng = np.random.default_rng(3)
    frames = world(rng, n=9, slope=0.5, missing=missing, rounding=rounding)
    distance, cost = (off_diagonal(frame) for frame in frames)
    labels = list(frames[0].index)
    drawn = relabellings(labels, labels, 25, rng)
    values = WithinTargetSpearman().permuted(distance[None], cost, drawn)[0]
    expected = [scipy_loop(distance, relabelled(cost, drawn, b)) for b in range(len(drawn))]
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_missing_distances_are_dropped_pairwise():
    rng = np.random.default_rng(5)
    distance, cost = (off_diagonal(f) for f in world(rng, n=10, slope=0.5, missing=0.1))
    distance[rng.uniform(size=distance.shape) < 0.1] = np.nan
    labels = [str(i) for i in range(10)]
    drawn = relabellings(labels, labels, 20, rng)
    values = WithinTargetSpearman().permuted(distance[None], cost, drawn)[0]
    expected = [scipy_loop(distance, relabelled(cost, drawn, b)) for b in range(len(drawn))]
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_per_target_is_scipys_spearman_of_each_column():
    distance, cost = (off_diagonal(f) for f in world(np.random.default_rng(0), n=8, missing=0.1))
    rho, count = WithinTargetSpearman().per_target(distance, cost)
    for t in range(8):
        both = np.isfinite(cost[:, t]) & np.isfinite(distance[:, t])
        assert count[t] == both.sum()
        expected = stats.spearmanr(distance[both, t], cost[both, t]).statistic
        assert rho[t] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    some.lists(
        some.tuples(some.integers(0, 4), some.integers(0, 4), some.integers(0, 3)),
        min_size=4,
        max_size=12,
    )
)
def test_weighted_spearman_is_that_of_the_written_out_sample(triples):
    x, y, times = (np.array(column, dtype=float) for column in zip(*triples, strict=True))
    value = weighted_spearman(x, y, times[None])[0]
    long_x, long_y = (np.repeat(v, times.astype(int)) for v in (x, y))
    if (times > 0).sum() < 3 or np.ptp(long_y) == 0:
        assert np.isnan(value)
    elif np.ptp(long_x) == 0:
        assert value == 0
    else:
        assert value == pytest.approx(stats.spearmanr(long_x, long_y).statistic, abs=1e-9)


def test_bootstrap_sample_equals_the_duplicated_matrix_without_self_pairs():
    rng = np.random.default_rng(1)
    distance, cost = (off_diagonal(f) for f in world(rng, n=7, slope=1.0))
    labels = [str(i) for i in range(7)]
    rows, columns = multiplicities(labels, labels, 30, rng)
    values = WithinTargetSpearman().resampled(distance[None], cost, rows, columns)[0]
    for b in range(30):
        drawn = np.repeat(np.arange(7), rows[b].astype(int))
        # Copies of one behavior meet on the diagonal of the small matrix, which is NaN.
        big_distance, big_cost = distance[np.ix_(drawn, drawn)], cost[np.ix_(drawn, drawn)]
        rho = []
        for t in range(len(drawn)):
            both = np.isfinite(big_cost[:, t])
            if len(set(drawn[both])) >= 3:
                rho.append(stats.spearmanr(big_distance[both, t], big_cost[both, t]).statistic)
        if rho:
            assert values[b] == pytest.approx(np.mean(rho), abs=1e-9)
        else:
            assert np.isnan(values[b])


def test_target_effects_and_monotone_maps_change_nothing():
    rng = np.random.default_rng(2)
    distance, cost = (off_diagonal(f) for f in world(rng, n=10, slope=0.7))
    identity = Relabelling(np.arange(10)[None], np.arange(10)[None])
    value = WithinTargetSpearman().permuted(distance[None], cost, identity)[0, 0]
    shifted = np.exp(cost / 5) * rng.uniform(1, 100, size=(1, 10))
    assert WithinTargetSpearman().permuted(distance[None] ** 3, shifted, identity)[
        0, 0
    ] == pytest.approx(value, abs=1e-12)
