"""Numbers over seeds with their intervals, and the smallest effect that they could have shown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.report.formatting import decimal


@dataclass(frozen=True)
class Estimate:
    """A mean over independent runs with its 95 % interval; bounds are NaN for a single run.

    Attributes
    ----------
    value, low, high
        Mean, and Student's interval with ``n - 1`` degrees of freedom.
    smallest_effect
        The difference from zero that a two-sided test at 5 % finds with a chance of 80 %, given
        the spread seen: ``(t_{0.975} + t_{0.8}) s / sqrt(n)`` (Cohen 1988, section 2.4).
    n
        Finite values; missing ones are not in it.
    """

    value: float
    low: float
    high: float
    smallest_effect: float
    n: int


def estimate(values: Iterable[float]) -> Estimate:
    """Return the mean of independent values; missing values (NaN) are left out and not in `n`."""
    from scipy import stats

    known = np.array(list(values), np.float64)
    known = known[np.isfinite(known)]
    n = len(known)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    mean = float(known.mean())
    if n == 1:
        return Estimate(mean, math.nan, math.nan, math.nan, 1)
    error = float(known.std(ddof=1)) / math.sqrt(n)
    half, power = (float(stats.t.ppf(q, n - 1)) for q in (0.975, 0.8))
    return Estimate(mean, mean - half * error, mean + half * error, (half + power) * error, n)


def words(found: Estimate, digits: int = 2, signed: bool = False) -> str:
    """Return ``0.34 [0.20, 0.48]``: true minus signs, nothing minus zero, missing as a dash."""
    value, low, high = (
        f"{'+' * (signed and x > 0)}{decimal(x, digits)}"
        for x in (found.value, found.low, found.high)
    )
    return f"{value} [{low}, {high}]"


def crossed(values: NDArray[Any]) -> Estimate:
    """Return the mean of values (seeds, prompts) with its interval over both.

    The variances of the means of seeds and of the means of prompts add (what is left of a cell is
    in both: a little wide, never narrow); Student's interval with as many degrees of freedom as
    seeds, the fewer, give. `n` counts seeds.
    """
    from scipy import stats

    table = np.asarray(values, np.float64)
    seeds, prompts = table.shape
    mean = float(table.mean())
    if seeds == 1:
        return Estimate(mean, math.nan, math.nan, math.nan, 1)
    over_seeds = table.mean(axis=1).var(ddof=1) / seeds
    error = math.sqrt(over_seeds + table.mean(axis=0).var(ddof=1) / prompts)
    half, power = (float(stats.t.ppf(q, seeds - 1)) for q in (0.975, 0.8))
    low, high = mean - half * error, mean + half * error
    return Estimate(mean, low, high, (half + power) * error, seeds)


def share(successes: int, total: int) -> Estimate:
    """Return a share with its Wilson interval (Wilson 1927); the effect is against one half."""
    from scipy import stats

    if total == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    interval = stats.binomtest(successes, total).proportion_ci(method="wilson")
    effect = (1.959964 + 0.841621) * math.sqrt(0.25 / total)
    return Estimate(successes / total, float(interval.low), float(interval.high), effect, total)
