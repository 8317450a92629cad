"""Means over probes, whose errors and limits keep paraphrases together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from behaviordist.innerproduct.arrays import Float64Array, IntArray
from behaviordist.innerproduct.batches import effective_freedom
from behaviordist.innerproduct.limits import predictable_limit
from behaviordist.store.numbers import Number, Unbounded


@dataclass(frozen=True)
class ProbeMean:
    """A mean over probes. `standard_error` is NaN where fewer than two groups of probes exist."""

    value: Unbounded
    standard_error: Number
    degrees_of_freedom: Number

    def bound(self, level: float, side: int) -> float:
        """Return the one-sided bound of the given level: side +1 from above, -1 from below."""
        from scipy.stats import t

        if not math.isfinite(self.value) or self.degrees_of_freedom < 1:
            return side * math.inf
        quantile = float(t.ppf(level, self.degrees_of_freedom))
        return self.value + side * quantile * self.standard_error


def estimate(values: Float64Array, group: IntArray) -> ProbeMean:
    """Return the mean of values (n,) with a standard error that keeps groups together.

    The cluster-robust variance of a mean, `G / (G - 1) sum_g (sum_{i in g} (x_i - mean))^2 / n^2`
    (Cameron and Miller 2015, section II); the usual one where every group has one member. Its
    degrees of freedom are G - 1, or fewer where groups are of unequal size (`effective_freedom`).
    """
    names, inverse = np.unique(group, return_inverse=True)
    n, count, mean = len(values), len(names), float(values.mean())
    if count < 2 or not math.isfinite(mean):
        return ProbeMean(mean, math.nan, count - 1)
    sums = np.bincount(inverse, weights=values - mean)
    variance = count / (count - 1) * float((sums**2).sum()) / n**2
    return ProbeMean(mean, math.sqrt(variance), effective_freedom(np.bincount(inverse) ** 2))


def mean_limits(
    values: Float64Array, group: IntArray, lowest: float, highest: float, alpha: float
) -> tuple[float, float]:
    """Return limits of the mean of values (n,) in [lowest, highest], each at level 1 - alpha.

    Won by bets, whatever the shape (`innerproduct.limits.predictable_limit`); a group is one unit.
    Bets that were won early can leave the mean itself outside: each limit is moved to the mean
    then, which keeps its level.
    """
    units, largest = unit_values(values, group)
    # Shifted by one number for all groups: their sizes are known, and add no noise.
    shift, bound = -lowest * largest, (highest - lowest) * largest
    units = np.clip(units + shift, 0, bound)
    low = bound - predictable_limit(bound - units, bound, alpha)
    high, mean = predictable_limit(units, bound, alpha), float(units.mean())
    return min(low, mean) - shift, max(high, mean) - shift


def unit_values(values: Float64Array, group: IntArray) -> tuple[Float64Array, float]:
    """Return one value a group, whose mean is the mean over probes, and the largest weight of one.

    A group of n_g probes has its mean times n_g over the mean size: bounded by that weight.
    """
    _, member = np.unique(group, return_inverse=True)
    size = np.bincount(member)
    return np.bincount(member, weights=values) / size.mean(), float(size.max() / size.mean())


def binomial(failures: int, n: int, alpha: float) -> tuple[float, float]:
    """Return the Clopper-Pearson limits of a share, one-sided each."""
    from scipy.stats import beta

    low = 0.0 if failures == 0 else float(beta.ppf(alpha, failures, n - failures + 1))
    high = 1.0 if failures == n else float(beta.ppf(1 - alpha, failures + 1, n - failures))
    return low, high
