"""Intervals over a few seeds: against SciPy and statsmodels, and in worlds with a planted truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from behaviordist.store.step_down import holm
from behaviordist.studies.exact import (
    SeedValues,
    median_limits,
    seeds_and_prompts,
    seeds_needed,
    share_limits,
    share_p_value,
    sign_p_value,
)


@pytest.mark.parametrize("n", [6, 7, 8, 9, 12, 20])
def test_median_limits_are_those_of_the_quantile_test(n):
    values = np.random.default_rng(n).normal(size=n)
    interval = stats.quantile_test(values, q=0, p=0.5).confidence_interval(0.95)
    assert median_limits(values, values) == (interval.low, interval.high)


@pytest.mark.parametrize("n", [6, 8, 9, 15])
def test_the_sign_test_is_the_binomial_test(n):
    values = np.random.default_rng(n).normal(0.5, 1, n)
    oracle = stats.binomtest(int((values > 0).sum()), n).pvalue
    assert sign_p_value(values, values) == pytest.approx(oracle)


def test_below_six_seeds_nothing_can_be_said():
    for n in range(6):
        assert all(map(math.isnan, median_limits(np.ones(n), np.ones(n))))
    assert sign_p_value([1.0] * 5, [1.0] * 5) == 2 / 2**5 > 0.05
    assert [seeds_needed(claims) for claims in (1, 5, 9)] == [6, 8, 9]


def test_bounded_values_widen_and_decide_nothing_they_cannot():
    low, high = median_limits([2.0] * 8, [*[2.0] * 4, *[math.inf] * 4])
    assert (low, high) == (2.0, math.inf)
    values, open_above = [1.0] * 9, [*[1.0] * 6, *[math.inf] * 3]
    assert sign_p_value(values, open_above) == sign_p_value(values, values), "above all the same"
    # Six lie below 2, three may lie anywhere from 1 on: they count for neither side.
    assert sign_p_value(values, open_above, 2.0) == pytest.approx(2 * stats.binom.sf(5, 9, 0.5))


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (3, 9), (9, 9), (0, 0)])
def test_shares_are_clopper_pearson(k, n):
    low, high = share_limits(k, n)
    if n == 0:
        assert math.isnan(low) and math.isnan(share_p_value(k, n))
        return
    # statsmodels writes NaN where the limit is the end of the range.
    oracle = proportion_confint(k, n, method="beta")
    assert (low, high) == pytest.approx(tuple(np.nan_to_num(oracle, nan=float(k == n))))
    excludes = not low <= 0.5 <= high
    assert excludes == (share_p_value(k, n) < 0.05)


def test_equal_censored_values_are_no_effect():
    """Both sides at the budget: the ratio is 0 in every seed, and nothing is known of it."""
    unknown = SeedValues([0.0] * 9, may_be_lower=[True] * 9, may_be_higher=[True] * 9)
    assert unknown.median().value == 0.0 and not unknown.median().has_interval
    assert unknown.p_value(0.5) == 1.0 and unknown.side(0.5) == 0
    assert SeedValues([math.nan, 1.0, math.nan]).median().n == 1


def test_the_medians_limits_hold_for_other_prompts_too():
    """Seeds and prompts both vary, and the prompts are shared by the seeds."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        table = rng.normal(size=(8, 1)) + 2 * rng.normal(size=25) + rng.normal(size=(8, 25))
        median = seeds_and_prompts(table).median()
        held += median.low <= 0 <= median.high
    assert held / 400 > 0.95


FAILS = 0.2


@pytest.mark.parametrize("n", [6, 9])
def test_runs_that_fail_outright_the_exact_interval_covers_and_students_does_not(n):
    rng = np.random.default_rng(n)
    values = np.where(rng.random((1000, n)) < FAILS, 0.0, rng.normal(1, 0.05, (1000, n)))
    # Below the median of the mixture lie the failures and 3/8 of the others.
    median = stats.norm.ppf((0.5 - FAILS) / (1 - FAILS), 1, 0.05)
    limits = np.array([median_limits(row, row) for row in values])
    exact = np.mean((limits[:, 0] <= median) & (median <= limits[:, 1]))
    half = stats.t.ppf(0.975, n - 1) * values.std(axis=1, ddof=1) / math.sqrt(n)
    student = np.mean(np.abs(values.mean(axis=1) - (1 - FAILS)) <= half)
    assert exact > 0.94 and student < 0.9


def test_a_page_of_null_claims_decides_one_in_twenty_at_most():
    """Eight claims at their thresholds, read off the same nine seeds."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(1000, 9, 1))
    values = common + rng.normal(size=(1000, 9, 8))
    pages = [[sign_p_value(c, c) for c in page.T] for page in values]
    alone = np.mean([min(p) <= 0.05 for p in pages])
    together = np.mean([min(holm(p)) <= 0.05 for p in pages])
    assert together <= 0.06 < alone
