"""How many behaviors and seeds it takes: power of p and of the whole verdict, by simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis.designs import Design, study
from behaviordist.hypothesis.inference.intervals import intervals
from behaviordist.hypothesis.inference.verdict import VerdictRule
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.permutation.relabelling import Relabelling, relabellings
from behaviordist.hypothesis.statistics.two_way import TwoWay
from behaviordist.hypothesis.statistics.within_target import WithinTargetSpearman
from behaviordist.hypothesis.tables.pairs import Pairs

CALIBRATION = 20
LARGE = 60
STEPS = 16


@dataclass(frozen=True)
class PowerTable:
    """Chance of finding an effect, and of supporting it, for numbers of behaviors and seeds.

    Attributes
    ----------
    rho
        True within-target Spearman of distance and noise-free cost.
    reliability
        Share of a single seed's cost variance inside a target that repeats with another seed.
    rule, power
        The verdict's rule, and the power that counts as enough.
    behaviors, seeds
        Sizes that were tried.
    significant
        (len(behaviors), len(seeds)) share of simulated studies with p <= alpha.
    supported
        The same of those whose verdict is "supported": the interval lies above zero and the
        distance counts with source effects removed, too.
    standard_error
        Largest Monte Carlo standard error in the table.
    """

    rho: float
    reliability: float
    rule: VerdictRule
    power: float
    behaviors: tuple[int, ...]
    seeds: tuple[int, ...]
    significant: FloatArray
    supported: FloatArray
    standard_error: float

    @property
    def table(self) -> pd.DataFrame:
        """Return `supported` with the numbers of behaviors as rows and of seeds as columns."""
        return pd.DataFrame(self.supported, list(self.behaviors), list(self.seeds))

    def smallest(self, share: FloatArray | None = None) -> tuple[int, int] | None:
        """Return the design with the fewest runs, N (N - 1) x seeds, that has enough power.

        `share` is `supported` (default) or `significant`.
        """
        reached = self.supported if share is None else share
        enough = [
            (n * (n - 1) * k, n, k)
            for i, n in enumerate(self.behaviors)
            for j, k in enumerate(self.seeds)
            if reached[i, j] >= self.power
        ]
        if not enough:
            return None
        _, n, k = min(enough)
        return n, k

    def sentence(self) -> str:
        """Return the answer in one plain sentence."""
        best, alone = self.smallest(), self.smallest(self.significant)
        p = f"p <= {self.rule.alpha:g} alone"
        if best is None:
            return (
                f"No design in the table supports rho = {self.rho:g} with {self.power:.0%} power;"
                f" the best has {self.supported.max():.0%} ({p}: {self.significant.max():.0%})."
            )
        n, seeds = best
        needs = "" if alone is None else f"; for {p} {alone[0]} and {alone[1]}"
        return (
            f"To support rho = {self.rho:g} with {self.power:.0%} power you need about"
            f" {n} behaviors and {seeds} seed(s) ({n * (n - 1) * seeds} transfer runs{needs})."
        )


def power(
    rho: float = 0.3,
    *,
    reliability: float = 1.0,
    behaviors: Sequence[int] = (6, 8, 10, 12, 14, 16, 20, 24, 30),
    seeds: Sequence[int] = (1, 2, 3),
    source_share: float = 0.0,
    units: Mapping[str, str] | None = None,
    rule: VerdictRule | None = None,
    power: float = 0.8,
    studies: int = 400,
    permutations: int = 199,
    seed: int = 0,
) -> PowerTable:
    """Simulate studies of several sizes and count how often the test finds the effect.

    Parameters
    ----------
    rho
        Effect: within-target Spearman of distance and noise-free cost, in (0, 1).
    reliability
        Of a single seed's costs inside a target, in (0, 1]; with the split-half correlation r of
        k seeds against k seeds it is ``r / (k - (k - 1) r)`` (Spearman-Brown backwards).
    behaviors, seeds
        Sizes to try.
    source_share
        Share of the residual cost variance that is the source's quality, in [0, 1).
    units
        Unit of each behavior of one design, which is then the only one tried (instead of
        `behaviors`). Members of a unit share most of their place and half of their pairs' noise.
    rule, power
        The verdict's rule, default `VerdictRule()`, and the power that is enough.
    studies, permutations, seed
        Simulated studies of each size, relabellings in each, seed.

    Returns
    -------
    PowerTable

    Raises
    ------
    InputError
        A number out of its range.

    Notes
    -----
    Behaviors are points in three dimensions. Noise-free cost is distance plus a residual, of
    which `source_share` belongs to the source; its size is set so that the statistic of large
    studies is `rho`. Each seed adds noise according to `reliability`. Power is lower where
    distances have more structure than points in space (clusters), and is checked by simulation
    with the same test that will be used.
    """
    _check(rho, reliability, source_share, behaviors, seeds)
    if studies < 1 or permutations < 1:
        raise InputError("simulated studies and permutations are at least 1")
    if seed < 0:
        raise InputError(f"seed is {seed}: a seed is 0 or more")
    rng, rule = np.random.default_rng(seed), rule or VerdictRule()
    designs = [Design.single(n) for n in behaviors] if units is None else [Design.of(units)]
    slope = _slope_for(rho, source_share, rng, designs[0])
    shares = np.empty((2, len(designs), len(seeds)))
    for i, design in enumerate(designs):
        for j, k in enumerate(seeds):
            simulated = [
                _finds(design, k, slope, reliability, source_share, rule, permutations, rng)
                for _ in range(studies)
            ]
            shares[:, i, j] = np.mean(simulated, axis=0)
    error = float(np.sqrt(shares * (1 - shares) / studies).max())
    sizes = tuple(len(design.labels) for design in designs), tuple(seeds)
    return PowerTable(rho, reliability, rule, power, *sizes, shares[0], shares[1], error)


def single_seed_reliability(half: float, seeds_per_half: int) -> float:
    """Reliability of one seed from the correlation of two halves of k seeds each."""
    return half / (seeds_per_half - (seeds_per_half - 1) * half)


def _check(
    rho: float, reliability: float, share: float, behaviors: Sequence[int], seeds: Sequence[int]
) -> None:
    if not 0 < rho < 1:
        raise InputError(f"rho is {rho}; it lies between 0 and 1")
    if not 0 < reliability <= 1:
        raise InputError(f"reliability is {reliability}; it lies above 0 and is at most 1")
    if not 0 <= share < 1:
        raise InputError(f"source share is {share}; it lies between 0 and 1")
    if min(behaviors) < 4 or min(seeds) < 1:
        raise InputError("a study has at least 4 behaviors and 1 seed")


def _value(distance: FloatArray, cost: FloatArray, drawn: Relabelling) -> FloatArray:
    values: FloatArray = WithinTargetSpearman().permuted(distance[None], cost, drawn)[0]
    return values


def _slope_for(rho: float, share: float, rng: np.random.Generator, design: Design) -> float:
    """Bisect for the slope at which large studies have the wanted statistic on average."""
    seeds = rng.integers(0, 2**32, size=CALIBRATION)
    large = design.tiled(LARGE) if design.shared else Design.single(LARGE)
    identity = Relabelling.identity((len(large.unit),) * 2)

    def reached(slope: float) -> float:
        studies = (study(large, slope, share, np.random.default_rng(s)) for s in seeds)
        return float(np.mean([_value(d, c, identity)[0] for d, c in studies]))

    low, high = 0.0, 1.0
    while reached(high) < rho:
        high *= 2
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) < rho else (low, middle)
    return (low + high) / 2


def _finds(
    design: Design,
    seeds: int,
    slope: float,
    reliability: float,
    share: float,
    rule: VerdictRule,
    permutations: int,
    rng: np.random.Generator,
) -> tuple[bool, bool]:
    """Simulate one study: whether p <= alpha, and whether the verdict is "supported"."""
    distance, cost = study(design, slope, share, rng)
    signal = float(np.nanvar(cost - np.nanmean(cost, axis=0)))
    noise = np.sqrt(signal * (1 - reliability) / reliability / seeds)
    cost = cost + noise * rng.normal(size=cost.shape)
    np.fill_diagonal(cost, np.nan)
    labels = design.labels
    drawn = relabellings(labels, labels, permutations, rng, units=design.units)
    p = _p(_value(distance, cost, drawn))
    if p > rule.alpha:
        return False, False
    pairs = Pairs(labels, labels, cost, ("distance",), distance[None], (), (), 0, 0, design.units)
    statistic = WithinTargetSpearman()
    value = statistic.permuted(pairs.predictors, cost, Relabelling.identity(cost.shape))[:, 0]
    low, high = intervals(statistic, pairs, value)[0]
    beyond = _p(TwoWay().permuted(pairs.predictors, cost, drawn)[0])
    return True, rule.decide(low, high, p, beyond) == "supported"


def _p(null: FloatArray) -> float:
    return float(np.mean(null >= null[0] - 1e-12))
