"""Ranks, in the three forms that the test needs: plain, of many subsets at once, and weighted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

DIGITS = 12


def to_digits(matrix: FloatArray) -> FloatArray:
    """Round to significant digits, so that one number computed in two ways ties with itself."""
    with np.errstate(divide="ignore"):
        size = np.floor(np.log10(np.abs(matrix)))
    shift = np.where(np.isfinite(size), DIGITS - 1 - size, 0.0)
    # Powers beyond 300 overflow: numbers that small are left as they are.
    scale = 10.0 ** np.clip(shift, -300, 300)
    return np.where(np.abs(shift) < 300, np.rint(matrix * scale) / scale, matrix)


def column_midranks(matrix: FloatArray) -> FloatArray:
    """Midranks inside each column of an (S, T) matrix; NaN stays NaN and is not counted."""
    ranks: FloatArray = stats.rankdata(matrix, axis=0, nan_policy="omit")
    return ranks


def whole_midranks(matrix: FloatArray) -> FloatArray:
    """Midranks over all cells of a matrix; NaN stays NaN and is not counted."""
    ranks: FloatArray = stats.rankdata(matrix.ravel(), nan_policy="omit").reshape(matrix.shape)
    return ranks


def standardised_columns(matrix: FloatArray) -> FloatArray:
    """Centre each column over its finite cells and scale it to unit length; NaN becomes 0.

    A constant column becomes 0 throughout: it has nothing to say.
    """
    finite = np.isfinite(matrix)
    count = np.maximum(finite.sum(axis=0), 1)
    filled = np.where(finite, matrix, 0.0)
    centred = np.where(finite, filled - filled.sum(axis=0) / count, 0.0)
    length = np.sqrt((centred**2).sum(axis=0))
    return ratio(centred, length)


def levels(matrix: FloatArray) -> IntArray:
    """Dense ranks 0, 1, ... inside each column (ties share one); NaN becomes 0: mask it."""
    dense = stats.rankdata(np.where(np.isfinite(matrix), matrix, np.inf), method="dense", axis=0)
    ranked: IntArray = np.where(np.isfinite(matrix), dense.astype(np.intp) - 1, 0)
    return ranked


def subset_midranks(level: IntArray, valid: BoolArray) -> FloatArray:
    """Midranks of subsets of already ranked columns, by counting instead of sorting.

    Parameters
    ----------
    level
        (..., S) dense ranks along the last axis, below S.
    valid
        (..., S) which cells belong to the subset.

    Returns
    -------
    (..., S) midranks, centred on their mean; 0 outside the subset.
    """
    size = level.shape[-1] + 1
    flat_level = np.where(valid, level, size - 1).reshape(-1, level.shape[-1])
    keys = flat_level + (np.arange(len(flat_level)) * size)[:, None]
    counts = np.bincount(keys.ravel(), minlength=len(flat_level) * size)
    counts = counts.reshape(len(flat_level), size)
    middle = np.cumsum(counts, axis=1) - (counts - 1) / 2
    ranks = middle.ravel()[keys].reshape(level.shape)
    mean = (valid.sum(axis=-1, keepdims=True) + 1) / 2
    centred: FloatArray = np.where(valid, ranks - mean, 0.0)
    return centred


def weighted_midranks(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Midranks of samples in which value i occurs ``weights[b, i]`` times.

    Parameters
    ----------
    values
        (n,) finite values.
    weights
        (B, n) multiplicities.

    Returns
    -------
    (B, n) midranks; with whole multiplicities, those of the written-out sample.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    group = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(ordered)]))
    size = np.add.reduceat(weights[:, order], starts, axis=1)
    middle = np.cumsum(size, axis=1) - (size - 1) / 2
    ranks = np.empty_like(weights, dtype=np.float64)
    ranks[:, order] = middle[:, group]
    return ranks


def ratio(above: FloatArray, below: FloatArray, nothing: float = 0.0) -> FloatArray:
    """Divide, with `nothing` where the denominator vanishes (ranks are of order one or more)."""
    result: FloatArray = np.full(np.broadcast_shapes(above.shape, below.shape), nothing)
    np.divide(above, below, out=result, where=below > 1e-9)
    return result
