"""Spearman of every column without each of its sources, exactly, in memory that stays small.

Without source s, the rank of another source i falls by ``a_is = [x_i > x_s] + [x_i = x_s] / 2``;
so sums of products of the new ranks follow from those of the old ones, from sums of ranks over the
sources beyond s, and from ``sum_i a_is b_is``, which is counted. No column is ranked anew.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from behaviordist.hypothesis.permutation.batches import batched
from behaviordist.hypothesis.permutation.ranks import (
    BoolArray,
    FloatArray,
    IntArray,
    column_midranks,
    levels,
    ratio,
)

Counts = npt.NDArray[np.uint8]
CHUNK = 60
"""Sources whose counts (each at most 4) are summed in a byte."""


def spearman_without(predictor: FloatArray, cost: FloatArray) -> FloatArray:
    """Return rho (S, T) of each column without source s, over pairs that both matrices have.

    Where s is no pair of the column, the column's rho; 0 where either matrix is constant there.

    Parameters
    ----------
    predictor, cost
        (S, T), NaN is no pair.
    """
    both = np.isfinite(predictor) & np.isfinite(cost)
    x, y = (np.where(both, matrix, np.nan) for matrix in (predictor, cost))

    def columns(part: slice) -> FloatArray:
        return _without(x[:, part], y[:, part], both[:, part])

    return batched(x.shape[1], x.shape[0] ** 2, columns)


def _without(x: FloatArray, y: FloatArray, valid: BoolArray) -> FloatArray:
    """(S, t) for a few columns at once."""
    n = valid.sum(axis=0)
    ranks = [np.where(valid, column_midranks(m), 0.0) for m in (x, y)]
    level = [levels(m) for m in (x, y)]
    product = (ranks[0] * ranks[1]).sum(axis=0)
    fall = _sum_beyond(level[0], ranks[1], valid) + _sum_beyond(level[1], ranks[0], valid)
    left = product - ranks[0] * ranks[1] - fall + _common(level[0], level[1], valid)
    left -= (n - 1) * (n / 2) ** 2
    sizes = [_tie_sizes(lv, valid) for lv in level]
    shorter = [_squares(size, n - 1.0, valid, size) for size in sizes]
    whole = [_squares(size, n.astype(np.float64), valid, np.zeros_like(size)) for size in sizes]
    rho = ratio(product - n * ((n + 1) / 2) ** 2, np.sqrt(whole[0][:1] * whole[1][:1]))
    return np.where(valid, ratio(left, np.sqrt(shorter[0] * shorter[1])), rho)


def _by_level(level: IntArray, weight: FloatArray) -> tuple[FloatArray, IntArray]:
    """(L, t) Sums of weights in each level of each column, and (S, t) where a source's is."""
    size, columns = level.shape
    place = level * columns + np.arange(columns)
    sums = np.bincount(place.ravel(), weight.ravel(), size * columns)
    return np.asarray(sums.reshape(size, columns), dtype=np.float64), np.asarray(place)


def _sum_beyond(level: IntArray, rank: FloatArray, valid: BoolArray) -> FloatArray:
    """(S, t) Sum over sources i of ``a_is * rank_i``."""
    sums, place = _by_level(level, rank)
    upto = np.cumsum(sums, axis=0)
    beyond = upto[-1:] - upto.ravel().take(place)
    return np.where(valid, beyond + (sums.ravel().take(place) - rank) / 2, 0.0)


def _tie_sizes(level: IntArray, valid: BoolArray) -> FloatArray:
    sums, place = _by_level(level, valid.astype(np.float64))
    return np.where(valid, sums.ravel().take(place), 1.0)


def _squares(size: FloatArray, n: FloatArray, valid: BoolArray, gone: FloatArray) -> FloatArray:
    """(S, t) Sum of squares of n centred midranks, one of a tie of `gone` being left out."""
    ties = np.where(valid, size**2 - 1, 0.0).sum(axis=0)
    return np.asarray(np.maximum(n**3 - n - (ties - 3 * gone * (gone - 1)), 0.0) / 12)


def _common(first: IntArray, second: IntArray, valid: BoolArray) -> FloatArray:
    """(S, t) Sum over sources i of ``a_is * b_is``: twice each is whole, so it is a count."""
    product = _beyond(first, valid)
    product *= _beyond(second, valid)
    starts = np.arange(0, product.shape[1], CHUNK)
    parts = np.add.reduceat(product, starts, axis=1, dtype=np.uint8)
    return np.asarray(parts.sum(axis=1, dtype=np.int64).T / 4)


def _beyond(level: IntArray, valid: BoolArray) -> Counts:
    """(t, i, s) Twice a_is: 2 where i is larger than s, 1 where it ties with it, 0 else."""
    narrow = level.T.astype(np.int32)
    more = (narrow[:, :, None] > narrow[:, None, :]).view(np.uint8)
    more += (narrow[:, :, None] >= narrow[:, None, :]).view(np.uint8)
    more *= valid.T[:, :, None].view(np.uint8)
    diagonal = np.arange(narrow.shape[1])
    more[:, diagonal, diagonal] = 0
    return more
