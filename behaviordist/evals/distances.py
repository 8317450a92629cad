"""Distances between all models of some eval logs: their disagreement, pair by pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.estimates import binomial, estimate, unit_values
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError
from behaviordist.evals.scores import EvalScores
from behaviordist.innerproduct.limits import bets_limit, growth_of

Float64Array = NDArray[np.float64]
SIDE = 0.025
SPLITS = 64
MOST_SKEWED = 0.4
"""Beyond it the quantiles that are bent by skewness (`distance.intervals`) run away."""


def eval_distances(scores: EvalScores, margin: float | None = None) -> DistanceMatrix:
    """Return the disagreement of every two models: the mean |difference| of their scores.

    For scores of 0 and 1 it is the share of items on which one is right and the other wrong. It
    says how alike two models are, not which is better.

    Parameters
    ----------
    scores
        From `read_evals`.
    margin
        A disagreement that does not matter: pairs shown to lie within it are called the same.

    Returns
    -------
    DistanceMatrix, (M, M); ``distances`` are disagreements, 0 to 1, with standard errors over
    clusters or items that both models have; NaN where they have none in common. Limits are those of
    Clopper and Pearson for scores of 0 and 1, else won by bets; they hold for all pairs together.

    Where items were scored more than once the floor is the disagreement that the same scores show
    when they are dealt out anew to the two models, so that "apart" is more than the noise of
    sampled answers. On an item that both scored once, a model is taken for what it scored: it adds
    nothing to the floor.

    Raises
    ------
    InputError
        Fewer than two models, or a margin out of range.

    Examples
    --------
    >>> import numpy as np, behaviordist as bd
    >>> both = np.ones((200, 2, 1))
    >>> both[:20, 1] = 0
    >>> items = tuple(("", f"q{i}") for i in range(200))
    >>> scores = bd.EvalScores(("old", "new"), items, both, ("",) * 200, np.arange(200))
    >>> matrix = bd.eval_distances(scores)
    >>> float(matrix.distances[0, 1]), matrix.standard_errors[0, 1].round(3)
    (0.1, np.float64(0.021))
    """
    m = len(scores.models)
    if m < 2:
        raise InputError(
            f"the logs hold one model, '{scores.models[0]}'; a distance is between two (NAME=LOG"
            " names the model of a log)"
        )
    if margin is not None and not 0 < margin < 1:
        raise InputError(f"the margin is a share of the scores between 0 and 1, not {margin}")
    tables = {name: np.zeros((m, m)) for name in ("squared", "error", "limit", "skew")}
    floor, floor_error = np.zeros((m, m)), np.zeros((m, m))
    freedom = np.full((m, m), np.inf)
    differs = np.zeros((m, m), dtype=bool)
    for i in range(m):
        for j in range(i + 1, m):
            values, group, both = _values(scores, i, j)
            if not len(values):
                for table in tables.values():
                    table[i, j] = np.nan
                continue
            known = estimate(values, group)
            d, se = known.value, known.standard_error
            tables["squared"][i, j], tables["error"][i, j] = d**2, 2 * d * se
            tables["limit"][i, j] = _limit(values, group, SIDE / (m * (m - 1) // 2)) ** 2
            bent = _skewness(values, group) + (3 * se / d if d > 0 else 0)
            tables["skew"][i, j] = min(bent, MOST_SKEWED)
            freedom[i, j], differs[i, j] = known.degrees_of_freedom, bool((values > 0).any())
            if scores.repeated:
                noise = estimate(_dealt_anew(scores.epochs[both][:, (i, j)]), group)
                floor[i, j] = noise.value**2
                floor_error[i, j] = 2 * noise.value * noise.standard_error
    freedom = np.minimum(freedom, freedom.T)
    squared, error, limit, skew, floor, floor_error = (
        table + table.T for table in (*tables.values(), floor, floor_error)
    )
    return DistanceMatrix(
        scores.models, squared, error, freedom, floor, floor_error, limit, skew,
        None if scores.repeated else differs | differs.T,
        {
            "geometry": "disagreement",
            "n_probes": len(scores.items),
            "n_groups": len(np.unique(scores.cluster)),
            "margin": margin,
        },
    )  # fmt: skip


def _values(
    scores: EvalScores, i: int, j: int
) -> tuple[Float64Array, NDArray[np.int64], NDArray[np.bool_]]:
    values = np.abs(scores.scores[:, i] - scores.scores[:, j])
    both = np.isfinite(values)
    return values[both], scores.cluster[both], both


def _limit(values: Float64Array, group: NDArray[np.int64], alpha: float) -> float:
    if len(np.unique(group)) == len(values) and np.isin(values, (0.0, 1.0)).all():
        return binomial(round(float(values.sum())), len(values), alpha)[1]
    units, largest = unit_values(values, group)
    return min(1.0, float(bets_limit(growth_of(units, largest), len(units), largest, alpha)))


def _skewness(values: Float64Array, group: NDArray[np.int64]) -> float:
    """Return that of the mean; 3 se / d more is that of its square (the delta method)."""
    units, _ = unit_values(values, group)
    deviation = units - units.mean()
    spread = float((deviation**2).mean())
    return 0.0 if spread == 0 else float((deviation**3).mean()) / spread**1.5 / len(units) ** 0.5


def _dealt_anew(epochs: Float64Array) -> Float64Array:
    """Return, an item each, the mean |difference| when the scores of both are dealt out anew.

    If the two models draw their scores from one distribution, every deal is as likely as the one
    that was seen, so this is what noise alone gives. Of two single scores it says nothing: every
    deal shows their difference, so 0 stands there. `epochs`: (n, 2, E), NaN where there is none.
    """
    n, _, e = epochs.shape
    rng = np.random.default_rng(0)
    flat = epochs.reshape(n, 2 * e)
    first = np.isfinite(epochs[:, 0]).sum(axis=1)[:, None]
    known = np.isfinite(flat)
    count = known.sum(axis=1)[:, None]
    total = np.zeros(n)
    for _ in range(SPLITS):
        # Missing scores come last in the order drawn, so that none is dealt.
        order = np.argsort(np.where(known, rng.random(flat.shape), 2.0), axis=1)
        dealt = np.nan_to_num(np.take_along_axis(flat, order, axis=1))
        place = np.arange(2 * e)[None, :]
        a = np.where(place < first, dealt, 0).sum(axis=1) / first[:, 0]
        b = np.where((place >= first) & (place < count), dealt, 0).sum(axis=1)
        total += np.abs(a - b / (count - first)[:, 0])
    return np.where(count[:, 0] > 2, total / SPLITS, 0.0)
