"""Confidence intervals for statistics of pairs: the behaviors, not the pairs, are the sample."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis.pairs import Pairs
from behaviordist.hypothesis.ranks import FloatArray
from behaviordist.hypothesis.relabelling import leave_one_out, multiplicities
from behaviordist.hypothesis.statistic import Resampled, Statistic

Method = Literal["jackknife", "bootstrap"]


def intervals(
    statistic: Statistic,
    pairs: Pairs,
    values: FloatArray,
    method: Method = "jackknife",
    draws: int = 2_000,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> FloatArray:
    """Return (K, 2) confidence limits of the statistic of each predictor.

    Parameters
    ----------
    statistic, pairs
        What is computed, and on what.
    values
        (K,) the statistic on the whole sample.
    method
        ``jackknife``: leave out one behavior (its row and its column) at a time; Student's t with
        N - 1 degrees of freedom on Fisher's z scale. ``bootstrap``: percentiles over samples of
        behaviors with replacement; pairs of two copies of one behavior are no pairs.
    draws
        Bootstrap samples.
    level
        Coverage.
    rng
        Needed by the bootstrap.

    Notes
    -----
    Both treat all pairs of a behavior together (Snijders & Borgatti 1999). The bootstrap's
    duplicated behaviors tie with themselves in both matrices, which pulls strong correlations
    down; the jackknife has no such pull. See docs/testing.md for the coverage of both.
    """
    if method == "jackknife":
        return _jackknife(statistic, pairs, values, level)
    if not isinstance(statistic, Resampled):
        raise InputError(f"no bootstrap for '{statistic.name}'; use the jackknife")
    generator = rng if rng is not None else np.random.default_rng(0)
    rows, columns = multiplicities(pairs.sources, pairs.targets, draws, generator)
    sample = statistic.resampled(pairs.predictors, pairs.cost, rows, columns)
    tail = (1 - level) / 2
    return np.array([_quantiles(row, (tail, 1 - tail)) for row in sample])


def _quantiles(sample: FloatArray, at: tuple[float, float]) -> FloatArray:
    finite = sample[np.isfinite(sample)]
    if len(finite) < len(sample) / 2:
        return np.full(2, np.nan)
    return np.asarray(np.quantile(finite, at))


def left_out_values(statistic: Statistic, pairs: Pairs) -> FloatArray:
    """Return (K, N) values of the statistic without each behavior in turn."""
    rows, columns = leave_one_out(pairs.sources, pairs.targets)
    return statistic.kept(pairs.predictors, pairs.cost, rows, columns)


def jackknife_half_width(without: FloatArray, level: float = 0.95) -> FloatArray:
    """Half width (K,) of Student's t interval from values (K, N) without each behavior."""
    n = without.shape[-1]
    centred = without - without.mean(axis=-1, keepdims=True)
    error = np.sqrt((n - 1) / n * (centred**2).sum(axis=-1))
    return np.asarray(stats.t.ppf((1 + level) / 2, n - 1) * error)


def _jackknife(statistic: Statistic, pairs: Pairs, values: FloatArray, level: float) -> FloatArray:
    half = jackknife_half_width(left_out_values(statistic, pairs), level)
    if not statistic.correlation:
        return np.stack([values - half, values + half], axis=1)
    return np.array([_on_z_scale(v, h) for v, h in zip(values, half, strict=True)])


def _on_z_scale(value: float, half_width: float) -> tuple[float, float]:
    """Interval of a correlation that stays inside [-1, 1]: delta method on Fisher's z."""
    room = 1 - value**2
    if room < 1e-9:
        return max(value - half_width, -1.0), min(value + half_width, 1.0)
    z = np.arctanh(value)
    return float(np.tanh(z - half_width / room)), float(np.tanh(z + half_width / room))
