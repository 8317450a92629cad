"""Statistics inside each target's column, averaged over targets.

How hard a target is moves every cost in its column alike and explains most of their variance
(79 % in Taskonomy, 90-99 % in TaskWeb); order inside a column cannot see it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from behaviordist.hypothesis.permutation.batches import batched
from behaviordist.hypothesis.permutation.products import products
from behaviordist.hypothesis.permutation.ranks import (
    BoolArray,
    FloatArray,
    IntArray,
    column_midranks,
    ratio,
    standardised_columns,
    weighted_midranks,
)
from behaviordist.hypothesis.permutation.relabelling import Relabelling
from behaviordist.hypothesis.statistics import measures
from behaviordist.hypothesis.statistics.nearest_first import (
    NearestFirst,
    Sample,
    cost_table,
    nearest_first,
)
from behaviordist.hypothesis.statistics.pair_noise import SMOOTH, PairNoise
from behaviordist.hypothesis.statistics.without_source import spearman_without

MIN_SOURCES = 3


@dataclass(frozen=True)
class WithinTarget:
    """Mean over targets of a measure of the target's column.

    A target counts where at least three of its sources have both numbers. A relabelling moves
    the costs together with the pairs that are missing, so a missing pair is dropped under each.
    """

    name: str
    measure: measures.Measure
    correlation: bool = True
    removes_source_effects: bool = False
    pair_noise: PairNoise = SMOOTH

    def per_target(self, predictor: FloatArray, cost: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return the measure (T,) of each target (NaN where it does not count) and its sources."""
        rows, columns = (np.ones((1, n), dtype=bool) for n in cost.shape)
        order = nearest_first(predictor)
        sample = cost_table(cost).without(order, rows, columns)
        count = sample.valid.sum(axis=-1)[0]
        return np.where(count >= MIN_SOURCES, self.measure(order, sample)[0], np.nan), count

    def permuted(
        self, predictors: FloatArray, cost: FloatArray, relabelling: Relabelling
    ) -> FloatArray:
        """Return the statistic (K, B) of K predictors (K, S, T) under relabellings of the costs."""
        table, orders = cost_table(cost), [nearest_first(p) for p in predictors]

        def compute(part: slice) -> FloatArray:
            rows, columns = relabelling.rows[part], relabelling.columns[part]
            return np.stack([self._mean(o, table.relabelled(o, rows, columns)) for o in orders])

        return batched(len(relabelling), cost.size, compute)

    def kept(
        self, predictors: FloatArray, cost: FloatArray, rows: FloatArray, columns: FloatArray
    ) -> FloatArray:
        """Return the statistic (K, B) of samples that keep only some `rows` and `columns` (0/1)."""
        table, orders = cost_table(cost), [nearest_first(p) for p in predictors]

        def compute(part: slice) -> FloatArray:
            keep = rows[part] > 0, columns[part] > 0
            return np.stack([self._mean(o, table.without(o, *keep)) for o in orders])

        return batched(len(rows), cost.size, compute)

    def pair_effects(self, predictors: FloatArray, cost: FloatArray) -> FloatArray:
        """Return (K, S, T) deviations of a target's measure without each of its sources."""
        return np.stack(
            [
                _effects(self._without(p, cost), np.isfinite(p) & np.isfinite(cost))
                for p in predictors
            ]
        )

    def _without(self, predictor: FloatArray, cost: FloatArray) -> FloatArray:
        """(S, T) The measure of every column without source s."""
        table, order = cost_table(cost), nearest_first(predictor)
        keep, targets = ~np.eye(len(cost), dtype=bool), np.ones(cost.shape, dtype=bool)

        def compute(part: slice) -> FloatArray:
            return self.measure(order, table.without(order, keep[part], targets[part])).T

        return batched(len(keep), cost.size, compute).T

    def _mean(self, order: NearestFirst, sample: Sample) -> FloatArray:
        counts = sample.valid.sum(axis=-1) >= MIN_SOURCES
        total = np.where(counts, self.measure(order, sample), 0.0).sum(axis=1)
        number = counts.sum(axis=1)
        return ratio(total, number, np.nan)


