"""Crossed random effects: cost = distance + source + target + noise, the two effects random.

Fitted by restricted maximum likelihood. Sources and targets only enter through their counts and
sums, so the algebra is that of (S + T) x (S + T) matrices (Woodbury), not of all pairs: the
general mixed-model routines need the square of the number of pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.jackknife import jackknife_of
from behaviordist.hypothesis.inference.result import PredictorTest
from behaviordist.hypothesis.permutation.products import products
from behaviordist.hypothesis.permutation.ranks import BoolArray, FloatArray
from behaviordist.hypothesis.permutation.relabelling import relabellings
from behaviordist.hypothesis.statistics.additive import normal_equations
from behaviordist.hypothesis.statistics.pair_noise import RELABELLED
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of, make_pairs

BOUND = 12.0


@dataclass(frozen=True)
class MixedFit:
    """Slope with its standard error, and the standard deviations of source, target and noise."""

    slope: float
    standard_error: float
    source_sd: float
    target_sd: float
    noise_sd: float


def fit_mixed(x: FloatArray, y: FloatArray) -> MixedFit:
    """Fit ``y = a + b x + source + target + noise`` by REML to (S, T) matrices; NaN is no pair."""
    mask = np.isfinite(x) & np.isfinite(y)
    columns = [np.where(mask, m, 0.0) for m in (mask.astype(float), x, y)]

    def criterion(log_ratio: FloatArray) -> float:
        return _reml(columns, mask, np.exp(np.clip(log_ratio, -BOUND, BOUND)))

    best = optimize.minimize(
        criterion, np.zeros(2), method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 2000},
    )  # fmt: skip
    ratio = np.exp(np.clip(best.x, -BOUND, BOUND))
    slope, variance, noise = _slope(columns, mask, ratio)
    return MixedFit(
        slope,
        float(np.sqrt(variance)),
        float(np.sqrt(noise * ratio[0])),
        float(np.sqrt(noise * ratio[1])),
        float(np.sqrt(noise)),
    )


def mixed_test(
    distances: Matrix,
    costs: Matrix,
    *,
    gains: bool = False,
    permutations: int = 10_000,
    seed: int = 0,
    strata: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> PredictorTest:
    """Test the slope of cost on distance with crossed random source and target effects.

    Parameters
    ----------
    distances, costs, gains, permutations, seed, strata, units
        As in `transfer_test`. Both are used as numbers, not ranks, and scaled to unit variance.

    Returns
    -------
    PredictorTest
        Standardised slope; one-sided p by relabelling behaviors under the generalised
        least-squares score (residual noise of two pairs of one behavior is dependent, which a
        Wald test ignores); interval by the jackknife over behaviors at the fitted variances.

    Raises
    ------
    InputError
        As `transfer_test`; fewer pairs than effects.
    """
    near, dear = frame_of(distances, "distances"), frame_of(costs, "costs")
    pairs = make_pairs(near, dear, {}, gains=gains, units=units)
    x, y = pairs.predictors[0], pairs.cost
    mask = np.isfinite(x) & np.isfinite(y)
    _check(x, y, mask)
    x, y = (m / np.std(m[mask]) for m in (x, y))
    fitted = fit_mixed(x, y)
    ratio = (np.array([fitted.source_sd, fitted.target_sd]) / fitted.noise_sd) ** 2
    columns = [np.where(mask, m, 0.0) for m in (mask.astype(float), x, y)]
    rng = np.random.default_rng(seed)
    drawn = relabellings(pairs.sources, pairs.targets, permutations, rng, strata, pairs.units)
    weights = _score(columns, mask, ratio)
    feature = np.nan_to_num(x - np.nanmean(x))
    null = products(feature[None], weights, drawn)[0]
    jackknife = jackknife_of(pairs.sources, pairs.targets, pairs.units)
    without = np.array(
        [_slope([m * keep for m in columns], keep, ratio)[0] for keep in jackknife.kept(mask)]
    )
    # The score is the slope times its information; its spread under relabelling scales alike.
    noise = float(null.var()) * (fitted.slope / null[0]) ** 2 if abs(null[0]) > 1e-9 else 0.0
    half = float(jackknife.half_width(without[None], noise, RELABELLED)[0])
    limits = fitted.slope - half, fitted.slope + half
    return PredictorTest.from_null("crossed random effects", fitted.slope, limits, null)


def _check(x: FloatArray, y: FloatArray, mask: BoolArray) -> None:
    if int(mask.sum()) <= sum(mask.shape) + 1:
        raise InputError(
            f"costs: {int(mask.sum())} pairs are too few for random effects of {mask.shape[0]}"
            f" sources and {mask.shape[1]} targets"
        )
    for name, matrix in (("distances", x), ("costs", y)):
        if np.ptp(matrix[mask]) == 0:
            raise InputError(f"{name}: all are equal among the pairs that count")


def _whitener(mask: BoolArray, ratio: FloatArray) -> tuple[FloatArray, float]:
    """Inverse of ``Z'Z + diag(1 / ratio)`` and log determinant of V / noise."""
    s, t = mask.shape
    prior = np.concatenate([np.full(s, ratio[0]), np.full(t, ratio[1])])
    normal = normal_equations(mask)
    normal[np.diag_indices(s + t)] += 1 / prior
    factor = linalg.cho_factor(normal)
    log_determinant = 2 * np.log(np.diag(factor[0])).sum() + np.log(prior).sum()
    return linalg.cho_solve(factor, np.eye(s + t)), float(log_determinant)


