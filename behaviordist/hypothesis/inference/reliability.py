"""How well any predictor could do: costs repeat only so well from seed to seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.permutation.relabelling import Relabelling
from behaviordist.hypothesis.statistics.statistic import Statistic
from behaviordist.hypothesis.tables.pairs import Matrix, Pairs, frame_of

Half = tuple[FloatArray, FloatArray]


def split_half(statistic: Statistic, halves: Sequence[Half]) -> float:
    """Mean over splits of the statistic between two halves of the seeds; costs are (S, T)."""
    values = []
    for first, second in halves:
        both = np.isfinite(first) & np.isfinite(second)
        x, y = np.where(both, first, np.nan), np.where(both, second, np.nan)
        values.append(statistic.permuted(x[None], y, Relabelling.identity(x.shape))[0, 0])
    return float(np.mean(values))


def split_half_of(
    statistic: Statistic, pairs: Pairs, halves: Sequence[tuple[Matrix, Matrix]] | None
) -> float | None:
    """Return `split_half` of labelled cost matrices over the pairs of a test; None without any."""
    if not halves:
        return None
    frames = [[frame_of(half, "halves") for half in pair] for pair in halves]
    return split_half(statistic, [(pairs.like_cost(a), pairs.like_cost(b)) for a, b in frames])


def noise_ceiling(half: float) -> float:
    """Largest correlation with the mean cost of all seeds that a perfect predictor can reach.

    Spearman-Brown: the mean of all seeds has reliability ``R = 2 r / (1 + r)`` when two halves
    correlate ``r``; a noiseless predictor then correlates at most ``sqrt(R)`` (Spearman 1904).
    Costs whose halves do not correlate leave nothing to predict: 0.
    """
    if half <= 0:
        return 0.0
    return float(np.sqrt(2 * half / (1 + half)))


def tie_ceiling(statistic: Statistic, cost: FloatArray) -> float:
    """Largest value that a predictor without ties can reach, because costs (S, T) have some.

    Runs that never arrive all cost the budget. Of Spearman inside a target it is the mean of
    ``sqrt(1 - sum (t^3 - t) / (n^3 - n))``, t the sizes of the ties among n costs. 1 without ties.
    """
    inside = np.argsort(np.argsort(cost, axis=0, kind="stable"), axis=0, kind="stable")
    ideal = np.where(np.isfinite(cost), inside.astype(np.float64), np.nan)
    if statistic.removes_source_effects:
        order = np.argsort(np.argsort(cost, axis=None, kind="stable"), kind="stable")
        ideal = np.where(np.isfinite(cost), order.reshape(cost.shape).astype(np.float64), np.nan)
    return float(statistic.permuted(ideal[None], cost, Relabelling.identity(cost.shape))[0, 0])
