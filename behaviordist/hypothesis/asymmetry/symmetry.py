"""Symmetric distances meet asymmetric costs: the two parts of both, tested apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.intervals import correlation_limits
from behaviordist.hypothesis.inference.jackknife import jackknife_of
from behaviordist.hypothesis.inference.result import PredictorTest
from behaviordist.hypothesis.permutation.products import products
from behaviordist.hypothesis.permutation.ranks import BoolArray, FloatArray, whole_midranks
from behaviordist.hypothesis.permutation.relabelling import relabellings
from behaviordist.hypothesis.statistics.additive import Subsets
from behaviordist.hypothesis.statistics.pair_noise import RELABELLED
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of, make_pairs


@dataclass(frozen=True)
class SymmetryParts:
    """What of the costs is symmetric, and how the distance relates to each part.

    Attributes
    ----------
    antisymmetric_share
        Share of the costs' variance, source and target effects removed, that differs between
        A -> B and B -> A; no symmetric distance can explain it.
    symmetric, antisymmetric
        Correlation of the parts; `antisymmetric` is None for a symmetric distance.
    """

    antisymmetric_share: float
    symmetric: PredictorTest
    antisymmetric: PredictorTest | None


def symmetry_parts(
    distances: Matrix,
    costs: Matrix,
    *,
    gains: bool = False,
    permutations: int = 10_000,
    seed: int = 0,
    strata: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> SymmetryParts:
    """Split ranked costs and distances, effects removed, into symmetric and antisymmetric parts.

    Parameters
    ----------
    distances, costs, gains, permutations, seed, strata, units
        As in `transfer_test`; the costs must be square. Only pairs with both directions count.

    Raises
    ------
    InputError
        As `transfer_test`; rectangular costs.
    """
    near, dear = frame_of(distances, "distances"), frame_of(costs, "costs")
    pairs = make_pairs(near, dear, {}, gains=gains, units=units)
    if pairs.sources != pairs.targets:
        raise InputError("costs: only a square table has a symmetric and an antisymmetric part")
    rng = np.random.default_rng(seed)
    drawn = relabellings(pairs.sources, pairs.targets, permutations, rng, strata, pairs.units)
    mask = np.isfinite(pairs.cost) & np.isfinite(pairs.predictors[0])
    mask &= mask.T
    n = len(pairs.sources)
    jackknife = jackknife_of(pairs.sources, pairs.targets, pairs.units)
    keeps = [mask & (r > 0)[:, None] & (r > 0)[None, :] for r in jackknife.rows]
    parts = [_parts(pairs.predictors[0], pairs.cost, keep) for keep in (mask, *keeps)]
    tests: list[PredictorTest | None] = []
    for i, name in enumerate(("symmetric", "antisymmetric")):
        x, y = parts[0][0][i], parts[0][1][i]
        length = np.sqrt((x**2).sum() * (y**2).sum())
        if (x**2).sum() < 1e-6 * n:
            tests.append(None)
            continue
        r = products(x[None], y, drawn)[0] / max(length, 1e-9)
        without = np.array([_correlation(a[i], b[i]) for a, b in parts[1:]])
        noise = float(r.var() * (1 - r[0] ** 2) ** 2)
        half = float(jackknife.half_width(without[None], noise, RELABELLED)[0])
        tests.append(PredictorTest.from_null(name, r[0], correlation_limits(float(r[0]), half), r))
    symmetric, antisymmetric = tests
    if symmetric is None:
        raise InputError("distances: nothing is left once source and target effects are removed")
    costs_parts = parts[0][1]
    share = (costs_parts[1] ** 2).sum() / sum((p**2).sum() for p in costs_parts)
    return SymmetryParts(float(share), symmetric, antisymmetric)


def _parts(
    distance: FloatArray, cost: FloatArray, mask: BoolArray
) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """Symmetric and antisymmetric parts of the residuals of distance and cost."""
    split = []
    for matrix in (distance, cost):
        ranks = whole_midranks(np.where(mask, matrix, np.nan))
        known = np.isfinite(ranks)
        centre = ranks[known].mean() if known.any() else 0.0
        centred = np.where(known, ranks - centre, 0.0)
        rest = Subsets(mask[None]).residuals(centred[None])[0]
        split.append(((rest + rest.T) / 2, (rest - rest.T) / 2))
    return split[0], split[1]


def _correlation(x: FloatArray, y: FloatArray) -> float:
    length = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / length) if length > 1e-9 else 0.0
