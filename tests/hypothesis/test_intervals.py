"""Intervals: their formulas on small cases, their coverage on many."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.intervals import (
    correlation_limits,
    intervals,
    left_out_values,
)
from behaviordist.hypothesis.inference.jackknife import jackknife_of
from behaviordist.hypothesis.permutation.relabelling import Relabelling, relabellings
from behaviordist.hypothesis.statistics.pair_noise import PairNoise, pair_variance
from behaviordist.hypothesis.statistics.statistic import STATISTICS
from behaviordist.hypothesis.tables.pairs import make_pairs
from tests.hypothesis.dyadic_worlds import world


def half_width(without, noise, counted):
    """The jackknife's half width where the values are those without each of n labels."""
    labels = [str(i) for i in range(without.shape[1])]
    return jackknife_of(labels, labels).half_width(without, noise, counted)


def null_of(pairs, statistic, rng, permutations=99):
    drawn = relabellings(pairs.sources, pairs.targets, permutations, rng)
    return statistic.permuted(pairs.predictors, pairs.cost, drawn)


def test_the_jackknife_of_a_mean_is_students_interval():
    values = np.random.default_rng(0).normal(size=12)
    without = (values.sum() - values) / 11
    expected = stats.t.ppf(0.975, 11) * values.std(ddof=1) / np.sqrt(12)
    rule = PairNoise(excess=2.0, floor=0.4)
    assert half_width(without[None], 0.0, rule)[0] == pytest.approx(expected)
    # The noise of pairs takes at most six tenths of the variance away.
    assert half_width(without[None], 1e9, rule)[0] == pytest.approx(expected * np.sqrt(0.4))
    twice = half_width(without[None], values.var(ddof=1) / 12 / 4, rule)[0]
    assert twice == pytest.approx(expected * np.sqrt(0.5))


def mean_of_pairs(effects, n):
    """A mean of pair values is its effects' sum; the jackknife over labels by hand."""
    labels = [f"{i:02d}" for i in range(n)]
    return pair_variance(effects[None], labels, labels)[0]


def test_the_variance_of_pairs_sums_both_directions_before_it_squares():
    effects = np.zeros((4, 4))
    effects[0, 1], effects[1, 0], effects[2, 3] = 1.0, 2.0, 5.0
    assert mean_of_pairs(effects, 4) == pytest.approx(3.0**2 + 5.0**2)
    apart = pair_variance(np.array([[[1.0, 2.0], [3.0, 4.0]]]), ["a", "b"], ["c", "d"])
    assert apart[0] == pytest.approx(1 + 4 + 9 + 16)


def test_the_dyadic_variance_of_a_mean_is_what_simulation_gives():
    """Jackknife less pairs is unbiased for a mean of a_i + b_j + e_ij (sides of one behavior)."""
    rng, n, found, means = np.random.default_rng(5), 16, [], []
    off = ~np.eye(n, dtype=bool)
    for _ in range(400):
        side = rng.normal(size=n)
        value = side[:, None] * 0.3 + rng.normal(size=(n, n))
        mean = value[off].mean()
        effects = np.where(off, value - mean, 0.0) / off.sum()
        without = [value[np.ix_(k, k)][~np.eye(n - 1, dtype=bool)].mean()
                   for k in (np.delete(np.arange(n), i) for i in range(n))]  # fmt: skip
        half = half_width(np.array([without]), mean_of_pairs(effects, n), PairNoise(1.0, 0.0))[0]
        found.append((half / stats.t.ppf(0.975, n - 1)) ** 2)
        means.append(mean)
    assert np.mean(found) == pytest.approx(np.var(means), rel=0.15)


@pytest.mark.parametrize("name", ["within-target", "kendall", "two-way", "ndcg"])
def test_pair_effects_are_what_leaving_out_a_pair_does(name):
    statistic = STATISTICS[name]
    pairs = make_pairs(*world(np.random.default_rng(2), n=12, slope=0.5), {})
    effects = statistic.pair_effects(pairs.predictors, pairs.cost)[0]
    n, moved, said = 12, [], []
    whole = null_of(pairs, statistic, np.random.default_rng(0), 1)[0, 0]
    for s, t in [(0, 1), (3, 7), (5, 2), (8, 4), (11, 10), (2, 9)]:
        cost = pairs.cost.copy()
        cost[s, t] = np.nan
        identity = Relabelling(np.arange(n)[None], np.arange(n)[None])
        moved.append(whole - statistic.permuted(pairs.predictors, cost, identity)[0, 0])
        said.append(effects[s, t])
    # The same up to the centring inside a column and the curvature of ranks.
    assert np.corrcoef(moved, said)[0, 1] > 0.95
    np.testing.assert_allclose(said, moved, atol=3e-3)
    assert (effects[np.isnan(pairs.cost)] == 0).all()


