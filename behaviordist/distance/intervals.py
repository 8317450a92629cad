"""Intervals of squared distances: Student's t, corrected for skewness, and what they cannot do.

The mean of few large values among many small ones lies below the truth more often than above it,
and its standard error is then too small as well. Hall's transformation (On the removal of skewness
by transformation, 1992) bends the quantiles of t by the skewness g of the mean,

    T(y) = (3 / g) ((1 + g (y - g / 6))^(1/3) - 1),

so that [d^2 - T(t_.975) se, d^2 - T(t_.025) se] reaches farther up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from behaviordist.innerproduct.arrays import Float64Array
from behaviordist.innerproduct.limits import smallest_limit, units_that_show

SIDE = 0.025
"""Error of each side, lower and upper, for all pairs of a matrix together."""
# Skewness of a mean beyond which corrected 95 % intervals cover less than about 92 % (theory.md).
SKEWED = 0.5


def interval_end(
    squared: Float64Array,
    errors: Float64Array,
    freedom: Float64Array | float,
    skewness: Float64Array,
    quantile: float,
) -> Float64Array:
    """Return squared distances less the bent quantile of their errors, (N, N)."""
    from scipy.stats import t

    y = t.ppf(quantile, freedom)
    with np.errstate(divide="ignore", invalid="ignore"):
        bent = 3 / skewness * (np.cbrt(1 + skewness * (y - skewness / 6)) - 1)
    return np.asarray(squared - np.where(np.abs(skewness) < 1e-6, y, bent) * errors)


def cautions(
    skewness: Float64Array, freedom: float, metadata: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return what a reader of the intervals should know, a sentence each.

    Parameters
    ----------
    skewness
        (N, N) of the estimates.
    freedom
        Fewest degrees of freedom of any interval.
    metadata
        Of the matrix: ``n_probes``, ``n_groups``, ``margin`` and ``bound`` (the largest squared
        distance), where known.
    """
    n_probes, n_groups = metadata.get("n_probes"), metadata.get("n_groups")
    words = [*_too_narrow(len(skewness), n_groups, metadata)]
    if n_groups is not None and n_probes is not None and n_groups < n_probes:
        words.append(
            f"{n_probes} probes in {n_groups} groups of paraphrases: {n_groups} independent ones,"
            f" and {min(freedom, n_groups - 1):.3g} degrees of freedom (a large group counts for"
            " much of the error)."
        )
    skewed = np.triu(np.abs(skewness) > SKEWED, 1)
    if skewed.any():
        most, pairs = float(np.abs(skewness).max()), len(skewness) * (len(skewness) - 1) // 2
        each = f", {most * n_groups**0.5:.0f} a probe" if n_groups else ""
        words.append(
            f"{skewed.sum()} of {pairs} distances come from few of the probes (skewness of the mean"
            f" up to {most:.2f}{each}): their 95 % intervals hold the truth about nine times in"
            " ten, and miss it above."
        )
    return tuple(words)


def _too_narrow(n: int, units: int | None, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Say that so few probes can show no pair to lie within the margin, and how many could."""
    margin, bound = metadata.get("margin"), metadata.get("bound")
    if margin is None or bound is None or units is None or n < 2:
        return ()
    pairs = n * (n - 1) // 2
    smallest = smallest_limit(units, bound, SIDE / pairs)
    if smallest < margin**2:
        return ()
    return (
        f"{units} independent probes show no pair to lie within {margin:g}, even one that never"
        f" differs: {smallest**0.5:.2g} is the least for {pairs} pair{'s' * (pairs > 1)} together;"
        f" {units_that_show(margin**2, bound, SIDE / pairs):,} would do.",
    )


def evidence(gap: Float64Array, error: Float64Array, freedom: Float64Array) -> Float64Array:
    """Return one-sided p-values of "the gap is not above 0", same shape; t with `freedom`."""
    from scipy.stats import t

    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((error == 0) & (gap == 0), 0.0, gap / error)
    return np.asarray(t.sf(ratio, freedom))
