"""Means over probes, with standard errors that keep paraphrases together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from behaviordist.innerproduct.batches import effective_freedom
from behaviordist.store.numbers import Number, Unbounded

Float64Array = NDArray[np.float64]


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


def estimate(values: Float64Array, group: NDArray[np.int64]) -> ProbeMean:
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
