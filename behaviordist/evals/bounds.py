"""Limits of means over items that need no normal shape.

A share of independent items that are 0 or 1 is binomial, and its limits exact (Clopper & Pearson
1934). A change of score lies in [-1, 1], whatever its shape, and so do graded scores and sums over
clusters: their limits are won by bets (`innerproduct.limits.predictable_limit`). For changes of 0/1
scores the bets are sharper than Clopper-Pearson limits of gains and of losses put together where
a model both gains and loses, and as sharp where nothing changes (3.1 / n against 3.0 / n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.estimates import binomial, estimate, mean_limits

Float64Array = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Mean:
    """A mean over items, a share of the range of scores.

    Parameters
    ----------
    value
        The mean.
    standard_error
        Over clusters where there are any, else items; NaN where fewer than two exist.
    low, high
        Limits, one-sided each.
    """

    value: float
    standard_error: float
    low: float
    high: float


def mean_of(values: Float64Array, group: IntArray, alpha: float, *, lowest: float = 0.0) -> Mean:
    """Return the mean of values (n,) in [lowest, 1] with limits at level 1 - alpha each.

    Exact binomial limits where every value is 0 or 1, nothing below 0 is possible and no item
    shares its cluster; else limits by bets.
    """
    known = estimate(values, group)
    alone = len(np.unique(group)) == len(values)
    if lowest == 0 and alone and np.isin(values, (0.0, 1.0)).all():
        low, high = binomial(round(float(values.sum())), len(values), alpha)
    else:
        low, high = mean_limits(values, group, lowest, 1.0, alpha)
    return Mean(known.value, known.standard_error, max(lowest, low), min(1.0, high))
