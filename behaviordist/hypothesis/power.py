"""How many behaviors and seeds it takes to see an effect: power of the test, by simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.permutation.relabelling import Relabelling, relabellings
from behaviordist.hypothesis.statistics.within_target import WithinTargetSpearman

DIMENSION = 3
CALIBRATION = 20
LARGE = 60
STEPS = 16


@dataclass(frozen=True)
class PowerTable:
    """Chance of finding an effect, for numbers of behaviors and seeds.

    Attributes
    ----------
    rho
        True within-target Spearman of distance and noise-free cost.
    reliability
        Share of a single seed's cost variance inside a target that repeats with another seed.
    alpha, wanted
        Level of the test, and the power that counts as enough.
    behaviors, seeds
        Sizes that were tried.
    found
        (len(behaviors), len(seeds)) share of simulated studies with p <= alpha.
    standard_error
        Largest Monte Carlo standard error in the table.
    """

    rho: float
    reliability: float
    alpha: float
    wanted: float
    behaviors: tuple[int, ...]
    seeds: tuple[int, ...]
    found: FloatArray
    standard_error: float

    @property
    def table(self) -> pd.DataFrame:
        """Return `found` with the numbers of behaviors as rows and of seeds as columns."""
        return pd.DataFrame(self.found, list(self.behaviors), list(self.seeds))

    def smallest(self) -> tuple[int, int] | None:
        """Return the design with the fewest runs, N (N - 1) x seeds, that has enough power."""
        enough = [
            (n * (n - 1) * k, n, k)
            for i, n in enumerate(self.behaviors)
            for j, k in enumerate(self.seeds)
            if self.found[i, j] >= self.wanted
        ]
        if not enough:
            return None
        _, n, k = min(enough)
        return n, k

    def sentence(self) -> str:
        """Return the answer in one plain sentence."""
        best = self.smallest()
        if best is None:
            return (
                f"No design in the table detects rho = {self.rho:g} with {self.wanted:.0%} power;"
                f" the largest has {self.found.max():.0%}."
            )
        n, seeds = best
        return (
            f"To detect rho = {self.rho:g} with {self.wanted:.0%} power at"
            f" {self.alpha:.0%} you need about {n} behaviors and {seeds} seed(s)"
            f" ({n * (n - 1) * seeds} transfer runs)."
        )


def power(
    rho: float = 0.3,
    *,
    reliability: float = 1.0,
    behaviors: Sequence[int] = (6, 8, 10, 12, 14, 16, 20, 24, 30),
    seeds: Sequence[int] = (1, 2, 3),
    source_share: float = 0.0,
    alpha: float = 0.05,
    wanted: float = 0.8,
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
    alpha, wanted
        Level of the one-sided test, and the power that is enough.
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
    rng = np.random.default_rng(seed)
    slope = _slope_for(rho, source_share, rng)
    found = np.empty((len(behaviors), len(seeds)))
    for i, n in enumerate(behaviors):
        for j, k in enumerate(seeds):
            finds = [
                _finds(n, k, slope, reliability, source_share, alpha, permutations, rng)
                for _ in range(studies)
            ]
            found[i, j] = np.mean(finds)
    error = float(np.sqrt(found * (1 - found) / studies).max())
    sizes = tuple(behaviors), tuple(seeds)
    return PowerTable(rho, reliability, alpha, wanted, *sizes, found, error)


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


def _study(
    n: int, slope: float, share: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Distances and noise-free costs (n, n), NaN on the diagonal; residual variance is 1."""
    points = rng.normal(size=(n, DIMENSION))
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distance, np.nan)
    residual = np.sqrt(1 - share) * rng.normal(size=(n, n))
    cost: FloatArray = slope * distance + residual + np.sqrt(share) * rng.normal(size=(n, 1))
    return distance, cost


def _value(distance: FloatArray, cost: FloatArray, drawn: Relabelling) -> FloatArray:
    values: FloatArray = WithinTargetSpearman().permuted(distance[None], cost, drawn)[0]
    return values


def _slope_for(rho: float, share: float, rng: np.random.Generator) -> float:
    """Bisect for the slope at which large studies have the wanted statistic on average."""
    seeds = rng.integers(0, 2**32, size=CALIBRATION)
    identity = Relabelling(np.arange(LARGE)[None], np.arange(LARGE)[None])

    def reached(slope: float) -> float:
        studies = (_study(LARGE, slope, share, np.random.default_rng(s)) for s in seeds)
        return float(np.mean([_value(d, c, identity)[0] for d, c in studies]))

    low, high = 0.0, 1.0
    while reached(high) < rho:
        high *= 2
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) < rho else (low, middle)
    return (low + high) / 2


def _finds(
    n: int,
    seeds: int,
    slope: float,
    reliability: float,
    share: float,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
) -> bool:
    distance, cost = _study(n, slope, share, rng)
    signal = float(np.nanvar(cost - np.nanmean(cost, axis=0)))
    noise = np.sqrt(signal * (1 - reliability) / reliability / seeds)
    labels = [str(i) for i in range(n)]
    drawn = relabellings(labels, labels, permutations, rng)
    null = _value(distance, cost + noise * rng.normal(size=cost.shape), drawn)
    return bool(np.mean(null >= null[0] - 1e-12) <= alpha)
