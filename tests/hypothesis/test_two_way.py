"""Two-way residuals against explicit least squares on dummy variables."""

import numpy as np
import pytest
from scipy import stats

from behaviordist.hypothesis.permutation.relabelling import multiplicities, relabellings
from behaviordist.hypothesis.statistics.two_way import TwoWay
from tests.hypothesis.dyadic_worlds import off_diagonal, world


def least_squares_correlation(distance, cost, rank_distance, rank_cost, weight):
    """Weighted correlation of residuals of a regression on source and target dummies."""
    n = len(distance)
    s, t = np.nonzero(np.isfinite(distance) & np.isfinite(cost) & (weight > 0))
    dummies = np.zeros((len(s), 2 * n))
    dummies[np.arange(len(s)), s] = 1
    dummies[np.arange(len(s)), n + t] = 1
    root = np.sqrt(weight[s, t])
    residuals = []
    for ranks in (rank_distance, rank_cost):
        y = ranks[s, t] * root
        fit = np.linalg.lstsq(dummies * root[:, None], y, rcond=None)[0]
        residuals.append(y - (dummies * root[:, None]) @ fit)
    x, y = residuals
    return x @ y / np.sqrt((x @ x) * (y @ y))


def ranks(matrix):
    return stats.rankdata(matrix.ravel(), nan_policy="omit").reshape(matrix.shape)


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_relabellings_equal_least_squares(missing):
    rng = np.random.default_rng(4)
    distance, cost = (off_diagonal(f) for f in world(rng, n=8, slope=0.5, missing=missing))
    labels = [str(i) for i in range(8)]
    drawn = relabellings(labels, labels, 12, rng)
    values = TwoWay().permuted(distance[None], cost, drawn)[0]
    for b in range(len(drawn)):
        order = np.ix_(drawn.rows[b], drawn.columns[b])
        expected = least_squares_correlation(
            distance, cost[order], ranks(distance), ranks(cost)[order], np.ones_like(cost)
        )
        assert values[b] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_resamples_equal_weighted_least_squares(missing):
    rng = np.random.default_rng(6)
    distance, cost = (off_diagonal(f) for f in world(rng, n=8, slope=0.5, missing=missing))
    labels = [str(i) for i in range(8)]
    rows, columns = multiplicities(labels, labels, 12, rng)
    values = TwoWay().resampled(distance[None], cost, rows, columns)[0]
    for b in range(12):
        weight = rows[b][:, None] * columns[b][None]
        expected = least_squares_correlation(distance, cost, ranks(distance), ranks(cost), weight)
        assert values[b] == pytest.approx(expected, abs=1e-7)
