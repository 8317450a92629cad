"""Measures of one column against scipy and scikit-learn, and by hand where nobody has them."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import ndcg_score

from behaviordist.hypothesis.inference.jackknife import jackknife_of
from behaviordist.hypothesis.permutation.relabelling import relabellings
from behaviordist.hypothesis.statistics.statistic import STATISTICS
from tests.hypothesis.dyadic_worlds import off_diagonal, world


def midrank_weights(y):
    return 1 / stats.rankdata(y)


def scipy_weighted_tau(x, y):
    """scipy, given our weights through its own weigher: rank i is the i-th element."""
    weight = midrank_weights(y)
    order = np.arange(len(y))
    return stats.weightedtau(x, y, rank=order, weigher=lambda r: weight[r]).statistic


def sklearn_ndcg(x, y):
    gain = (len(y) - stats.rankdata(y)) / (len(y) - 1)
    return ndcg_score([gain], [-x])


def saving(k):
    def by_hand(x, y):
        taken = y[np.argsort(x, kind="stable")[:k]].min()
        return (y.mean() - taken) / (y.mean() - y.min())

    return by_hand


def percentile(k):
    def by_hand(x, y):
        chosen = np.argsort(x, kind="stable")[:k]
        above = [(np.sum(y > y[c]) + (np.sum(y == y[c]) - 1) / 2) / (len(y) - 1) for c in chosen]
        return np.mean(above)

    return by_hand


ORACLES = {
    "within-target": lambda x, y: stats.spearmanr(x, y).statistic,
    "kendall": lambda x, y: stats.kendalltau(x, y).statistic,
    "weighted-tau": scipy_weighted_tau,
    "scipy-weighted-tau": lambda x, y: stats.weightedtau(-x, -y).statistic,
    "ndcg": sklearn_ndcg,
    "saving@1": saving(1),
    "saving@3": saving(3),
    "percentile@1": percentile(1),
    "percentile@3": percentile(3),
}
NEED_UNTIED_DISTANCES = {"ndcg"}


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("rounding", [None, 0.5])
@pytest.mark.parametrize("name", list(ORACLES))
def test_every_measure_under_every_relabelling(name, missing, rounding):
    rng = np.random.default_rng(8)
    frames = world(rng, n=9, slope=0.5, missing=missing, rounding=rounding)
    distance, cost = (off_diagonal(frame) for frame in frames)
    if rounding and name in NEED_UNTIED_DISTANCES:
        distance = off_diagonal(world(rng, n=9)[0])
    labels = list(frames[0].index)
    drawn = relabellings(labels, labels, 10, rng)
    values = STATISTICS[name].permuted(distance[None], cost, drawn)[0]
    for b in range(len(drawn)):
        moved = cost[np.ix_(drawn.rows[b], drawn.columns[b])]
        expected = column_mean(ORACLES[name], distance, moved)
        assert values[b] == pytest.approx(expected, abs=1e-9)


def column_mean(oracle, distance, cost):
    values = []
    for t in range(cost.shape[1]):
        both = np.isfinite(distance[:, t]) & np.isfinite(cost[:, t])
        if both.sum() >= 3:
            values.append(oracle(distance[both, t], cost[both, t]))
    return np.mean(values)


@pytest.mark.parametrize("name", list(STATISTICS))
def test_leaving_a_behavior_out_is_deleting_its_row_and_column(name):
    if name == "two-way":
        pytest.skip("keeps the ranks of the whole matrices; see test_two_way")
    rng = np.random.default_rng(9)
    distance, cost = (off_diagonal(f) for f in world(rng, n=8, slope=0.5, missing=0.1))
    labels = [str(i) for i in range(8)]
    left = jackknife_of(labels, labels)
    values = STATISTICS[name].kept(distance[None], cost, left.rows, left.columns)[0]
    for i in range(8):
        smaller = [np.delete(np.delete(m, i, 0), i, 1) for m in (distance, cost)]
        rho, count = STATISTICS[name].per_target(*smaller)
        assert values[i] == pytest.approx(np.nanmean(rho), abs=1e-12)
        assert count.max() <= 6
