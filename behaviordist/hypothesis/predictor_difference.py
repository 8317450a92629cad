"""Does one predictor of cost rank sources better than another, on the same pairs?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from behaviordist.hypothesis.inference.intervals import left_out_values, pair_noise_of
from behaviordist.hypothesis.inference.permuted import permuted
from behaviordist.hypothesis.tables.pairs import Matrix


@dataclass(frozen=True)
class PredictorDifference:
    """Statistic of the first predictor minus that of the second.

    Attributes
    ----------
    value, low, high
        With its paired 95 % interval over units.
    p_value
        One-sided: that the first is no better.
    first, second
        The two statistics.
    """

    value: float
    low: float
    high: float
    p_value: float
    first: float
    second: float


def predictor_difference(
    first: Matrix,
    second: Matrix,
    costs: Matrix,
    *,
    censored: Matrix | None = None,
    units: Mapping[str, str] | None = None,
    statistic: str = "within-target",
    level: float = 0.95,
) -> PredictorDifference:
    """Compare two predictors on the same pairs: those that both know.

    Parameters
    ----------
    first, second
        Smaller = nearer, labelled like `costs`.
    costs, censored, units, statistic
        As in `transfer_test`.
    level
        Coverage of the interval.

    Raises
    ------
    InputError
        As `transfer_test`.

    Notes
    -----
    Units are left out one at a time (`inference.jackknife`) and what is common to both predictors
    cancels; Student's t on the difference.
    """
    tested = permuted(
        {"first": first, "second": second},
        costs,
        statistic=statistic,
        permutations=1,
        censored=censored,
        units=units,
    )
    method, pairs = tested.method, tested.pairs
    known = np.isfinite(pairs.predictors[:2]).all(axis=0)
    both = np.where(known, pairs.predictors[:2], np.nan)
    pairs = replace(pairs, predictors=both, names=("first", "second"))
    without, jackknife = left_out_values(method, pairs)
    effects = method.pair_effects(both, pairs.cost)
    noise = pair_noise_of(pairs, (effects[0] - effects[1])[None])
    values = method.permuted(both, pairs.cost, tested.drawn)[:, 0]
    value, gap = float(values[0] - values[1]), (without[0] - without[1])[None]
    half = float(jackknife.half_width(gap, noise, method.pair_noise, level)[0])
    freedom = float(jackknife.variance(gap)[1][0])
    error = half / float(stats.t.ppf((1 + level) / 2, freedom))
    # Without an error nothing is known of chance: a design that gives none has no p-value.
    p = float(stats.t.sf(value / error, freedom)) if error > 0 else float("nan")
    return PredictorDifference(
        value, value - half, value + half, p, float(values[0]), float(values[1])
    )
