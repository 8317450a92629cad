"""Behavior = function x algorithm: how much of a distance is what was trained, how much how."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from behaviordist.distance.analysis.variance import variance_shares
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError
from behaviordist.regimes.declaration import Regime
from behaviordist.studies.estimates import estimate


def factor_rows(
    matrix: DistanceMatrix, regimes: Mapping[str, Regime], permutations: int, seed: int
) -> list[dict[str, Any]]:
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
    list of dict
        name, value (R^2), ci_low, ci_high (jackknife over functions, Student's t), p_value; or
        the reason why there is none. In a complete design the two shares add; the rest is the
        interaction: what one algorithm does differently from function to function.
    """
    rows: list[dict[str, Any]] = []
    for name, key in (("function (what was trained)", "task"), ("algorithm (how)", "algorithm")):
        factor = {label: str(getattr(regimes[label], key)) for label in matrix.labels}
        try:
            found = variance_shares(matrix, factor, permutations=permutations, seed=seed)
        except InputError as error:
            rows.append({"name": name, "value": None, "reason": str(error)})
            continue
        low, high = _jackknife(matrix, regimes, factor, found.share)
        rows.append(
            {"name": name, "value": found.share, "ci_low": low, "ci_high": high,
             "p_value": found.p_value, "permutations": permutations}
        )  # fmt: skip
    return rows


def _jackknife(
    matrix: DistanceMatrix, regimes: Mapping[str, Regime], factor: Mapping[str, str], share: float
) -> tuple[float | None, float | None]:
    """Delete one function at a time; None where fewer than three are left or R^2 has no value."""
    from scipy import stats

    tasks = sorted({str(regimes[label].task) for label in matrix.labels})
    n = len(tasks)
    if n < 4:
        return None, None
    values = []
    for task in tasks:
        kept = [label for label in matrix.labels if regimes[label].task != task]
        part = {label: factor[label] for label in kept}
        try:
            values.append(variance_shares(matrix.select(kept), part, permutations=1).share)
        except InputError:
            return None, None
    spread = (n - 1) / n * np.square(np.array(values) - np.mean(values)).sum()
    half = float(stats.t.ppf(0.975, n - 1) * np.sqrt(spread))
    return max(0.0, share - half), min(1.0, share + half)


def place_rows(
    matrix: DistanceMatrix, regimes: Mapping[str, Regime], floors: Mapping[str, float]
) -> list[dict[str, Any]]:
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
    list of dict
        name (``sft - dpo``), value with its interval over functions, `floor` (mean of the two
        regimes' own), `apart` (mean distance of different functions under these algorithms),
        `indistinguishable` of `n` functions. One place would be a value near zero: regime-level
        distances have the seeds' share taken out.
    """
    by_place = {(regimes[x].algorithm, regimes[x].task): x for x in matrix.labels}
    algorithms = list(dict.fromkeys(a for a, _ in by_place))
    tasks = list(dict.fromkeys(t for _, t in by_place))
    frame = matrix.to_pandas()
    index = {label: i for i, label in enumerate(matrix.labels)}
    not_apart = ~matrix.states().are("apart")
    rows = []
    for a, b in combinations(algorithms, 2):
        pairs = [(by_place.get((a, t)), by_place.get((b, t))) for t in tasks]
        both = [(x, y) for x, y in pairs if x is not None and y is not None]
        if not both:
            continue
        found = estimate(float(frame.to_numpy()[index[x], index[y]]) for x, y in both)
        others = [
            float(frame.to_numpy()[index[x], index[y]])
            for x, _ in both
            for y in frame.columns
            if regimes[str(y)].algorithm in (a, b) and regimes[str(y)].task != regimes[x].task
        ]
        own = [floors[label] for pair in both for label in pair if label in floors]
        rows.append(
            {
                "name": f"{a} – {b}",
                "value": found.value,
                "ci_low": None if np.isnan(found.low) else found.low,
                "ci_high": None if np.isnan(found.high) else found.high,
                "floor": float(np.mean(own)) if own else None,
                "apart": float(np.mean(others)) if others else None,
                "indistinguishable": int(sum(not_apart[index[x], index[y]] for x, y in both)),
                "n": len(both),
            }
        )
    return rows
