"""Correlation of distance and cost after source and target effects are taken out of both.

Each matrix is ranked over its own cells, then an additive effect of the source and one of the
target are fitted by least squares over the pairs that count and subtracted; the residuals are
correlated. What is left cannot be due to good sources, central sources, or hard targets.
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
    ratio,
    whole_midranks,
)
from behaviordist.hypothesis.permutation.relabelling import Relabelling
from behaviordist.hypothesis.statistics.additive import (
    Additive,
    Multiplied,
    Subsets,
    normal_equations,
)
from behaviordist.hypothesis.statistics.pair_noise import SMOOTH, PairNoise
from behaviordist.hypothesis.statistics.within_target import MIN_SOURCES


@dataclass(frozen=True)
class TwoWay:
    """Correlation of two-way residuals of rank-transformed predictor and cost."""

    name: str = "two-way residual correlation"
    correlation: bool = True
    removes_source_effects: bool = True
    pair_noise: PairNoise = SMOOTH

    def per_target(self, predictor: FloatArray, cost: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return the correlation (T,) of residuals inside each column, and its sources (T,)."""
        both = np.isfinite(predictor) & np.isfinite(cost)
        x, y = (_residuals(_ranks(matrix), both) for matrix in (predictor, cost))
        product, length = (x * y).sum(axis=0), np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
        count = both.sum(axis=0)
        return np.where(count >= MIN_SOURCES, _ratio(product, length), np.nan), count

    def permuted(
        self, predictors: FloatArray, cost: FloatArray, relabelling: Relabelling
    ) -> FloatArray:
        """Return the statistic (K, B) of K predictors (K, S, T) under relabellings of the costs."""
        mask, known = np.isfinite(cost), np.isfinite(predictors)
        if bool((known == mask).all()):
            return _permuted_complete(predictors, cost, relabelling)
        if not bool((mask & ~known).any()) and bool((known == known[0]).all()):
            return _permuted_without_costs(predictors, cost, relabelling)
        ranks, cost_ranks = [_ranks(p) for p in predictors], _ranks(cost)

        def compute(part: slice) -> FloatArray:
            rows, columns = relabelling.rows[part, :, None], relabelling.columns[part, None, :]
            y, valid = cost_ranks[rows, columns], mask[rows, columns]
            designs = [Subsets(valid & present) for present in known]
            return np.stack([_correlation(d, x, y) for d, x in zip(designs, ranks, strict=True)])

        return batched(len(relabelling), cost.size, compute)

    def kept(
        self, predictors: FloatArray, cost: FloatArray, rows: FloatArray, columns: FloatArray
    ) -> FloatArray:
        """Return the statistic (K, B) of samples that keep only some `rows` and `columns` (0/1)."""
        return self.resampled(predictors, cost, rows, columns)

    def pair_effects(self, predictors: FloatArray, cost: FloatArray) -> FloatArray:
        """Return (K, S, T) the influence of each pair on the correlation of the residuals.

        ``x y - r (x^2 + y^2) / 2`` with residuals scaled to length 1 (the derivative of a
        correlation in the weight of one pair), over the share of degrees of freedom that the
        effects leave: without a pair they are fitted anew, which moves them towards the others.
        """
        effects = []
        for predictor in predictors:
            both = np.isfinite(predictor) & np.isfinite(cost)
            rest = [_residuals(_ranks(np.where(both, m, np.nan)), both) for m in (predictor, cost)]
            x, y = (_ratio(r, np.sqrt((r**2).sum()) * np.ones_like(r)) for r in rest)
            fitted = both.any(axis=0).sum() + both.any(axis=1).sum() - 1
            left = max(1 - fitted / max(both.sum(), 1), 0.1)
            effects.append((x * y - (x * y).sum() / 2 * (x**2 + y**2)) / left)
        return np.stack(effects)

    def resampled(
        self, predictors: FloatArray, cost: FloatArray, rows: FloatArray, columns: FloatArray
    ) -> FloatArray:
        """Return the statistic (K, B) of samples in which behaviors occur `rows`, `columns` times.

        Ranks stay those of the whole matrices; effects are fitted anew with the multiplicities.
        """
        y, known = _ranks(cost), np.isfinite(cost)
        return np.stack(
            [
                _correlation(Multiplied(np.isfinite(p) & known, rows, columns), _ranks(p), y)
                for p in predictors
            ]
        )


def _ranks(matrix: FloatArray) -> FloatArray:
    """Ranks over all cells, centred; NaN becomes 0: mask it."""
    ranks = whole_midranks(matrix)
    return np.nan_to_num(ranks - np.nanmean(ranks))


def _correlation(design: Additive, x: FloatArray, y: FloatArray) -> FloatArray:
    length = np.sqrt(np.maximum(design.inner(x, x) * design.inner(y, y), 0.0))
    return _ratio(design.inner(x, y), length)


def _ratio(product: FloatArray, length: FloatArray) -> FloatArray:
    """Divide; a length below 1e-6 is what rounding leaves of a purely additive matrix: give 0."""
    return ratio(product, np.where(length > 1e-6, length, 0.0))


def _residuals(values: FloatArray, mask: BoolArray) -> FloatArray:
    residuals: FloatArray = Subsets(mask[None]).residuals(values[None])[0]
    return residuals


def _permuted_complete(
    predictors: FloatArray, cost: FloatArray, relabelling: Relabelling
) -> FloatArray:
    mask = np.isfinite(cost)
    y = _residuals(_ranks(cost), mask)
    features = np.stack([_residuals(_ranks(p), mask) for p in predictors])
    length = np.sqrt((features**2).sum(axis=(1, 2)) * (y**2).sum())
    out = products(features, y, relabelling)
    return _ratio(out, np.broadcast_to(length[:, None], out.shape))


def _permuted_without_costs(
    predictors: FloatArray, cost: FloatArray, relabelling: Relabelling
) -> FloatArray:
    """Some costs are missing, no predictor is: move the predictors over one fixed set of pairs.

    Residuals of the costs are orthogonal to every effect, so the numerator needs no fit; the
    length of the predictor's residuals follows from its row and column sums ``a`` over the pairs
    as ``|x|^2 - a' G a``, with G the pseudo-inverse of the normal equations of the effects.
    """
    mask = np.isfinite(cost)
    y = _residuals(_ranks(cost), mask)
    normal = np.linalg.pinv(normal_equations(mask), hermitian=True)
    ranks = [_ranks(p).ravel() for p in predictors]

    def one(rank: FloatArray, cells: IntArray) -> FloatArray:
        x = rank.take(cells) * mask.ravel()
        grid = x.reshape(-1, *cost.shape)
        sums = np.concatenate([grid.sum(axis=2), grid.sum(axis=1)], axis=1)
        explained = np.einsum("bi,bi->b", sums @ normal, sums)
        square = np.maximum(np.einsum("bi,bi->b", x, x) - explained, 0.0)
        return _ratio(x @ y.ravel(), np.sqrt(square * (y**2).sum()))

    def compute(part: slice) -> FloatArray:
        rows = np.argsort(relabelling.rows[part], axis=1)
        columns = np.argsort(relabelling.columns[part], axis=1)
        cells = (rows[:, :, None] * cost.shape[1] + columns[:, None, :]).reshape(len(rows), -1)
        return np.stack([one(rank, cells) for rank in ranks])

    return batched(len(relabelling), cost.size, compute)
