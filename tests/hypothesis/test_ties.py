"""Equal numbers tie, however they were computed; ties cap what can be reached."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from behaviordist.hypothesis import transfer_test
from behaviordist.hypothesis.inference.baselines import source_quality
from behaviordist.hypothesis.inference.reliability import tie_ceiling
from behaviordist.hypothesis.permutation.ranks import to_digits
from behaviordist.hypothesis.statistics.statistic import STATISTICS
from behaviordist.hypothesis.statistics.without_source import spearman_without
from behaviordist.hypothesis.tables.survival import restricted_mean
from tests.hypothesis.dyadic_worlds import world


def exact_quality(cost):
    """Mean (rank - 1/2) / n on the other targets, in fractions."""
    from fractions import Fraction

    share = np.full(cost.shape, None)
    for t in range(cost.shape[1]):
        known = np.isfinite(cost[:, t])
        for s, r in zip(np.flatnonzero(known), stats.rankdata(cost[known, t]), strict=True):
            share[s, t] = (Fraction(r) - Fraction(1, 2)) / int(known.sum())
    out = np.full(cost.shape, None)
    for s, t in np.ndindex(*cost.shape):
        others = [v for u, v in enumerate(share[s]) if v is not None and u != t]
        out[s, t] = sum(others, Fraction(0)) / len(others) if others else None
    return out


@settings(max_examples=30, deadline=None)
@given(some.integers(0, 10**6), some.booleans())
def test_source_quality_ties_exactly_where_fractions_do(seed, missing):
    rng = np.random.default_rng(seed)
    cost = rng.integers(0, 5, size=(8, 8)).astype(float)
    np.fill_diagonal(cost, np.nan)
    if missing:
        cost[rng.random(cost.shape) < 0.2] = np.nan
    quality, exact = source_quality(cost), exact_quality(cost)
    for t in range(8):
        for a in range(8):
            for b in range(8):
                if exact[a, t] is not None and exact[b, t] is not None:
                    assert (quality[a, t] == quality[b, t]) == (exact[a, t] == exact[b, t])


def test_values_do_not_depend_on_the_order_of_labels():
    rng = np.random.default_rng(0)
    distances, costs = world(rng, n=8, slope=0.5, rounding=2.0)
    qualities = set()
    for _ in range(6):
        names = {label: f"n{i}" for label, i in zip(costs, rng.permutation(8), strict=True)}
        frames = [f.rename(index=names, columns=names) for f in (distances, costs)]
        result = transfer_test(*frames, permutations=9)
        qualities.add(round(next(b.value for b in result.baselines
                                 if b.name == "source quality"), 12))  # fmt: skip
    assert len(qualities) == 1


def test_numbers_that_were_computed_in_two_ways_tie():
    assert to_digits(np.array([0.1 + 0.2, 0.3, -1e-320, 0.0, np.nan])).tolist()[:2] == [0.3, 0.3]
    assert to_digits(np.array([1.0, 1.0 + 1e-9]))[0] != to_digits(np.array([1.0 + 1e-9]))[0]
    thirds = restricted_mean(np.array([10.0, 20.0, 30.0]), np.array([True, True, True]))
    assert thirds == restricted_mean(np.full(3, 20.0), np.array([True, True, False])) == 20.0


def test_the_ceiling_of_ties_is_the_formula_and_is_reached():
    cost = np.array([[1, 5, 2.0], [2, 5, 1], [3, 5, 3], [80, 80, 4], [80, 80, 6], [80, 80, 5]])
    expected = []
    for column in cost.T:
        sizes = np.unique(column, return_counts=True)[1]
        expected.append(np.sqrt(1 - (sizes**3 - sizes).sum() / (6**3 - 6)))
    statistic = STATISTICS["within-target"]
    assert tie_ceiling(statistic, cost) == pytest.approx(np.mean(expected))
    rows, columns = [f"s{i}" for i in range(6)], ["x", "y", "z"]
    best = pd.DataFrame(np.argsort(np.argsort(cost, axis=0), axis=0), rows, columns)
    frame = pd.DataFrame(cost, rows, columns)
    halves = [(frame, frame)]
    result = transfer_test(best, frame, permutations=9, halves=halves)
    # Two halves that agree exactly leave no noise; ties still cap the value, and it is reached.
    assert result.value == pytest.approx(result.noise_ceiling) == pytest.approx(np.mean(expected))


@settings(max_examples=40, deadline=None)
@given(some.integers(0, 10**6), some.sampled_from([0.0, 0.25]), some.booleans())
def test_spearman_without_a_source_is_scipys(seed, missing, ties):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 9, 4))
    if ties:
        x, y = np.round(x), np.round(y)
    x[rng.random(x.shape) < missing] = np.nan
    values = spearman_without(x, y)
    for s, t in np.ndindex(9, 4):
        kept = np.isfinite(x[:, t]) & (np.arange(9) != s)
        if kept.sum() >= 2 and np.ptp(x[kept, t]) > 0 and np.ptp(y[kept, t]) > 0:
            expected = stats.spearmanr(x[kept, t], y[kept, t]).statistic
            assert values[s, t] == pytest.approx(expected, abs=1e-12)