@dataclass(frozen=True)
class WithinTargetSpearman(WithinTarget):
    """Mean over targets of Spearman(predictor, cost) over the target's sources."""

    name: str = "within-target spearman"
    measure: measures.Measure = measures.spearman

    def permuted(
        self, predictors: FloatArray, cost: FloatArray, relabelling: Relabelling
    ) -> FloatArray:
        """Return the statistic (K, B) of K predictors (K, S, T) under relabellings of the costs.

        Where nothing is missing, ranks inside a column travel with the column, and relabelling
        is a gather and one product for all predictors.
        """
        if _complete(predictors, cost):
            return _permuted_complete(predictors, cost, relabelling)
        return super().permuted(predictors, cost, relabelling)

    def kept(
        self, predictors: FloatArray, cost: FloatArray, rows: FloatArray, columns: FloatArray
    ) -> FloatArray:
        """Return the statistic (K, B) of samples that keep only some `rows` and `columns` (0/1).

        Samples that lack one source at most need no ranking of their own.
        """
        if ((rows == 0).sum(axis=1) > 1).any():
            return super().kept(predictors, cost, rows, columns)
        lacking = np.where((rows == 0).any(axis=1), rows.argmin(axis=1), -1)
        return np.stack([_kept_but_one(p, cost, lacking, columns > 0) for p in predictors])

    def _without(self, predictor: FloatArray, cost: FloatArray) -> FloatArray:
        return spearman_without(predictor, cost)

    def resampled(
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
        return ratio(total, weight, np.nan)


def _effects(without: FloatArray, pair: BoolArray) -> FloatArray:
    """(S, T) What each pair adds to the mean over targets, from columns without each source."""
    count = pair.sum(axis=0)
    # One source fewer must still be enough to rank.
    used = pair & (count > MIN_SOURCES)
    mean = ratio(np.where(used, without, 0.0).sum(axis=0), count.astype(np.float64))
    scale = np.sqrt(ratio(count - 1.0, count.astype(np.float64)))
    deviation = np.where(used, mean - without, 0.0)
    return np.asarray(scale * deviation / max(int((count >= MIN_SOURCES).sum()), 1))


def _kept_but_one(
    predictor: FloatArray, cost: FloatArray, lacking: IntArray, columns: BoolArray
) -> FloatArray:
    """(B,) Mean over the `columns` (B, T) that are kept, without source `lacking` (B,); -1: all."""
    pair = np.isfinite(predictor) & np.isfinite(cost)
    # A last row for nobody: no source is of that number, so it holds the columns as they are.
    nobody = np.full((1, cost.shape[1]), np.nan)
    rho = spearman_without(np.vstack([predictor, nobody]), np.vstack([cost, nobody]))[lacking]
    count = pair.sum(axis=0) - np.vstack([pair, np.zeros_like(pair[:1])])[lacking]
    counts = columns & (count >= MIN_SOURCES)
    return ratio(np.where(counts, rho, 0.0).sum(axis=1), counts.sum(axis=1), np.nan)


def weighted_spearman(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Spearman (B,) of samples in which pair i occurs ``weights[b, i]`` times.

    NaN where fewer than three pairs occur or `y` is constant; 0 where `x` is constant.
    """
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1.0)
    ranked = [weighted_midranks(values, weights) - (total + 1) / 2 for values in (x, y)]
    product = (weights * ranked[0] * ranked[1]).sum(axis=1)
    square_x, square_y = ((weights * r**2).sum(axis=1) for r in ranked)
    rho = ratio(product, np.sqrt(square_x * square_y))
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
    features = np.stack([standardised_columns(column_midranks(p)) for p in predictors])
    return products(features, weights, relabelling)
