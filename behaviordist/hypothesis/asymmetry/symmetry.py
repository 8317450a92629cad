"""Symmetric and antisymmetric parts of distances and costs, each correlated and tested.

For ranks, with source and target effects removed; `antisymmetric` takes two tables as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.intervals import correlation_test
from behaviordist.hypothesis.inference.jackknife import jackknife_of
from behaviordist.hypothesis.inference.result import PredictorTest
from behaviordist.hypothesis.permutation.products import products
from behaviordist.hypothesis.permutation.ranks import BoolArray, FloatArray, whole_midranks
from behaviordist.hypothesis.permutation.relabelling import relabellings
from behaviordist.hypothesis.statistics.additive import Subsets
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of, make_pairs


@dataclass(frozen=True)
class SymmetryParts:
    """What of the costs is symmetric, and how the distance relates to each part.

    Attributes
    ----------
    antisymmetric_share
        Share of the variance of the costs' ranks, source and target effects of ranks removed, that
        differs between A -> B and B -> A; no symmetric distance can explain it. Ranking bends
        additive effects: a little is left of those, too.
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
        As in `transfer_test`; the costs must be square. Only pairs with both directions count, in
        each table by itself: under a relabelling other pairs are known in both, and the correlation
        is over those.

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
    n = len(pairs.sources)
    jackknife = jackknife_of(pairs.sources, pairs.targets, pairs.units)
    whole = np.ones((n, n), bool)
    every = [whole, *jackknife.kept(whole)]
    near_parts, cost_parts = (
        [_parts(table, _both_ways(table) & keep) for keep in every]
        for table in (pairs.predictors[0], pairs.cost)
    )
    tests: list[PredictorTest | None] = []
    for i, name in enumerate(("symmetric", "antisymmetric")):
        x, y = near_parts[0][i], cost_parts[0][i]
        if (x.values**2).sum() < 1e-6 * n:
            tests.append(None)
            continue
        shared = products((x.values**2)[None], y.known, drawn)[0]
        length = np.sqrt(shared * products(x.known[None], y.values**2, drawn)[0])
        r = products(x.values[None], y.values, drawn)[0] / np.maximum(length, 1e-9)
        without = np.array(
            [_correlation(a[i], b[i]) for a, b in zip(near_parts[1:], cost_parts[1:], strict=True)]
        )
        tests.append(correlation_test(name, r, without, jackknife))
    symmetric, antisymmetric = tests
    if symmetric is None:
        raise InputError("distances: nothing is left once source and target effects are removed")
    squares = [(part.values**2).sum() for part in cost_parts[0]]
    if not sum(squares) > 0:
        raise InputError(
            "costs: nothing is left in both directions once source and target effects are removed"
        )
    return SymmetryParts(float(squares[1] / sum(squares)), symmetric, antisymmetric)


class _Part(NamedTuple):
    """One part of a table's residuals (0 where a pair is not known both ways), and where it is."""

    values: FloatArray
    known: FloatArray


def _both_ways(table: FloatArray) -> BoolArray:
    known = np.isfinite(table)
    return known & known.T


def _parts(table: FloatArray, mask: BoolArray) -> tuple[_Part, _Part]:
    """Return symmetric and antisymmetric parts of a table's ranks, effects removed."""
    ranks = whole_midranks(np.where(mask, table, np.nan))
    known = np.isfinite(ranks)
    centre = ranks[known].mean() if known.any() else 0.0
    rest = Subsets(mask[None]).residuals(np.where(known, ranks - centre, 0.0)[None])[0]
    given = known.astype(np.float64)
    return _Part((rest + rest.T) / 2, given), _Part((rest - rest.T) / 2, given)


def _correlation(x: _Part, y: _Part) -> float:
    length = np.sqrt((x.values**2 * y.known).sum() * (y.values**2 * x.known).sum())
    return float((x.values * y.values).sum() / length) if length > 1e-9 else 0.0
