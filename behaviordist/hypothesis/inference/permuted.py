"""What the test and the leaderboard begin with: pairs, their baselines, and the null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis.inference.baselines import random_distances, source_quality
from behaviordist.hypothesis.inference.result import PredictorTest
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.permutation.relabelling import Relabelling, relabellings
from behaviordist.hypothesis.statistics.statistic import Statistic, statistic_named
from behaviordist.hypothesis.tables.pairs import (
    Matrix,
    Pairs,
    frame_of,
    make_pairs,
)

DISTANCE = "distance"
SOURCE_QUALITY = "source quality"
LABEL = "same unit"
RANDOM = "random"


@dataclass(frozen=True)
class Permuted:
    """Predictors and costs on the same pairs, and the statistic of each relabelling.

    Attributes
    ----------
    method
        The statistic.
    pairs
        Costs and predictors: the distances, the baselines given, source quality, random.
    drawn
        The relabellings, the identity first.
    null
        (K, B) values of every predictor under every relabelling.
    rng
        For what else is drawn: it has given the random baseline and the relabellings.
    """

    method: Statistic
    pairs: Pairs
    drawn: Relabelling
    null: FloatArray
    rng: np.random.Generator

    @property
    def n_permutations(self) -> int:
        """How many relabellings there are; the identity counts where all are listed."""
        return len(self.drawn) - (0 if self.drawn.exact else 1)

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that these relabellings can give."""
        return 1 / len(self.drawn)

    def drawn_null(self, k: int) -> FloatArray:
        """Return predictor k under all relabellings; the identity only where every order is."""
        return self.null[k, 0 if self.drawn.exact else 1 :]

    def estimates(self, limits: FloatArray) -> list[PredictorTest]:
        """Put values, limits (K, 2) and p-values together."""
        return [
            PredictorTest.from_null(name, null[0], (low, high), null)
            for name, null, (low, high) in zip(self.pairs.names, self.null, limits, strict=True)
        ]


def permuted(
    distances: Mapping[str, Matrix],
    costs: Matrix,
    *,
    predictors: Mapping[str, Matrix] | None = None,
    baselines: Mapping[str, Matrix] | None = None,
    gains: bool = False,
    statistic: str,
    permutations: int,
    seed: int = 0,
    censored: Matrix | None = None,
    invalid: Mapping[str, Sequence[str]] | None = None,
    strata: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> Permuted:
    """Align tables, add the baselines and relabel; arguments as in `transfer_test`.

    Raises
    ------
    InputError
        As `transfer_test` and `leaderboard`.
    """
    method = statistic_named(statistic)
    if permutations < 1:
        raise InputError(f"permutations is {permutations}: at least 1 is needed")
    if seed < 0:
        raise InputError(f"seed is {seed}: a seed is 0 or more")
    rng = np.random.default_rng(seed)
    others = _others(distances, predictors or {}, baselines or {})
    pairs = _pairs(distances, costs, others, censored, gains, invalid, units)
    _check_spread(pairs, list(distances))
    pairs = with_own_baselines(pairs, method, rng)
    drawn = relabellings(pairs.sources, pairs.targets, permutations, rng, strata, pairs.units)
    null = method.permuted(pairs.predictors, pairs.cost, drawn)
    return Permuted(method, pairs, drawn, null, rng)


def _others(
    distances: Mapping[str, Matrix],
    predictors: Mapping[str, Matrix],
    baselines: Mapping[str, Matrix],
) -> dict[str, Matrix]:
    """Predictors and baselines in one; `InputError` for a name that two of the three have."""
    names = [*distances, *predictors, *baselines]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"'{twice[0]}' is given twice, as distance, predictor or baseline")
    return {**predictors, **baselines}


def _pairs(
    distances: Mapping[str, Matrix],
    costs: Matrix,
    others: Mapping[str, Matrix],
    censored: Matrix | None,
    gains: bool,
    invalid: Mapping[str, Sequence[str]] | None,
    units: Mapping[str, str] | None,
) -> Pairs:
    if not distances:
        raise InputError("no predictor: give at least one distance")
    near = {name: frame_of(matrix, _called(name)) for name, matrix in distances.items()}
    first, *rest = near
    further = {name: near[name] for name in rest}
    further |= {name: frame_of(matrix, f"'{name}'") for name, matrix in others.items()}
    # A TransferMatrix brings its own shares of censored runs.
    brought = None if isinstance(costs, pd.DataFrame) else getattr(costs, "censored", None)
    share = brought if censored is None else censored
    return make_pairs(
        near[first],
        frame_of(costs, "costs"),
        further,
        None if share is None else frame_of(share, "censored"),
        gains,
        invalid,
        name=first,
        units=units,
    )


def _check_spread(pairs: Pairs, distances: Sequence[str]) -> None:
    used = np.isfinite(pairs.cost)
    for name, values in zip(distances, pairs.predictors, strict=False):
        known = values[used & np.isfinite(values)]
        if not known.size or np.ptp(known) == 0:
            raise InputError(f"{_called(name)}: all are equal; there is nothing to rank")


def _called(name: str) -> str:
    """Name a distance in a message: the only one of a test has no name of its own."""
    return "distances" if name == DISTANCE else f"distance '{name}'"


def with_own_baselines(pairs: Pairs, method: Statistic, rng: np.random.Generator) -> Pairs:
    """Add source quality (unless the statistic is blind to it), the label and a random predictor.

    The label knows one thing, whether source and target are of one unit; where no unit has two
    members it says nothing and is left away.
    """
    references = {RANDOM: random_distances(pairs.sources, pairs.targets, rng)}
    if np.ptp(pairs.across[np.isfinite(pairs.cost)]) > 0:
        references = {LABEL: pairs.across, **references}
    if not method.removes_source_effects:
        # Once source effects are removed, leaving one target out of a source's mean would leave
        # minus the cost of that very pair: an artefact, not a baseline.
        references = {SOURCE_QUALITY: source_quality(pairs.cost), **references}
    unknown = np.isnan(pairs.predictors[0])
    return pairs.with_predictors({n: np.where(unknown, np.nan, m) for n, m in references.items()})