@pytest.mark.parametrize(("name", "counted"), [("within-target", 2), ("percentile@1", 3)])
def test_the_jackknife_counts_the_noise_of_pairs_as_often_as_is_said(name, counted):
    """Costs and distances of pairs are independent noise: nothing else makes a variance."""
    statistic, rng = STATISTICS[name], np.random.default_rng(4)
    labels = [f"{i:02d}" for i in range(24)]
    ratios = []
    for _ in range(30):
        distance, cost = rng.uniform(1, 2, size=(2, 24, 24))
        np.fill_diagonal(distance, 0.0)
        frames = (pd.DataFrame(matrix, labels, labels) for matrix in (distance, cost))
        pairs = make_pairs(*frames, {})
        without = left_out_values(statistic, pairs)[0]
        jackknife = 23 / 24 * ((without - without.mean()) ** 2).sum()
        ratios.append(jackknife / null_of(pairs, statistic, rng, 200).var())
    assert np.mean(ratios) == pytest.approx(counted, rel=0.2)


def test_limits_of_a_correlation_stay_inside():
    low, high = correlation_limits(0.95, 0.2)
    assert -1 < low < 0.95 < high < 1
    assert correlation_limits(1.0, 0.0) == (1.0, 1.0)
    assert correlation_limits(-1.0, 0.3)[0] == -1.0
    assert correlation_limits(-1.0 - 2e-16, 0.0) == (-1.0, -1.0)


def test_bootstrap_and_jackknife_agree_roughly_and_only_ranks_can_be_bootstrapped():
    rng = np.random.default_rng(1)
    pairs = make_pairs(*world(rng, n=20, slope=0.5), {})
    statistic = STATISTICS["within-target"]
    null = null_of(pairs, statistic, rng)
    by_method = {
        method: intervals(statistic, pairs, null[:, 0], method, draws=400, rng=rng)[0]
        for method in ("jackknife", "bootstrap")
    }
    np.testing.assert_allclose(by_method["jackknife"], by_method["bootstrap"], atol=0.12)
    with pytest.raises(InputError, match="use the jackknife"):
        intervals(STATISTICS["ndcg"], pairs, null[:, 0], "bootstrap")
    with pytest.raises(InputError, match="unknown interval 'percentile'"):
        intervals(statistic, pairs, null[:, 0], "percentile")


def test_left_out_values_are_tests_of_smaller_tables():
    distances, costs = world(np.random.default_rng(2), n=9, slope=0.5)
    pairs = make_pairs(distances, costs, {})
    without = left_out_values(STATISTICS["within-target"], pairs)[0][0]
    rest = [label for label in distances.index if label != "b04"]
    smaller = make_pairs(distances.loc[rest, rest], costs.loc[rest, rest], {})
    value = null_of(smaller, STATISTICS["within-target"], np.random.default_rng(0), 1)[0, 0]
    assert without[4] == pytest.approx(value, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["within-target", "two-way", "percentile@1"])
@pytest.mark.parametrize("slope", [0.0, 0.4])
def test_intervals_cover(name, slope):
    statistic, rng = STATISTICS[name], np.random.default_rng(3)
    options = {"n": 14, "slope": slope, "source_effect": 0.5, "rounding": 0.25}
    truth = np.mean(
        [
            null_of(make_pairs(*world(rng, **options), {}), statistic, rng, 1)[0, 0]
            for _ in range(2000)
        ]
    )
    inside = []
    for _ in range(500):
        pairs = make_pairs(*world(rng, **options), {})
        low, high = intervals(statistic, pairs, null_of(pairs, statistic, rng, 1)[:, 0])[0]
        inside.append(low <= truth <= high)
    # 93-97 % with the Monte Carlo error of 500 studies (1 point) on either side.
    assert 0.92 <= np.mean(inside) <= 0.985
