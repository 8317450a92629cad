"""Columns with their sources in order of a predictor, nearest first.

Under relabelling the costs move and the predictor stays. So its order inside a column is found
once; what is left to do for each relabelling is to look the costs up in that order, and the rank
of a source among those that are left is a running count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from behaviordist.hypothesis.permutation.ranks import (
    BoolArray,
    FloatArray,
    IntArray,
    column_midranks,
    levels,
    subset_midranks,
)


@dataclass(frozen=True)
class NearestFirst:
    """One predictor's columns, sorted.

    Attributes
    ----------
    order
        (T, S) sources of each target, nearest first; those without a value come last.
    known
        (T, S) whether the source in that place has a value.
    first, last
        (T, S) places where the tie that a place belongs to begins and ends.
    ties
        Whether there are any.
    """

    order: IntArray
    known: BoolArray
    first: IntArray
    last: IntArray
    ties: bool

    def ranks(self, valid: BoolArray) -> FloatArray:
        """Centred midranks (B, T, S) of the predictor among `valid` places; 0 elsewhere."""
        count = np.cumsum(valid, axis=-1, dtype=np.int32)
        rank = self._midranks(count, valid) if self.ties else count.astype(np.float64)
        rank -= (count[..., -1:] + 1) / 2
        rank *= valid
        return rank

    def _midranks(self, count: npt.NDArray[np.int32], valid: BoolArray) -> FloatArray:
        """(upper + lower + 1) / 2 with the running counts at the end and before a tie."""
        batch, targets, sources = count.shape
        row = np.arange(targets)[:, None] * sources
        flat = count.reshape(batch, -1)
        upper = flat.take((self.last + row).ravel(), axis=1)
        before = (flat - valid.reshape(batch, -1)).take((self.first + row).ravel(), axis=1)
        middle: FloatArray = ((upper + before + 1) / 2).reshape(count.shape)
        return middle


def nearest_first(predictor: FloatArray) -> NearestFirst:
    """Sort every column of an (S, T) predictor."""
    columns = predictor.T
    order = np.argsort(columns, axis=1, kind="stable")
    ordered = np.take_along_axis(columns, order, axis=1)
    known = np.isfinite(ordered)
    new = np.ones_like(known)
    new[:, 1:] = ~(ordered[:, 1:] == ordered[:, :-1])
    places = np.broadcast_to(np.arange(columns.shape[1]), columns.shape)
    first = np.maximum.accumulate(np.where(new, places, 0), axis=1)
    ends = np.ones_like(new)
    ends[:, :-1] = new[:, 1:]
    backward = np.where(ends, places, columns.shape[1])[:, ::-1]
    last = np.minimum.accumulate(backward, axis=1)[:, ::-1]
    return NearestFirst(order, known, first, last, bool((~new).any()))


@dataclass(frozen=True)
class Sample:
    """A batch of B samples of pairs, looked up in the order of a predictor.

    Attributes
    ----------
    table
        The costs that are looked up.
    cells
        (B or 1, T, S) where in the table each place's pair lies.
    valid
        (B, T, S) which places hold a pair of the sample.
    whole
        Whether the pairs of a column are all that its column of costs has.
    """

    table: CostTable
    cells: IntArray
    valid: BoolArray
    whole: bool

    @property
    def cost(self) -> FloatArray:
        """(B or 1, T, S) Costs; meaningless where not `valid`."""
        return self.table.cost.ravel().take(self.cells)

    def ranks(self) -> FloatArray:
        """Centred midranks (B, T, S) of the costs among the `valid` places; 0 elsewhere."""
        if self.whole:
            return self.table.rank.ravel().take(self.cells)
        level = np.broadcast_to(self.table.level.ravel().take(self.cells), self.valid.shape)
        return subset_midranks(level, self.valid)


@dataclass(frozen=True)
class CostTable:
    """Costs (T, S), columns first, with their centred midranks and levels; 0 where no pair is."""

    cost: FloatArray
    rank: FloatArray
    level: IntArray
    mask: BoolArray

    def relabelled(self, order: NearestFirst, rows: IntArray, columns: IntArray) -> Sample:
        """Look up a batch of relabellings (B, S), (B, T) in the order of a predictor."""
        cells = rows.take(order.order.ravel(), axis=1).reshape(-1, *order.order.shape)
        cells += columns[:, :, None] * self.cost.shape[1]
        valid = self.mask.ravel().take(cells)
        whole = bool(order.known.all()) or not bool((valid & ~order.known).any())
        return Sample(self, cells, valid & order.known, whole)

    def without(self, order: NearestFirst, rows: BoolArray, columns: BoolArray) -> Sample:
        """Look up samples that keep only some `rows` (B, S) and `columns` (B, T)."""
        cells = order.order + np.arange(len(self.cost))[:, None] * self.cost.shape[1]
        here = self.mask.ravel().take(cells) & order.known
        kept = rows.take(order.order.ravel(), axis=1).reshape(-1, *order.order.shape)
        return Sample(self, cells[None], here & kept & columns[:, :, None], False)


def cost_table(cost: FloatArray) -> CostTable:
    """Make (S, T) costs ready; NaN is no pair."""
    mask = np.isfinite(cost.T)
    rank = column_midranks(cost).T
    centre = (mask.sum(axis=1, keepdims=True) + 1) / 2
    return CostTable(
        np.where(mask, cost.T, 0.0), np.where(mask, rank - centre, 0.0), levels(cost).T, mask
    )
