"""Numbers over seeds with their intervals, and the smallest effect that they could have shown."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from behaviordist.record import Estimate
from behaviordist.record.formatting import interval as words

__all__ = ["estimate", "words"]


def estimate(values: Iterable[float]) -> Estimate:
    """Return the mean of independent values with Student's interval, ``n - 1`` degrees of freedom.

    For what varies smoothly from one to the next and cannot fail outright; the median of seeds that
    can is in `exact`. Missing values (NaN) are left out and not in `n`. A single value, or values
    without any spread, have no interval: that nothing was seen to vary bounds nothing. The smallest
    effect is ``(t_{0.975} + t_{0.8}) s / sqrt(n)`` (Cohen 1988, section 2.4).
    """
    from scipy import stats

    known = np.array(list(values), np.float64)
    known = known[np.isfinite(known)]
    n = len(known)
    if n == 0:
        return Estimate(n=0)
    mean = float(known.mean())
    if n == 1 or np.ptp(known) == 0:
        return Estimate(value=mean, n=n)
    error = float(known.std(ddof=1)) / math.sqrt(n)
    half, power = (error * float(stats.t.ppf(q, n - 1)) for q in (0.975, 0.8))
    return Estimate(
        value=mean, low=mean - half, high=mean + half, smallest_effect=half + power, n=n
    )
