"""What may be measured inside one target's column: how well nearest first is cheapest first.

Every measure maps a batch of samples of columns to (B, T) values, larger where closer is cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from behaviordist.hypothesis.permutation.ranks import BoolArray, FloatArray, ratio
from behaviordist.hypothesis.statistics.nearest_first import NearestFirst, Sample


class Measure(Protocol):
    """Agreement of a predictor's order with the costs, inside each column."""

    def __call__(self, order: NearestFirst, sample: Sample) -> FloatArray:
        """Return (B, T) values; anything where fewer than three pairs are valid."""
        ...


def spearman(order: NearestFirst, sample: Sample) -> FloatArray:
    """Return Spearman's rank correlation, midranks for ties; 0 where either is constant."""
    x, y = order.ranks(sample.valid), sample.ranks()
    product = np.einsum("bts,bts->bt", x, y)
    return _correlation(product, np.einsum("bts,bts->bt", x, x), np.einsum("bts,bts->bt", y, y))


def kendall(order: NearestFirst, sample: Sample) -> FloatArray:
    """Return Kendall's tau-b; 0 where either is constant. O(S^2) per column."""
    return _correlation(*_concordance(order, sample.ranks(), sample.valid, None))


def weighted_tau(order: NearestFirst, sample: Sample) -> FloatArray:
    """Return Vigna's weighted tau, pairs weighing 1/r + 1/r' for the ranks of their costs alone.

    Not SciPy's default, which also weighs by the ranks of distances (`scipy_weighted_tau`).
    What is cheap matters most (Vigna 2015, additive hyperbolic weights; r = 1 is the cheapest).
    """
    rank = sample.ranks()
    r = rank + (sample.valid.sum(axis=-1, keepdims=True) + 1) / 2
    weight = np.where(sample.valid, 1 / np.maximum(r, 1), 0.0)
    return _correlation(*_concordance(order, rank, sample.valid, weight))


def scipy_weighted_tau(order: NearestFirst, sample: Sample) -> FloatArray:
    """Return ``scipy.stats.weightedtau(-distance, -cost)`` with its defaults (``rank=True``).

    The mean of two weighted taus: pairs weigh by the ranks of (distance, cost), nearest first, and
    by those of (cost, distance), cheapest first, 1/r + 1/r' each.
    """
    x, y = order.ranks(sample.valid), np.broadcast_to(sample.ranks(), sample.valid.shape)
    taus = []
    for first, second in ((x, y), (y, x)):
        # Midranks are multiples of 1/2, at most S apart: the second only decides ties.
        key = np.where(sample.valid, first + second / (4 * first.shape[-1]), np.inf)
        r = np.argsort(np.argsort(key, axis=-1, kind="stable"), axis=-1) + 1
        weight = np.where(sample.valid, 1 / r, 0.0)
        taus.append(_correlation(*_concordance(order, y, sample.valid, weight)))
    return np.asarray((taus[0] + taus[1]) / 2)


def ndcg(order: NearestFirst, sample: Sample) -> FloatArray:
    """Return the normalised discounted cumulative gain of going nearest first.

    Gains fall linearly from 1 (cheapest) to 0 (dearest), discounts are 1 / log2(1 + place)
    (Jarvelin & Kekalainen 2002). 1 is a perfect order.
    """
    count = sample.valid.sum(axis=-1, keepdims=True)
    middle = (count + 1) / 2
    place, rank = order.ranks(sample.valid) + middle, sample.ranks() + middle
    gain = np.where(sample.valid, (count - rank) / np.maximum(count - 1, 1), 0.0)
    reached = (gain / np.log2(1 + np.maximum(place, 1))).sum(axis=-1)
    discount = 1 / np.log2(2 + np.arange(gain.shape[-1]))
    return ratio(reached, -np.sort(-gain, axis=-1) @ discount)


@dataclass(frozen=True)
class Saving:
    """``1 - regret@k``: of what the best source saves over an average one, the share that is had.

    The cheapest of the k nearest sources is taken: ``(mean - taken) / (mean - best)``. 1 is the
    best choice, 0 what a source drawn at random costs on average (for k = 1).
    """

    k: int = 1

    def __call__(self, order: NearestFirst, sample: Sample) -> FloatArray:  # noqa: ARG002
        """Return (B, T) shares."""
        cost, valid = sample.cost, sample.valid
        count = np.maximum(valid.sum(axis=-1), 1)
        mean = np.where(valid, cost, 0.0).sum(axis=-1) / count
        best = np.where(valid, cost, np.inf).min(axis=-1)
        taken = np.where(_nearest(valid, self.k), cost, np.inf).min(axis=-1)
        room = np.where(np.isfinite(best), mean - best, 0.0)
        return ratio(mean - taken, room)


@dataclass(frozen=True)
class Percentile:
    """Mean share of the other sources that are dearer than each of the k nearest (ties half)."""

    k: int = 1

    def __call__(self, order: NearestFirst, sample: Sample) -> FloatArray:  # noqa: ARG002
        """Return (B, T) shares: 1 the cheapest, 1/2 a source drawn at random."""
        count = sample.valid.sum(axis=-1, keepdims=True)
        above = 0.5 - sample.ranks() / np.maximum(count - 1, 1)
        chosen = _nearest(sample.valid, self.k)
        return ratio((above * chosen).sum(axis=-1), chosen.sum(axis=-1))


def _nearest(valid: BoolArray, k: int) -> BoolArray:
    """Mark the k nearest valid places; among tied distances the first by label."""
    chosen: BoolArray = valid & (np.cumsum(valid, axis=-1, dtype=np.int32) <= k)
    return chosen


def _correlation(product: FloatArray, square_x: FloatArray, square_y: FloatArray) -> FloatArray:
    return ratio(product, np.sqrt(square_x * square_y))


def _concordance(
    order: NearestFirst, rank: FloatArray, valid: BoolArray, weight: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sums over pairs of places: weighted concordance, and weight of pairs untied in x, in y."""
    shape = rank.shape[:-1]
    product, in_x, in_y = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for i in range(rank.shape[-1] - 1):
        pair = (valid[..., i + 1 :] & valid[..., i : i + 1]).astype(np.float64)
        if weight is not None:
            pair *= weight[..., i + 1 :] + weight[..., i : i + 1]
        sign = np.sign(rank[..., i + 1 :] - rank[..., i : i + 1])
        in_y += np.einsum("bts,bts->bt", pair, np.abs(sign))
        if order.ties:
            pair *= np.arange(i + 1, rank.shape[-1]) > order.last[:, i : i + 1]
        in_x += pair.sum(axis=-1)
        product += np.einsum("bts,bts->bt", pair, sign)
    return product, in_x, in_y
