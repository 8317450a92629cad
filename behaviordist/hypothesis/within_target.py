"""Spearman's rank correlation inside each target's column, averaged over targets.

How hard a target is moves every cost in its column alike and explains most of their variance
(79 % in Taskonomy, 90-99 % in TaskWeb); ranks taken inside a column cannot see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from behaviordist.hypothesis.ranks import (
    BoolArray,
    FloatArray,
    IntArray,
    column_midranks,
    levels,
    standardised_columns,
    subset_midranks,
    weighted_midranks,
)
from behaviordist.hypothesis.relabelling import Relabelling

MIN_SOURCES = 3
CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class WithinTarget:
    """Mean over targets of Spearman(predictor, cost) over the target's sources.

    A target counts where at least three of its sources have both numbers; a predictor that is
    constant in a column correlates 0 there.
    """

    name: str = "within-target spearman"
    removes_source_effects: bool = False

    def per_target(self, predictor: FloatArray, cost: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return rho (T,) of each target (NaN where it does not count) and its sources (T,)."""
        both = np.isfinite(predictor) & np.isfinite(cost)
        x = standardised_columns(column_midranks(np.where(both, predictor, np.nan)))
        y = standardised_columns(column_midranks(np.where(both, cost, np.nan)))
        count = both.sum(axis=0)
        return np.where(count >= MIN_SOURCES, (x * y).sum(axis=0), np.nan), count

    def permuted(
        self, predictors: FloatArray, cost: FloatArray, relabelling: Relabelling
    ) -> FloatArray:
        """Return the statistic (K, B) of K predictors (K, S, T) under relabellings of the costs.

        Where nothing is missing, ranks inside a column travel with the column, and a relabelling
        is a gather and a product. Where cells are missing, the pairs that are left are ranked
        anew for each relabelling.
        """
        if _complete(predictors, cost):
            return _permuted_complete(predictors, cost, relabelling)
        return _permuted_with_gaps(predictors, cost, relabelling)

    def weighted(
        self, predictors: FloatArray, cost: FloatArray, rows: FloatArray, columns: FloatArray
    ) -> FloatArray:
        """Return the statistic (K, B) of samples in which behaviors occur `rows`, `columns` times.

        A pair of two copies of one behavior is no pair: its cell is NaN in `cost`.
        """
        total = np.zeros((len(predictors), len(rows)))
        weight = np.zeros_like(total)
        for t in range(cost.shape[1]):
            for k, predictor in enumerate(predictors[:, :, t]):
                valid = np.isfinite(predictor) & np.isfinite(cost[:, t])
                if valid.sum() < MIN_SOURCES:
                    continue
                rho = weighted_spearman(predictor[valid], cost[valid, t], rows[:, valid])
                defined = np.isfinite(rho) & (columns[:, t] > 0)
                total[k] += np.where(defined, columns[:, t] * rho, 0.0)
                weight[k] += np.where(defined, columns[:, t], 0.0)
        return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)


def weighted_spearman(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Spearman (B,) of samples in which pair i occurs ``weights[b, i]`` times.

    NaN where fewer than three pairs occur or `y` is constant; 0 where `x` is constant.
    """
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1.0)
    ranked = [weighted_midranks(values, weights) - (total + 1) / 2 for values in (x, y)]
    product = (weights * ranked[0] * ranked[1]).sum(axis=1)
    square_x, square_y = ((weights * r**2).sum(axis=1) for r in ranked)
    length = np.sqrt(square_x * square_y)
    rho = np.divide(product, length, out=np.zeros_like(product), where=length > 1e-9)
    enough = ((weights > 0).sum(axis=1) >= MIN_SOURCES) & (square_y > 1e-9)
    return np.where(enough, rho, np.nan)


def _complete(predictors: FloatArray, cost: FloatArray) -> bool:
    """Whether every column of costs has the cells that the predictors have, or none at all."""
    known = np.isfinite(predictors)
    mask = np.isfinite(cost)
    used = mask.any(axis=0)
    same = bool((known == known[0]).all()) and bool((mask[:, used] == known[0][:, used]).all())
    # Columns of one kind must have one size, or a relabelling would cut them differently.
    return same and len(set(known[0].sum(axis=0).tolist())) == 1


def _permuted_complete(
    predictors: FloatArray, cost: FloatArray, relabelling: Relabelling
) -> FloatArray:
    used = np.isfinite(cost).sum(axis=0) >= MIN_SOURCES
    weights = standardised_columns(column_midranks(cost)) / max(int(used.sum()), 1)
    features = np.stack([standardised_columns(column_midranks(p)).ravel() for p in predictors])
    out = np.empty((len(predictors), len(relabelling)))
    for part in chunks(len(relabelling), cost.size):
        rows, columns = relabelling.rows[part], relabelling.columns[part]
        cells = rows[:, :, None] * cost.shape[1] + columns[:, None, :]
        out[:, part] = features @ weights.ravel()[cells.reshape(len(cells), -1)].T
    return out


def _permuted_with_gaps(
    predictors: FloatArray, cost: FloatArray, relabelling: Relabelling
) -> FloatArray:
    known = np.isfinite(predictors).transpose(0, 2, 1)
    ranked = np.stack([levels(p).T for p in predictors])
    cost_known, cost_level = np.isfinite(cost).T.ravel(), levels(cost).T.ravel()
    out = np.empty((len(predictors), len(relabelling)))
    for part in chunks(len(relabelling), cost.size):
        rows, columns = relabelling.rows[part], relabelling.columns[part]
        cells = columns[:, :, None] * cost.shape[0] + rows[:, None, :]
        valid_cost, level = cost_known[cells], cost_level[cells]
        for k in range(len(predictors)):
            valid = valid_cost & known[k]
            x = subset_midranks(np.broadcast_to(ranked[k], valid.shape), valid)
            y = subset_midranks(level, valid)
            out[k, part] = _mean_correlation(x, y, valid)
    return out


def _mean_correlation(x: FloatArray, y: FloatArray, valid: BoolArray) -> FloatArray:
    """Mean over columns (axis 1) of the correlation of centred ranks along the last axis."""
    product = np.einsum("bts,bts->bt", x, y)
    length = np.sqrt(np.einsum("bts,bts->bt", x, x) * np.einsum("bts,bts->bt", y, y))
    rho = np.divide(product, length, out=np.zeros_like(product), where=length > 1e-9)
    counts = valid.sum(axis=-1) >= MIN_SOURCES
    mean: FloatArray = (rho * counts).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    return mean


def chunks(total: int, cells: int) -> Iterator[slice]:
    """Split a batch so that one part times `cells` stays within a fixed amount of memory."""
    step = max(1, CELLS_AT_ONCE // max(cells, 1))
    for start in range(0, total, step):
        yield slice(start, min(start + step, total))
