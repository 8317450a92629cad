"""The law of cost: inside a target, steps rise linearly with the nats between the two functions.

    cost(A, B) = a_B + b KL(f_B || f_A) + e

with an intercept for every target (how hard its regime is) and one slope, steps per nat. A run
that never arrived costs more than its budget, one that was there at step 0 costs nothing or less:
both are censored observations of the line (Tobin 1958), fitted by expectation and maximisation with
normal errors (Dempster, Laird and Rubin 1977), which is least squares where nothing is censored.
Intervals leave out one unit of sources or of targets at a time and add the two variances
(`inference.jackknife`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.jackknife import Jackknife, jackknife_of
from behaviordist.hypothesis.permutation.ranks import BoolArray, FloatArray, IntArray
from behaviordist.hypothesis.statistics.pair_noise import pair_variance
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of

SMALLEST = 1e-9
ITERATIONS = 200


@dataclass(frozen=True)
class Law:
    """A fitted line of cost against nats.

    Attributes
    ----------
    slope, low, high
        Steps per nat and its 95 % interval.
    standard_error, degrees_of_freedom
        Of the slope.
    intercepts
        Cost at no surprise, for every target.
    spread
        Standard deviation of a cost about the line, steps.
    explained
        Share of the variance inside targets that the line explains (censored costs at their
        expected values).
    n_cells, n_late, n_early
        Cells used; of them never arrived, and there at step 0.
    """

    slope: float
    low: float
    high: float
    standard_error: float
    degrees_of_freedom: float
    intercepts: Mapping[str, float]
    spread: float
    explained: float
    n_cells: int
    n_late: int
    n_early: int

    def predicted(self, nats: pd.DataFrame) -> pd.DataFrame:
        """Return the line's cost, below 0 as 0; targets it does not know get the mean intercept."""
        mean = float(np.mean(list(self.intercepts.values())))
        level = np.array([self.intercepts.get(str(t), mean) for t in nats.columns])
        return (nats * self.slope + level).clip(lower=0)


def fit_law(
    nats: Matrix,
    costs: Matrix,
    *,
    censored: Matrix | None = None,
    units: Mapping[str, str] | None = None,
    interval: bool = True,
) -> Law:
    """Fit steps per nat inside targets.

    Parameters
    ----------
    nats
        Rows = source, columns = target; covers the costs. Cells without a finite value are left
        out.
    costs
        Same labels; NaN is missing. A cost of 0 was there at the start.
    censored
        Share of the runs of a cell that never arrived; above a half, the cost is a lower bound.
    units
        Unit of each label (see `transfer_test`).
    interval
        False leaves the interval out, which takes the time of as many fits as there are units.

    Raises
    ------
    InputError
        Fewer than three usable cells in every target, or no spread of nats inside one.
    """
    cost = frame_of(costs, "costs").sort_index(axis=0).sort_index(axis=1)
    near = frame_of(nats, "nats").reindex(index=cost.index, columns=cost.columns)
    late = np.zeros(cost.shape, dtype=bool)
    if censored is not None:
        share = frame_of(censored, "censored").reindex(index=cost.index, columns=cost.columns)
        late = share.to_numpy(dtype=np.float64) > 0.5
    x, y = near.to_numpy(dtype=np.float64), cost.to_numpy(dtype=np.float64)
    usable = np.isfinite(x) & np.isfinite(y)
    usable &= usable.sum(axis=0) > 2
    if not usable.any() or np.ptp(x[usable]) == 0:
        raise InputError("costs and nats: fewer than three cells in every target, or equal nats")
    x, y = np.where(usable, x, 0.0), np.where(usable, y, 0.0)
    kind = np.where(late, 1, np.where(y <= 0, -1, 0))
    whole = _fit(x, y, kind, usable)
    sources, targets = list(map(str, cost.index)), list(map(str, cost.columns))
    out = jackknife_of(sources, targets, units)
    error, freedom = math.nan, math.nan
    if interval:
        error, freedom = _error(x, y, kind, usable, whole, out, (sources, targets, units))
    half = float(stats.t.ppf(0.975, freedom)) * error
    kept = usable.any(axis=0)
    return Law(
        slope=whole.slope,
        low=whole.slope - half,
        high=whole.slope + half,
        standard_error=error,
        degrees_of_freedom=freedom,
        intercepts={t: float(a) for t, a, k in zip(targets, whole.level, kept, strict=True) if k},
        spread=whole.spread,
        explained=whole.explained,
        n_cells=int(usable.sum()),
        n_late=int((kind[usable] > 0).sum()),
        n_early=int((kind[usable] < 0).sum()),
    )


