"""Least-squares fits of row effects plus column effects, for many weightings of cells at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from behaviordist.hypothesis.permutation.ranks import BoolArray, FloatArray, ratio

SWEEPS = 500
TOLERANCE = 1e-10


class Additive(Protocol):
    """B designs over the cells of an (S, T) matrix from which additive effects are removed."""

    def inner(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return (B,) inner products of the residuals of `x` and `y`."""
        ...


@dataclass(frozen=True)
class Subsets:
    """B subsets of the cells: `mask` is (B, S, T)."""

    mask: BoolArray

    def inner(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return (B,) inner products of the residuals of `x` and `y`, each (S, T) or (B, S, T)."""
        kept = np.where(self.mask, x, 0.0)
        product: FloatArray = np.einsum("bst,bst->b", kept, self.residuals(y))
        return product

    def residuals(self, values: FloatArray) -> FloatArray:
        """Return (B, S, T) residuals of `values`, 0 outside the subset."""
        weight = self.mask.astype(np.float64)
        kept = weight * values
        row, column = _backfit(
            kept.sum(axis=2),
            kept.sum(axis=1),
            weight.sum(axis=2),
            weight.sum(axis=1),
            lambda effect: (weight @ effect[:, :, None])[:, :, 0],
            lambda effect: (effect[:, None, :] @ weight)[:, 0, :],
        )
        residuals: FloatArray = kept - weight * (row[:, :, None] + column[:, None, :])
        return residuals


@dataclass(frozen=True)
class Multiplied:
    """B weightings of one subset: cell (s, t) counts ``rows[b, s] * columns[b, t]`` times."""

    mask: BoolArray
    rows: FloatArray
    columns: FloatArray

    def inner(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return (B,) weighted inner products of the residuals of `x` and `y`, each (S, T).

        Residuals are orthogonal to every effect, so ``<x~, y~> = <x, y> - <x, effects of y>``:
        sums over rows and columns are enough, and no (B, S, T) array is made.
        """
        mask = self.mask.astype(np.float64)
        row_x, column_x = self._sums(mask * x)
        row_y, column_y = self._sums(mask * y)
        row, column = _backfit(
            row_y,
            column_y,
            self.columns @ mask.T,
            self.rows @ mask,
            lambda effect: (self.columns * effect) @ mask.T,
            lambda effect: (self.rows * effect) @ mask,
        )
        raw = (self.rows * (self.columns @ (mask * x * y).T)).sum(axis=1)
        explained = (self.rows * row * row_x).sum(axis=1) + (self.columns * column * column_x).sum(
            axis=1
        )
        result: FloatArray = raw - explained
        return result

    def _sums(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        return self.columns @ values.T, self.rows @ values


def normal_equations(mask: BoolArray) -> FloatArray:
    """Counts of pairs by row, by column, and by both: (S + T, S + T)."""
    counts = mask.astype(np.float64)
    top = np.hstack([np.diag(counts.sum(axis=1)), counts])
    bottom = np.hstack([counts.T, np.diag(counts.sum(axis=0))])
    return np.vstack([top, bottom])


def _backfit(
    row_sums: FloatArray,
    column_sums: FloatArray,
    row_counts: FloatArray,
    column_counts: FloatArray,
    across: Callable[[FloatArray], FloatArray],
    down: Callable[[FloatArray], FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Alternate the fits of row and column effects until they stand still.

    `across` sums a column effect over each row's cells, `down` a row effect over each column's.
    """
    per_row, per_column = (ratio(np.ones_like(n), n) for n in (row_counts, column_counts))
    row, column = row_sums * per_row, np.zeros_like(column_sums)
    scale = max(
        float(np.abs(row).max(initial=0.0)),
        float(np.abs(column_sums * per_column).max(initial=0.0)),
        1.0,
    )
    for _ in range(SWEEPS):
        column = (column_sums - down(row)) * per_column
        updated = (row_sums - across(column)) * per_row
        moved = float(np.abs(updated - row).max(initial=0.0))
        row = updated
        if moved <= TOLERANCE * scale:
            break
    # The columns answer the last rows, so residuals are orthogonal to both up to the tolerance.
    column = (column_sums - down(row)) * per_column
    return row, column
