"""Intervals over seeds against SciPy, and their coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from behaviordist.studies.estimates import estimate


def test_the_interval_is_students():
    values = [1.0, 2.0, 4.0, 4.5]
    wanted = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    found = estimate([*values, math.nan])
    assert (found.low, found.high) == pytest.approx(wanted, abs=1e-12) and found.n == 4


def test_one_value_has_no_interval_and_none_no_value():
    assert math.isnan(estimate([1.0]).low) and estimate([1.0]).value == 1.0
    assert math.isnan(estimate([]).value) and estimate([math.nan]).n == 0


def test_equal_values_bound_nothing():
    """Three runs censored at one budget once gave an interval of zero width, which decided."""
    assert not estimate([80.0, 80.0, 80.0]).has_interval and estimate([80.0] * 3).value == 80.0


def test_the_smallest_effect_is_found_four_times_in_five():
    rng = np.random.default_rng(0)
    n, effect = 12, (stats.t.ppf(0.975, 11) + stats.t.ppf(0.8, 11)) / math.sqrt(12)
    found = [stats.ttest_1samp(rng.normal(effect, 1, n), 0).pvalue < 0.05 for _ in range(2_000)]
    # 0.8 +- 3 standard errors of 2000 draws; Student's approximation is a little generous.
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)
