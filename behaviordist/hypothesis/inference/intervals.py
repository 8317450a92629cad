"""Confidence intervals for statistics of pairs: units, not pairs, are the sample."""

from __future__ import annotations

from typing import Literal

import numpy as np

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.jackknife import Jackknife, jackknife_of
from behaviordist.hypothesis.inference.result import PredictorTest
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.permutation.relabelling import multiplicities
from behaviordist.hypothesis.statistics.pair_noise import RELABELLED, pair_variance
from behaviordist.hypothesis.statistics.statistic import Resampled, Statistic
from behaviordist.hypothesis.tables.pairs import Pairs

Method = Literal["jackknife", "bootstrap"]
TAIL = (1 - 0.95) / 2


def intervals(
    statistic: Statistic,
    pairs: Pairs,
    values: FloatArray,
    method: Method = "jackknife",
    draws: int = 2_000,
    rng: np.random.Generator | None = None,
) -> FloatArray:
    """Return (K, 2) 95 % confidence limits of the statistic of each predictor.

    Parameters
    ----------
    statistic, pairs
        What is computed, and on what.
    values
        (K,) values of the statistic.
    method
        ``jackknife``: leave out one unit (rows and columns) at a time, or one source and one
        target at a time where these are different things (`jackknife_of`); correct for the noise
        of single pairs; Student's t, on Fisher's z scale for correlations. ``bootstrap``:
        percentiles over samples of units with replacement; pairs of two copies of one behavior
        are no pairs.
    draws
        Bootstrap samples.
    rng
        Needed by the bootstrap.

    Notes
    -----
    Both treat all pairs of a behavior together (Snijders & Borgatti 1999), and both count the
    noise of single pairs about twice, once for each of its two behaviors (Efron & Stein 1981): on
    their own they cover 98-100 %. That noise shows when single pairs are left out
    (`pair_variance`), and is taken off the jackknife's variance V, down to a share of V:
    ``max(V - excess * P, floor * V)``, with the numbers in `pair_noise`, set so that intervals
    cover 95 % in simulations of 10 to 30 behaviors (`benchmarks/hypothesis_nulls.py`).
    """
    if method == "jackknife":
        noise = pair_noise_of(pairs, statistic.pair_effects(pairs.predictors, pairs.cost))
        without, jackknife = left_out_values(statistic, pairs)
        half = jackknife.half_width(without, noise, statistic.pair_noise)
        if not statistic.correlation:
            # What is no correlation is a share of the best that can be had: at most 1.
            return np.stack([values - half, np.minimum(values + half, 1.0)], axis=1)
        return np.array([correlation_limits(v, h) for v, h in zip(values, half, strict=True)])
    if method != "bootstrap":
        raise InputError(f"unknown interval '{method}'; known: jackknife, bootstrap")
    if not isinstance(statistic, Resampled):
        raise InputError(f"no bootstrap for '{statistic.name}'; use the jackknife")
    generator = rng if rng is not None else np.random.default_rng(0)
    rows, columns = multiplicities(pairs.sources, pairs.targets, draws, generator, pairs.units)
    sample = statistic.resampled(pairs.predictors, pairs.cost, rows, columns)
    return np.array([_quantiles(row) for row in sample])


def correlation_test(
    name: str, null: FloatArray, without: FloatArray, jackknife: Jackknife
) -> PredictorTest:
    """Return the test of a correlation from values (B,) and those without each unit in turn.

    `null` has the observed value first; its variance is the noise of single pairs.
    """
    noise = float(null.var() * (1 - null[0] ** 2) ** 2)
    half = float(jackknife.half_width(without[None], noise, RELABELLED)[0])
    limits = correlation_limits(float(null[0]), half)
    return PredictorTest.from_null(name, null[0], limits, null)


def left_out_values(statistic: Statistic, pairs: Pairs) -> tuple[FloatArray, Jackknife]:
    """Return (K, B) values of the statistic without each unit in turn, and what was left out."""
    jackknife = jackknife_of(pairs.sources, pairs.targets, pairs.units)
    values = statistic.kept(pairs.predictors, pairs.cost, jackknife.rows, jackknife.columns)
    return values, jackknife


def pair_noise_of(pairs: Pairs, effects: FloatArray) -> FloatArray:
    """Return the variance (K,) that single pairs of units make; `effects` are (K, S, T)."""
    return pair_variance(effects, pairs.sources, pairs.targets, pairs.units)


def _quantiles(sample: FloatArray) -> FloatArray:
    finite = sample[np.isfinite(sample)]
    if len(finite) < len(sample) / 2:
        return np.full(2, np.nan)
    return np.asarray(np.quantile(finite, (TAIL, 1 - TAIL)))


def correlation_limits(value: float, half: float) -> tuple[float, float]:
    """Limits of a correlation that stay inside [-1, 1]: delta method on Fisher's z."""
    value = min(max(value, -1.0), 1.0)  # rounding may leave it just outside
    room = 1 - value**2
    if room < 1e-9:
        return max(value - half, -1.0), min(value + half, 1.0)
    z = np.arctanh(value)
    return float(np.tanh(z - half / room)), float(np.tanh(z + half / room))
