"""Distance beyond other predictors: regression under relabelled behaviors (MRQAP).

Costs and predictors are ranked inside each target and standardised there, so targets' effects are
out; costs are regressed on all predictors at once. The null of one predictor is made by double
semi-partialling (Dekker, Krackhardt & Snijders 2007): its part that the others do not explain is
relabelled, and the t statistic of its coefficient is compared, which stays valid when predictors
are correlated with each other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import linalg

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.intervals import correlation_test
from behaviordist.hypothesis.inference.jackknife import Jackknife, jackknife_of
from behaviordist.hypothesis.inference.permuted import RANDOM, with_own_baselines
from behaviordist.hypothesis.inference.result import PredictorTest
from behaviordist.hypothesis.permutation.products import products
from behaviordist.hypothesis.permutation.ranks import (
    FloatArray,
    column_midranks,
    ratio,
    standardised_columns,
)
from behaviordist.hypothesis.permutation.relabelling import Relabelling, relabellings
from behaviordist.hypothesis.statistics.statistic import statistic_named
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of, make_pairs


def partial_test(
    distances: Matrix,
    costs: Matrix,
    *,
    beyond: Mapping[str, Matrix] | None = None,
    gains: bool = False,
    ranks: bool = True,
    permutations: int = 10_000,
    seed: int = 0,
    strata: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> tuple[PredictorTest, ...]:
    """Test each predictor beyond all others: the distance, those of `beyond`, source quality.

    Parameters
    ----------
    distances, costs, gains, permutations, seed, strata, units
        As in `transfer_test`.
    beyond
        Further predictors by name; source quality is added.
    ranks
        Whether values are ranked inside targets first. Ranks resist outliers, but bend: two
        noisy copies of one cause keep a small partial rank correlation. Where a predictor is to
        be explained away altogether and relations are straight, use the values themselves.

    Returns
    -------
    tuple of PredictorTest
        Partial within-target rank correlations, the distance first; one-sided p-values; 95 %
        intervals by the jackknife over behaviors. NaN for a further predictor that the others
        determine.

    Raises
    ------
    InputError
        As `transfer_test`; a distance that the others determine.
    """
    rng = np.random.default_rng(seed)
    named = {name: frame_of(m, f"'{name}'") for name, m in (beyond or {}).items()}
    pairs = make_pairs(
        frame_of(distances, "distances"), frame_of(costs, "costs"), named, gains=gains, units=units
    )
    pairs = with_own_baselines(pairs, statistic_named("within-target"), rng).dropping(RANDOM)
    drawn = relabellings(pairs.sources, pairs.targets, permutations, rng, strata, pairs.units)
    x, y = standardised(pairs.predictors, pairs.cost, ranks)
    jackknife = jackknife_of(pairs.sources, pairs.targets, pairs.units)
    keeps = jackknife.kept(np.ones(pairs.cost.shape, dtype=bool))
    costs_left = (np.where(keep, pairs.cost, np.nan) for keep in keeps)
    without = np.array(
        [_partials(*standardised(pairs.predictors, cost, ranks)) for cost in costs_left]
    )
    return tuple(
        _estimate(name, k, x, y, drawn, without[:, k], jackknife)
        for k, name in enumerate(pairs.names)
    )


def standardised(
    predictors: FloatArray, cost: FloatArray, ranks: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Ranks or values inside each target, over the pairs that all have: (K, S, T) and (S, T)."""
    both = np.isfinite(cost) & np.isfinite(predictors).all(axis=0)
    kept = [np.where(both, matrix, np.nan) for matrix in (*predictors, cost)]
    scaled = [standardised_columns(column_midranks(m) if ranks else m) for m in kept]
    return np.stack(scaled[:-1]), scaled[-1]


def _partials(x: FloatArray, y: FloatArray) -> FloatArray:
    """Partial correlation (K,) of each predictor with `y`, given all others."""
    partials = []
    for k in range(len(x)):
        rest, basis = _residual(x, k)
        cost = y.ravel() - basis @ (basis.T @ y.ravel())
        length = np.sqrt((rest @ rest) * (cost @ cost))
        partials.append(rest @ cost / length if length > 1e-9 else 0.0)
    return np.array(partials)


def _residual(x: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
    """Return the part of predictor k that others do not explain, and the others' basis."""
    flat = x.reshape(len(x), -1)
    others = np.delete(flat, k, axis=0).T
    basis = linalg.orth(others, rcond=1e-9) if others.shape[1] else others
    return flat[k] - basis @ (basis.T @ flat[k]), basis


def _estimate(
    name: str,
    k: int,
    x: FloatArray,
    y: FloatArray,
    drawn: Relabelling,
    without: FloatArray,
    jackknife: Jackknife,
) -> PredictorTest:
    rest, basis = _residual(x, k)
    if rest @ rest < 1e-9 * (x[k] ** 2).sum():
        if k == 0:
            raise InputError("the distance is determined by the other predictors; leave one out")
        return PredictorTest(name, np.nan, np.nan, np.nan, np.nan)
    cost = y.ravel() - basis @ (basis.T @ y.ravel())
    features = np.vstack([cost, basis.T]).reshape(-1, *y.shape)
    moved = products(features, rest.reshape(y.shape), drawn)
    # |M e|^2 under each relabelling: what the others' basis explains of the moved part goes off.
    square = (rest @ rest) - (moved[1:] ** 2).sum(axis=0)
    r = ratio(moved[0], np.sqrt(np.maximum(square, 0.0) * (cost @ cost)))
    # t grows with r at fixed degrees of freedom, so their orders, and p, are the same.
    return correlation_test(name, r, without, jackknife)
