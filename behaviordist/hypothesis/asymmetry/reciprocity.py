"""Is A -> B as dear as B -> A? Symmetric, potential and cyclic parts of costs, over seeds.

A table of costs c_ij (source i, target j) splits without remainder into its mean, a symmetric
part s_ij = (c_ij + c_ji) / 2 - mean, and an antisymmetric part a_ij = (c_ij - c_ji) / 2. The
latter splits again into a potential, a_ij = u_i - u_j ("i is dear to leave and cheap to reach"),
and a cyclic rest that no ranking of the behaviors explains: the gradient and curl parts of
combinatorial Hodge theory (Jiang, Lim, Yao and Ye 2011, Math. Program. 127:203), which on a
complete graph has the closed form u_i = mean_j a_ij.

Seeds make noise, and noise is antisymmetric as often as symmetric. So every size here is a product
of two *different* seeds' parts, averaged over pairs of seeds: unbiased for the size of what
repeats, and now and then below zero where nothing does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.jackknife import jackknife_of
from behaviordist.hypothesis.permutation.ranks import FloatArray, IntArray
from behaviordist.hypothesis.statistics.pair_noise import RELABELLED


@dataclass(frozen=True)
class Share:
    """A share of what repeats across seeds, with a 95 % jackknife interval over behaviors."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reciprocity:
    """How far costs are the same both ways.

    Attributes
    ----------
    antisymmetric
        Share of the repeatable variance of costs that differs between the two directions.
    potential
        Share of the antisymmetric part that a ranking of the behaviors explains.
    noise
        Share of all variance (of one seed's table) that does not repeat.
    heights
        (N,) the potential u: large where leaving is dear and arriving cheap. Unit of the costs.
    """

    antisymmetric: Share
    potential: Share
    noise: float
    heights: FloatArray


def reciprocity(costs: FloatArray) -> Reciprocity:
    """Split costs into what is the same both ways and what is not.

    Parameters
    ----------
    costs
        (R, N, N): R seeds, sources in rows, targets in columns; the diagonal is ignored. On a scale
        on which differences mean something (a logarithm, as a rule).

    Raises
    ------
    InputError
        Fewer than two seeds or four behaviors, missing costs, or costs that do not vary.
    """
    table = np.asarray(costs, np.float64)
    if table.ndim != 3 or table.shape[1] != table.shape[2]:
        raise InputError(f"costs: an array (seeds, N, N) is needed, got {table.shape}")
    seeds, n = table.shape[:2]
    if seeds < 2 or n < 4:
        raise InputError(f"costs: {seeds} seeds of {n} behaviors; two seeds of four are needed")
    off = ~np.eye(n, dtype=bool)
    missing = int((~np.isfinite(table[:, off])).sum())
    if missing:
        raise InputError(f"costs: {missing} are missing; every pair is needed both ways")
    everyone = np.arange(n)
    sizes = _sizes(table, everyone)
    if sizes.total <= 0:
        raise InputError("costs: they do not vary, there is nothing to split")
    without = [_sizes(table, np.delete(everyone, i)) for i in range(n)]
    antisymmetric = _share([s.antisymmetric_share for s in (sizes, *without)])
    potential = _share([s.potential_share for s in (sizes, *without)])
    noise = 1.0 - sizes.repeatable / sizes.total
    heights = _antisymmetric(table.mean(axis=0)).sum(axis=1) / n
    return Reciprocity(antisymmetric, potential, float(noise), heights)


@dataclass(frozen=True)
class _Sizes:
    symmetric: float
    antisymmetric: float
    potential: float
    total: float

    @property
    def repeatable(self) -> float:
        return self.symmetric + self.antisymmetric

    @property
    def antisymmetric_share(self) -> float:
        return self.antisymmetric / self.repeatable if self.repeatable > 0 else float("nan")

    @property
    def potential_share(self) -> float:
        return self.potential / self.antisymmetric if self.antisymmetric > 0 else float("nan")


def _sizes(table: FloatArray, keep: IntArray) -> _Sizes:
    part = table[:, keep[:, None], keep[None, :]]
    n = len(keep)
    off = ~np.eye(n, dtype=bool)
    one_way = np.stack([_antisymmetric(seed) for seed in part])
    both_ways = (part + part.transpose(0, 2, 1)) / 2
    both_ways = np.where(off, both_ways - both_ways[:, off].mean(axis=1)[:, None, None], 0.0)
    heights = one_way.sum(axis=2) / n
    total = np.mean([seed[off].var() for seed in part]) * n * (n - 1)
    # The potential's own size: sum over ordered pairs of (u_i - u_j)^2 = 2 n sum u_i^2.
    potential = 2 * n * _across(heights)
    return _Sizes(_across(both_ways), _across(one_way), potential, float(total))


def _antisymmetric(costs: FloatArray) -> FloatArray:
    difference = (costs - costs.T) / 2
    np.fill_diagonal(difference, 0.0)
    return difference


def _across(parts: FloatArray) -> float:
    """Mean product of two different seeds' parts: ``(|sum|^2 - sum of |.|^2) / (R (R - 1))``."""
    flat = parts.reshape(len(parts), -1)
    seeds = len(flat)
    return float(((flat.sum(axis=0) ** 2).sum() - (flat**2).sum()) / (seeds * (seeds - 1)))


def _share(values: list[float]) -> Share:
    """Return the share with its delete-a-behavior jackknife interval, all cut to [0, 1].

    Products of different seeds are unbiased, so by noise alone a part may come out above the whole.
    """
    value, without = values[0], np.array(values[1:])
    if not np.isfinite(value):
        return Share(float("nan"), float("nan"), float("nan"))
    labels = [str(i) for i in range(len(without))]
    half = float(jackknife_of(labels, labels).half_width(without[None], 0.0, RELABELLED)[0])
    cut = np.clip([value, value - half, value + half], 0.0, 1.0)
    return Share(*cut.tolist())
