"""Tests and intervals over a few seeds that hold whatever the seeds' distribution is.

A training that can fail outright makes a mean over three to five seeds a bet on the failure that
was not seen: Student's interval then covers about half the time (docs/testing.md). The median
needs no shape: how many of `n` seeds lie above it is binomial, so its interval lies between two
order statistics (Thompson 1936; Conover 1999, section 3.1) and its test is the sign test. A value
that is only bounded (a censored run) enters as its bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from behaviordist.record import Estimate

ALPHA = 0.05
"""Two-sided level of every interval and claim over seeds."""
PROMPTS = 2.807
"""Normal quantile of 99.5 %, two-sided: what is left to the choice of prompts."""


def median_limits(lows: Iterable[float], highs: Iterable[float]) -> tuple[float, float]:
    """Return limits that hold the median over all seeds in at least 95 % of studies.

    Parameters
    ----------
    lows, highs
        Bounds of each seed's value, equal where it is known; ``-inf`` and ``inf`` are allowed.

    Returns
    -------
    tuple of float
        Order statistics of the bounds; NaN where there are too few seeds for any (below six).
    """
    from scipy import stats

    below, above = np.sort(list(lows)), np.sort(list(highs))
    n = len(below)
    rank = int(stats.binom.ppf(ALPHA / 2, n, 0.5)) if n else 0
    # `ppf` is the first count whose probability reaches the level; one less stays within it.
    rank -= stats.binom.cdf(rank, n, 0.5) > ALPHA / 2 if n else 0
    if n == 0 or rank < 0:
        return math.nan, math.nan
    return float(below[rank]), float(above[n - 1 - rank])


def sign_p_value(lows: Iterable[float], highs: Iterable[float], threshold: float = 0.0) -> float:
    """Return the two-sided p-value of the sign test that the median is `threshold`.

    A seed whose bounds hold the threshold counts against either side: the test is exact for known
    values and conservative for bounded ones.
    """
    from scipy import stats

    below, above = np.array(list(lows)), np.array(list(highs))
    n = len(below)
    if n == 0:
        return math.nan
    most = max(int((below > threshold).sum()), int((above < threshold).sum()))
    return min(1.0, 2 * float(stats.binom.sf(most - 1, n, 0.5)))


def share_limits(successes: int, total: int) -> tuple[float, float]:
    """Return the exact 95 % limits of a share (Clopper and Pearson 1934); NaN for none."""
    from scipy import stats

    if total == 0:
        return math.nan, math.nan
    limits = stats.binomtest(successes, total).proportion_ci(1 - ALPHA, method="exact")
    return float(limits.low), float(limits.high)


def share_p_value(successes: int, total: int, threshold: float = 0.5) -> float:
    """Return the p-value that belongs to `share_limits`: twice the smaller binomial tail."""
    from scipy import stats

    if total == 0:
        return math.nan
    tails = (
        stats.binom.cdf(successes, total, threshold),
        stats.binom.sf(successes - 1, total, threshold),
    )
    return min(1.0, 2 * float(min(tails)))


def seeds_needed(claims: int = 1) -> int:
    """Return how many seeds that all agree a claim needs on a page of so many (Holm, 5 %)."""
    return math.ceil(1 + math.log2(claims / ALPHA))


@dataclass(frozen=True)
class SeedValues:
    """One number a seed, with what is not known of it; missing ones (NaN) are left out.

    Attributes
    ----------
    values
        As counted: a run that never arrived counts as its budget.
    may_be_lower, may_be_higher
        Where the truth may lie below, or above, what was counted (a ratio whose denominator, or
        numerator, was censored).
    error
        Half width that something common to all seeds (their prompts) leaves to every value.
    """

    values: Sequence[float] | NDArray[np.float64]
    may_be_lower: Sequence[bool] | NDArray[np.bool_] | None = None
    may_be_higher: Sequence[bool] | NDArray[np.bool_] | None = None
    error: float = 0.0

    @property
    def known(self) -> NDArray[np.float64]:
        """The numbers that there are."""
        values = np.asarray(self.values, np.float64)
        return values[np.isfinite(values)]

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper bounds of the numbers that there are."""
        values = np.asarray(self.values, np.float64)
        finite = np.isfinite(values)
        never = np.zeros(len(values), bool)
        lower = never if self.may_be_lower is None else np.asarray(self.may_be_lower, bool)
        higher = never if self.may_be_higher is None else np.asarray(self.may_be_higher, bool)
        lows = np.where(lower, -np.inf, values - self.error)
        highs = np.where(higher, np.inf, values + self.error)
        return lows[finite], highs[finite]

    def median(self) -> Estimate:
        """Return the median seed, with limits that hold it in 95 % of studies."""
        known = self.known
        if not len(known):
            return Estimate(n=0)
        low, high = median_limits(*self.bounds)
        return Estimate(value=float(np.median(known)), low=low, high=high, n=len(known))

    def p_value(self, threshold: float = 0.0) -> float:
        """Return the sign test's p-value that the median seed lies at the threshold."""
        return sign_p_value(*self.bounds, threshold)

    def side(self, threshold: float = 0.0) -> int:
        """Return on which side more seeds surely lie: 1 above, -1 below, 0 neither."""
        lows, highs = self.bounds
        return int(np.sign(int((lows > threshold).sum()) - int((highs < threshold).sum())))


def median_over(values: Iterable[float]) -> Estimate:
    """Return the median of numbers that are all known, one a seed; see `SeedValues.median`."""
    return SeedValues(list(values)).median()


def seeds_and_prompts(table: NDArray[np.float64]) -> SeedValues:
    """Return the mean over prompts of every seed, with what the choice of prompts leaves open.

    Parameters
    ----------
    table
        Of shape (seeds, prompts). The prompts are a sample, the same one for all seeds: their
        normal 99.5 % half width widens every seed's value, so that the median's 95 % limits hold
        for other prompts too.
    """
    means = np.asarray(table, np.float64).mean(axis=0)
    error = PROMPTS * means.std(ddof=1) / math.sqrt(len(means)) if len(means) > 1 else 0.0
    return SeedValues(np.asarray(table, np.float64).mean(axis=1), error=float(error))