def _sums(matrix: FloatArray) -> FloatArray:
    return np.concatenate([matrix.sum(axis=1), matrix.sum(axis=0)])


def _cross_products(
    columns: list[FloatArray], mask: BoolArray, ratio: FloatArray
) -> tuple[FloatArray, float]:
    """``M' V^-1 M`` for M = (1, x, y), with V in units of the noise variance."""
    inverse, log_determinant = _whitener(mask, ratio)
    flat = np.stack([m.ravel() for m in columns])
    sums = np.stack([_sums(m) for m in columns])
    return flat @ flat.T - sums @ inverse @ sums.T, log_determinant


def _reml(columns: list[FloatArray], mask: BoolArray, ratio: FloatArray) -> float:
    """-2 restricted log likelihood, the noise variance profiled out, up to a constant."""
    cross, log_determinant = _cross_products(columns, mask, ratio)
    design = cross[:2, :2]
    rest = cross[2, 2] - cross[2, :2] @ np.linalg.pinv(design) @ cross[:2, 2]
    n = int(mask.sum()) - 2
    # A fit without any noise has no likelihood; the floor keeps the search finite.
    noise = n * np.log(max(float(rest), 1e-12 * cross[2, 2]))
    return float(noise + log_determinant + np.linalg.slogdet(design)[1])


def _slope(
    columns: list[FloatArray], mask: BoolArray, ratio: FloatArray
) -> tuple[float, float, float]:
    """Slope, its variance, and the noise variance, at given variance ratios."""
    cross, _ = _cross_products(columns, mask, ratio)
    inverse = np.linalg.pinv(cross[:2, :2])
    beta = inverse @ cross[:2, 2]
    noise = max(float(cross[2, 2] - cross[2, :2] @ beta), 0.0) / max(int(mask.sum()) - 2, 1)
    return float(beta[1]), float(noise * inverse[1, 1]), float(noise)


def _score(columns: list[FloatArray], mask: BoolArray, ratio: FloatArray) -> FloatArray:
    """``V^-1 (y - mean)``: what a distance is multiplied with in the score of its slope at 0."""
    cross, _ = _cross_products(columns, mask, ratio)
    centred = columns[2] - mask * (cross[0, 2] / cross[0, 0])
    inverse, _ = _whitener(mask, ratio)
    effects = inverse @ _sums(centred)
    s = mask.shape[0]
    return np.asarray(mask * (centred - effects[:s, None] - effects[None, s:]))