@dataclass(frozen=True)
class _Line:
    slope: float
    level: FloatArray
    spread: float
    explained: float
    residual: FloatArray
    weight: FloatArray
    centred: FloatArray


def _fit(
    x: FloatArray,
    y: FloatArray,
    kind: IntArray,
    usable: BoolArray,
    start: _Line | None = None,
) -> _Line:
    """Fit by expectation and maximisation; one round where nothing is censored."""
    n = usable.sum()
    count = np.maximum(usable.sum(axis=0), 1)
    mean_x = np.where(usable, x, 0).sum(axis=0) / count
    centred = np.where(usable, x - mean_x, 0.0)
    power = float((centred**2).sum())
    hidden = bool((kind[usable] != 0).any())
    full, variance = np.array(y), np.zeros_like(y)
    slope, spread = (start.slope, start.spread) if start else (0.0, 0.0)
    level = start.level if start else np.zeros(x.shape[1])
    for k in range(ITERATIONS if hidden else 1):
        if (k or start) and hidden:
            full, variance = _expected(y, kind, level + slope * x, max(spread, SMALLEST))
        mean_y = np.where(usable, full, 0).sum(axis=0) / count
        fresh = float((centred * (full - mean_y)).sum() / power)
        level = mean_y - fresh * mean_x
        rest = np.where(usable, full - level - fresh * x, 0.0)
        spread = float(np.sqrt(((rest**2) + np.where(usable, variance, 0)).sum() / n))
        done = abs(fresh - slope) <= 1e-6 * max(abs(fresh), 1e-6)
        slope = fresh
        if done and k > 1:
            break
    total = np.where(usable, full - mean_y, 0.0)
    explained = 1 - float((rest**2).sum() / max((total**2).sum(), SMALLEST))
    weight = np.where(usable, 1 - variance / max(spread**2, SMALLEST), 0.0)
    return _Line(slope, level, spread, explained, rest, weight, centred)


def _expected(
    y: FloatArray, kind: IntArray, line: FloatArray, spread: float
) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of the costs behind censored ones, given the line."""
    side = np.where(kind == 0, 1, kind)
    z = side * (y - line) / spread
    # Inverse Mills ratio: of what lies beyond z standard deviations.
    ratio = np.exp(stats.norm.logpdf(z) - stats.norm.logsf(z))
    mean = line + side * spread * ratio
    variance = spread**2 * np.clip(1 + z * ratio - ratio**2, 0, 1)
    return np.where(kind == 0, y, mean), np.where(kind == 0, 0.0, variance)


def _error(
    x: FloatArray,
    y: FloatArray,
    kind: IntArray,
    usable: BoolArray,
    whole: _Line,
    out: Jackknife,
    labels: tuple[list[str], list[str], Mapping[str, str] | None],
) -> tuple[float, float]:
    """Return the slope's standard error and degrees of freedom.

    Leaving out sources and then targets counts what is noise of single cells twice; once is taken
    off, down to the larger of the two parts.
    """
    without = np.full((1, len(out.rows)), np.nan)
    for b, keep in enumerate(out.kept(usable)):
        keep &= keep.sum(axis=0) > 2
        if keep.any():
            without[0, b] = _fit(x, y, kind, keep, whole).slope
    if np.isnan(without).any():
        return math.nan, math.nan
    variance, freedom = (float(v[0]) for v in out.variance(without))
    influence = whole.centred * whole.residual
    influence = influence / max(float((whole.weight * whole.centred**2).sum()), SMALLEST)
    noise = float(pair_variance(influence[None], *labels)[0])
    return math.sqrt(max(variance - noise, variance / 2, noise)), freedom
