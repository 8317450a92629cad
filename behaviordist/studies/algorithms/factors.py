"""Behavior = function x algorithm: how much of a distance is what was trained, how much how."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np

from behaviordist.distance.analysis.variance import variance_shares
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.states import APART
from behaviordist.errors import InputError
from behaviordist.record import Estimate
from behaviordist.record.transfers.numbers import Place
from behaviordist.regimes.declaration import Regime
from behaviordist.studies.estimates import estimate


def factor_shares(
    matrix: DistanceMatrix, regimes: Mapping[str, Regime], permutations: int, seed: int
) -> tuple[Estimate, ...]:
    """Share of the squared distances that lies between functions, and between algorithms.

    Parameters
    ----------
    matrix
        Distances of the behaviors, no others.
    regimes
        Label -> regime.
    permutations, seed
        Of PERMANOVA.

    Returns
    -------
    R^2 with its interval (jackknife over functions, Student's t) and p-value, or the reason why
    there is none. In a complete design the two shares add; the rest is the interaction: what one
    algorithm does differently from function to function.
    """
    rows: list[Estimate] = []
    for name, key in (("function (what was trained)", "task"), ("algorithm (how)", "algorithm")):
        factor = {label: str(getattr(regimes[label], key)) for label in matrix.labels}
        try:
            part = variance_shares(matrix, factor, permutations=permutations, seed=seed)
        except InputError as error:
            rows.append(Estimate(label=name, reason=str(error)))
            continue
        low, high = _jackknife(matrix, regimes, factor, part.share)
        rows.append(
            Estimate(label=name, value=part.share, low=low, high=high, p_value=part.p_value)
        )
    return tuple(rows)


def _jackknife(
    matrix: DistanceMatrix, regimes: Mapping[str, Regime], factor: Mapping[str, str], share: float
) -> tuple[float, float]:
    """Delete one function at a time; NaN where fewer than three are left or R^2 has no value."""
    from scipy import stats

    tasks = sorted({str(regimes[label].task) for label in matrix.labels})
    n = len(tasks)
    if n < 4:
        return math.nan, math.nan
    values = []
    for task in tasks:
        kept = [label for label in matrix.labels if regimes[label].task != task]
        part = {label: factor[label] for label in kept}
        try:
            values.append(variance_shares(matrix.select(kept), part, permutations=1).share)
        except InputError:
            return math.nan, math.nan
    spread = (n - 1) / n * np.square(np.array(values) - np.mean(values)).sum()
    half = float(stats.t.ppf(0.975, n - 1) * np.sqrt(spread))
    return max(0.0, share - half), min(1.0, share + half)


def places(
    matrix: DistanceMatrix, regimes: Mapping[str, Regime], floors: Mapping[str, float]
) -> tuple[Place, ...]:
    """Do two algorithms land in one place? Distance of a function's behaviors, per pair of them.

    Parameters
    ----------
    matrix
        Distances of the behaviors.
    regimes
        Label -> regime.
    floors
        Label -> distance between two seeds of the regime.

    Returns
    -------
    One a pair of algorithms. One place would be a value near zero: regime-level distances have the
    seeds' share taken out.
    """
    by_place = {(regimes[x].algorithm, regimes[x].task): x for x in matrix.labels}
    algorithms = list(dict.fromkeys(a for a, _ in by_place))
    tasks = list(dict.fromkeys(t for _, t in by_place))
    index = {label: i for i, label in enumerate(matrix.labels)}
    # No margin is named, so pairs are apart or undecided, never the same.
    apart = matrix.states().are(APART)
    rows = []
    for a, b in combinations(algorithms, 2):
        pairs = [(by_place.get((a, t)), by_place.get((b, t))) for t in tasks]
        both = [(x, y) for x, y in pairs if x is not None and y is not None]
        if not both:
            continue
        others = [
            float(matrix.distances[index[x], index[y]])
            for x, _ in both
            for y in matrix.labels
            if regimes[y].algorithm in (a, b) and regimes[y].task != regimes[x].task
        ]
        seed_floors = [floors[label] for pair in both for label in pair if label in floors]
        over = estimate(float(matrix.distances[index[x], index[y]]) for x, y in both)
        rows.append(
            Place(
                estimate=over.named(f"{a} – {b}"),
                floor=float(np.mean(seed_floors)) if seed_floors else math.nan,
                apart=float(np.mean(others)) if others else math.nan,
                n_apart=int(sum(apart[index[x], index[y]] for x, y in both)),
                n=len(both),
            )
        )
    return tuple(rows)
