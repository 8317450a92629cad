"""How many probes a question needs."""

from __future__ import annotations

import math

import numpy as np

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError, did_you_mean


def probes_needed(
    matrix: DistanceMatrix,
    first: str,
    second: str,
    delta: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """Number of probes that resolve a difference of `delta` in the distance of a pair.

    The squared distance over n probes has variance s^2 / n, with s^2 estimated from the n_0 probes
    of `matrix`. A change from d^2 to (d + delta)^2 is found by a two-sided test at `alpha` with the
    given power when

        n = ((z_{1 - alpha / 2} s + z_power s') / ((d + delta)^2 - d^2))^2

    (the usual normal sample size, Cohen 1988), where s' = s (d + delta)^2 / d^2: the per-probe
    spread of a squared distance grows with its mean.

    Parameters
    ----------
    matrix
        With standard errors, from a pilot of ``metadata["n_probes"]`` probes.
    first, second
        Labels of the pair.
    delta
        Difference of distances (not squared), above 0.
    power, alpha
        Between 0 and 1.

    Raises
    ------
    InputError
        On an unknown label, delta not above 0, or a matrix without errors or number of probes.
    """
    from scipy.stats import norm

    for label in (first, second):
        if label not in matrix.labels:
            raise InputError(f"no behavior '{label}': {did_you_mean(label, matrix.labels)}")
    if not delta > 0 or not 0 < power < 1 or not 0 < alpha < 1:
        raise InputError("delta must be above 0, power and alpha between 0 and 1")
    i, j = matrix.labels.index(first), matrix.labels.index(second)
    pilot = matrix.metadata.get("n_probes")
    error = matrix.squared_standard_errors[i, j]
    if pilot is None or not np.isfinite(error):
        raise InputError("the matrix does not say its number of probes or has no standard errors")
    spread = error * math.sqrt(pilot)
    distance = matrix.distances[i, j]
    effect = (distance + delta) ** 2 - distance**2
    growth = (distance + delta) ** 2 / distance**2 if distance > 0 else 1.0
    reach = float(norm.ppf(1 - alpha / 2) + norm.ppf(power) * growth) * spread
    return max(2, int(math.ceil((reach / effect) ** 2)))  # noqa: RUF046
