"""Which source is nearest to a target, and which others are not shown to be farther."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from behaviordist.distance.directed.matrix import DirectedMatrix
from behaviordist.distance.intervals import SIDE
from behaviordist.innerproduct.arrays import Float64Array


def nearness(matrix: DirectedMatrix) -> Float64Array:
    """Return (S, T) values that are smaller the nearer, NaN for a behavior against itself."""
    sign = -1.0 if matrix.geometry == "overlap" else 1.0
    return np.where(matrix.diagonal, np.nan, sign * matrix.values)


def gap_errors(matrix: DirectedMatrix, difference_errors: Sequence[Float64Array]) -> Float64Array:
    """Return (S, T) of a column's errors (S, S) those of the differences from its nearest."""
    near = nearness(matrix)
    errors = np.full(near.shape, np.nan)
    for j, between in enumerate(difference_errors):
        if np.isfinite(near[:, j]).any():
            errors[:, j] = between[int(np.nanargmin(near[:, j]))]
    return np.where(matrix.diagonal, np.nan, errors)


def gaps(matrix: DirectedMatrix) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return by how much each source is farther than its column's nearest, with interval.

    Differences are paired: both sources score the same answers of the target, so that what the
    target contributes cancels. Intervals of a column hold together (Bonferroni over its other
    sources, Student's t, 95 %), which also allows for the nearest having been picked among them:
    the true nearest is excluded only if one of those comparisons errs (Hsu 1981, multiple
    comparisons with the best).

    Returns
    -------
    Difference, low, high, each (S, T): nats, or overlap lost; 0 for the nearest, NaN for a behavior
    against itself and where errors are unknown.
    """
    near = nearness(matrix)
    known = np.isfinite(near)
    best = np.min(near, axis=0, where=known, initial=np.inf)
    with np.errstate(invalid="ignore"):
        gap = near - best
    rivals = np.maximum((~np.isnan(near)).sum(axis=0) - 1, 1)
    freedom = np.maximum(matrix.degrees_of_freedom, 1)
    half = t.ppf(1 - SIDE / rivals, freedom) * matrix.gap_errors
    half = np.where(np.isposinf(near), 0.0, half)
    return gap, gap - half, gap + half


def contenders(matrix: DirectedMatrix) -> list[tuple[str, ...]]:
    """Return for every target its nearest source, then those not shown to be farther, by value.

    Empty where no source has a finite value.
    """
    near = nearness(matrix)
    _, low, _ = gaps(matrix)
    found = []
    for j in range(len(matrix.targets)):
        column = near[:, j]
        finite = [int(i) for i in np.argsort(column, kind="stable") if np.isfinite(column[i])]
        kept = [i for n, i in enumerate(finite) if n == 0 or not low[i, j] > 0]
        found.append(tuple(matrix.sources[i] for i in kept))
    return found
