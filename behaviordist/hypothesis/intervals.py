"""Confidence intervals for statistics of pairs: the behaviors, not the pairs, are the sample."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis.pair_noise import SMOOTH, PairNoise
from behaviordist.hypothesis.pairs import Pairs
from behaviordist.hypothesis.ranks import FloatArray
from behaviordist.hypothesis.relabelling import leave_one_out, multiplicities
from behaviordist.hypothesis.statistic import Resampled, Statistic

Method = Literal["jackknife", "bootstrap"]


def intervals(
    statistic: Statistic,
    pairs: Pairs,
    null: FloatArray,
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
    null
        (K, B) values under relabellings, the observed ones first.
    method
        ``jackknife``: leave out one behavior (its row and its column) at a time, correct for the
        noise of single pairs, Student's t with N - 1 degrees of freedom, on Fisher's z scale for
        correlations. ``bootstrap``: percentiles over samples of behaviors with replacement; pairs
        of two copies of one behavior are no pairs.
    draws
        Bootstrap samples.
    level
        Coverage.
    rng
        Needed by the bootstrap.

    Notes
    -----
    Both treat all pairs of a behavior together (Snijders & Borgatti 1999), and both count the
    noise of single pairs about twice, once for each of its two behaviors (Efron & Stein 1981): on
    their own they cover 98-100 %. The relabelled data hold just that noise, so its variance is the
    null distribution's, ``V0``, shrunk by ``(1 - r^2)^2`` about a correlation r. The jackknife's
    variance V becomes ``max(V - V0 (1 - r^2)^2, 0.6 V)``; `pair_noise` says how and why two-way
    residuals and the measures of the k nearest differ. `benchmarks/hypothesis_nulls.py` measures
    what the intervals cover.
    """
    values = null[:, 0]
    if method == "jackknife":
        noise = null.var(axis=1) * _shrinkage(statistic, values)
        half = half_width(left_out_values(statistic, pairs), noise, level, statistic.pair_noise)
        if not statistic.correlation:
            return np.stack([values - half, values + half], axis=1)
        return np.array([correlation_limits(v, h) for v, h in zip(values, half, strict=True)])
    if not isinstance(statistic, Resampled):
        raise InputError(f"no bootstrap for '{statistic.name}'; use the jackknife")
    generator = rng if rng is not None else np.random.default_rng(0)
    rows, columns = multiplicities(pairs.sources, pairs.targets, draws, generator)
    sample = statistic.resampled(pairs.predictors, pairs.cost, rows, columns)
    tail = (1 - level) / 2
    return np.array([_quantiles(row, (tail, 1 - tail)) for row in sample])


def left_out_values(statistic: Statistic, pairs: Pairs) -> FloatArray:
    """Return (K, N) values of the statistic without each behavior in turn."""
    rows, columns = leave_one_out(pairs.sources, pairs.targets)
    return statistic.kept(pairs.predictors, pairs.cost, rows, columns)


def half_width(
    without: FloatArray,
    noise: FloatArray | float,
    level: float = 0.95,
    counted: PairNoise = SMOOTH,
) -> FloatArray:
    """Half width (K,) of Student's t interval, corrected for the noise of single pairs.

    Parameters
    ----------
    without
        (K, N) values without each behavior.
    noise
        (K,) variance that the noise of single pairs gives the statistic; 0 does not correct.
    level
        Coverage.
    counted
        How the jackknife counts that noise.
    """
    n = without.shape[-1]
    centred = without - without.mean(axis=-1, keepdims=True)
    variance = (n - 1) / n * (centred**2).sum(axis=-1)
    corrected = np.maximum(variance - counted.excess * noise, counted.floor * variance)
    return np.asarray(stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt(corrected))


def _shrinkage(statistic: Statistic, values: FloatArray) -> FloatArray | float:
    return (1 - values**2) ** 2 if statistic.correlation else 1.0


def _quantiles(sample: FloatArray, at: tuple[float, float]) -> FloatArray:
    finite = sample[np.isfinite(sample)]
    if len(finite) < len(sample) / 2:
        return np.full(2, np.nan)
    return np.asarray(np.quantile(finite, at))


def correlation_limits(value: float, half: float) -> tuple[float, float]:
    """Limits of a correlation that stay inside [-1, 1]: delta method on Fisher's z."""
    value = min(max(value, -1.0), 1.0)  # rounding may leave it just outside
    room = 1 - value**2
    if room < 1e-9:
        return max(value - half, -1.0), min(value + half, 1.0)
    z = np.arctanh(value)
    return float(np.tanh(z - half / room)), float(np.tanh(z + half / room))
