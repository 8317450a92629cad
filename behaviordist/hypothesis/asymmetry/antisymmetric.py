"""Correlation of the antisymmetric parts of two tables, KL and cost, as they are.

`symmetry` takes ranks of cells with source and target effects removed; `reciprocity` asks of costs
alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.intervals import correlation_limits
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of

FEWEST = 6
"""Pairs; four behaviors have as many."""


@dataclass(frozen=True)
class AntisymmetricLink:
    """Rank correlation of the antisymmetric parts of two square tables.

    Attributes
    ----------
    value, low, high
        Spearman over pairs; 95 % interval from leaving out one behavior at a time.
    p_value
        One-sided, over relabellings of the behaviors.
    share
        Share of the costs' variance over pairs that is antisymmetric.
    n, n_pairs
        Behaviors, and pairs with both directions.
    """

    value: float
    low: float
    high: float
    p_value: float
    share: float
    n: int
    n_pairs: int


def antisymmetric_link(
    nats: Matrix, costs: Matrix, *, permutations: int = 10_000, seed: int = 0
) -> AntisymmetricLink:
    """Correlate (C - C^T) / 2 with (D - D^T) / 2 over pairs of behaviors.

    Parameters
    ----------
    nats, costs
        Square tables over the same labels, rows = source; a pair counts where both directions are
        known, in each table by itself: relabelled distances meet every known pair of costs.
    permutations, seed
        Of the relabellings (QAP: rows and columns together).

    Raises
    ------
    InputError
        Tables that are not square over the same labels, fewer than four behaviors, or
        fewer than six pairs that both tables know both ways.
    """
    cost = frame_of(costs, "costs")
    labels = sorted(map(str, cost.index))
    near = frame_of(nats, "nats")
    if set(cost.columns) != set(labels) or not set(labels) <= set(near.index) & set(near.columns):
        raise InputError("both directions need square tables over the same labels")
    if len(labels) < 4:
        raise InputError(f"{len(labels)} behaviors: both directions need four or more")
    x, y = (f.loc[labels, labels].to_numpy(dtype=np.float64) for f in (near, cost))
    both = y
    x, y = ((m - m.T) / 2 for m in (x, y))  # NaN where a direction is missing
    known = np.triu(np.isfinite(x) & np.isfinite(y), 1)
    if known.sum() < FEWEST:
        raise InputError(
            f"{known.sum()} pairs are known both ways in both tables: both directions need {FEWEST}"
        )
    value = _spearman(x, y)
    rng = np.random.default_rng(seed)
    orders = (rng.permutation(len(labels)) for _ in range(permutations))
    drawn = [_spearman(x[np.ix_(order, order)], y) for order in orders]
    p = (1 + sum(v >= value - 1e-12 for v in drawn)) / (1 + permutations)
    keep = [np.delete(np.arange(len(labels)), i) for i in range(len(labels))]
    without = np.array([_spearman(x[np.ix_(k, k)], y[np.ix_(k, k)]) for k in keep])
    n = len(without)
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    half = float(stats.t.ppf(0.975, n - 1) * error)
    even = ((both + both.T) / 2)[known]
    odd = y[known]
    share = float((odd**2).sum() / ((odd**2).sum() + ((even - even.mean()) ** 2).sum()))
    low, high = correlation_limits(value, half)
    return AntisymmetricLink(value, low, high, float(p), share, n, int(known.sum()))


def _spearman(x: FloatArray, y: FloatArray) -> float:
    """Spearman over unordered pairs.

    A pair has no first and second behavior: both signs of it are taken, which makes the value
    independent of how the labels are sorted.
    """
    off = ~np.eye(len(x), dtype=bool) & np.isfinite(x) & np.isfinite(y)
    a, b = stats.rankdata(x[off]), stats.rankdata(y[off])
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / length) if length > 0 else 0.0
