"""Intervals of squared distances from few and skewed probes, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.distance.estimates import estimate
from behaviordist.distance.intervals import interval_end
from behaviordist.innerproduct.batches import effective_freedom
from behaviordist.innerproduct.pairs import skewness_of_mean

DRAWS = 4000


def coverage(values, corrected):
    """Share of rows whose 95 % interval holds 1, the mean that they were drawn with."""
    n = values.shape[1]
    g = skewness_of_mean(*(np.sum(values**k, axis=1) for k in (1, 2, 3)), n)
    mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(n)
    ends = (interval_end(mean, error, n - 1.0, g * corrected, q) for q in (0.975, 0.025))
    low, high = ends
    return np.mean((low <= 1) & (high >= 1))


@pytest.mark.parametrize(
    ("n", "spread", "least"), [(30, 0.7, 0.925), (60, 1.0, 0.92), (30, 1.5, 0.88), (60, 2.0, 0.85)]
)
def test_the_correction_holds_more_of_the_truth(n, spread, least):
    draws = np.random.default_rng(0).lognormal(-(spread**2) / 2, spread, (DRAWS, n))
    plain, corrected = coverage(draws, 0), coverage(draws, 1)
    assert corrected > plain + 0.01 and corrected > least


def test_symmetric_values_keep_students_interval():
    draws = 1 + 0.3 * np.random.default_rng(0).normal(size=(DRAWS, 30))
    assert 0.935 < coverage(draws, 1) < 0.965
    assert abs(coverage(draws, 1) - coverage(draws, 0)) < 0.005


@pytest.mark.parametrize("alike", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sizes", [[20] + [1] * 30, [20, 20] + [1] * 60, [5, 4, 3, 2, 1] * 6])
def test_groups_of_unequal_size_have_fewer_degrees_of_freedom(sizes, alike):
    """G - 1 covers 83 % with one group of 20 among 30 single probes, and 85 % with two."""
    rng, group = np.random.default_rng(0), np.repeat(np.arange(len(sizes)), sizes)
    held = 0
    for _ in range(1000):
        shared = np.sqrt(alike) * rng.normal(size=len(sizes))[group]
        mean = estimate(shared + np.sqrt(1 - alike) * rng.normal(size=len(group)), group)
        held += mean.bound(0.975, -1) < 0 < mean.bound(0.975, 1)
    assert held / 1000 > 0.929  # 0.95 less three Monte Carlo errors
    assert mean.degrees_of_freedom < len(sizes) - 1


def test_equal_parts_have_the_usual_degrees_of_freedom():
    assert effective_freedom(np.full(30, 9.0)) == pytest.approx(29)
    assert effective_freedom(np.array([100.0, 1.0])) == 1
    assert effective_freedom(np.array([1.0])) == 0
