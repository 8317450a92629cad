"""Numbers over seeds with their intervals, and the smallest effect that they could have shown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.record import Z80, Z95, Estimate
from behaviordist.record.formatting import interval as words

__all__ = ["crossed", "estimate", "share", "words"]


def estimate(values: Iterable[float]) -> Estimate:
    """Return the mean of independent values with Student's interval, ``n - 1`` degrees of freedom.

    Missing values (NaN) are left out and not in `n`; a single value has no interval. The smallest
    effect is ``(t_{0.975} + t_{0.8}) s / sqrt(n)`` (Cohen 1988, section 2.4).
    """

    known = np.array(list(values), np.float64)
    known = known[np.isfinite(known)]
    n = len(known)
    if n == 0:
        return Estimate(n=0)
    mean = float(known.mean())
    if n == 1:
        return Estimate(value=mean, n=1)
    return _student(mean, float(known.std(ddof=1)) / math.sqrt(n), n)


def crossed(values: NDArray[Any]) -> Estimate:
    """Return the mean of values (seeds, prompts) with its interval over both.

    The variances of the means of seeds and of the means of prompts add (what is left of a cell is
    in both: a little wide, never narrow); Student's interval with as many degrees of freedom as
    seeds, the fewer, give. `n` counts seeds.
    """
    table = np.asarray(values, np.float64)
    seeds, prompts = table.shape
    mean = float(table.mean())
    if seeds == 1:
        return Estimate(value=mean, n=1)
    over_seeds = table.mean(axis=1).var(ddof=1) / seeds
    error = math.sqrt(over_seeds + table.mean(axis=0).var(ddof=1) / prompts)
    return _student(mean, error, seeds)


def _student(mean: float, error: float, n: int) -> Estimate:
    from scipy import stats

    half, power = (error * float(stats.t.ppf(q, n - 1)) for q in (0.975, 0.8))
    return Estimate(
        value=mean, low=mean - half, high=mean + half, smallest_effect=half + power, n=n
    )


def share(successes: int, total: int) -> Estimate:
    """Return a share with its Wilson interval (Wilson 1927); the effect is against one half."""
    from scipy import stats

    if total == 0:
        return Estimate(n=0)
    limits = stats.binomtest(successes, total).proportion_ci(method="wilson")
    return Estimate(
        value=successes / total,
        low=float(limits.low),
        high=float(limits.high),
        smallest_effect=(Z95 + Z80) * math.sqrt(0.25 / total),
        n=total,
    )
