"""Upper limits of a mean of bounded values that hold whatever their distribution.

Values x_1 .. x_n of independent units lie in [0, b], and their mean is mu. Whoever bets against
"the mean is at least m" holds, after n units, the capital K(m); if mu >= m its expectation is at
most 1, so that K(m) reaches 1 / alpha with probability alpha at most (Ville 1939). The upper limit
is the smallest m that is bet down. No shape is assumed: a normal limit of a mean of few large
values among many zeros is too low, these are not. Source: Waudby-Smith & Ramdas, Estimating means
of bounded random variables by betting (2024).

`bets_limit` bets the same shares on every unit and averages over five shares (their section on
diversified Kelly betting):

    K(m) = sum_k w_k prod_i (1 - u_k x_i / b) / (1 - u_k m / b)^n,

symmetric in the units and rising in m, so that it needs one number a share, and one pass serves all
pairs and all margins. Units need not be alike: with means mu_i, prod (1 - u mu_i / b) is at most
(1 - u mean(mu) / b)^n. `predictable_limit` bets what the units before call for, which is sharper
where failures are rare, and depends on the order of the units: it is for one pair at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array
from behaviordist.innerproduct.batches import plan_batches
from behaviordist.innerproduct.blocks import batch_features
from behaviordist.innerproduct.fingerprint import EXACT, Fingerprint

SHARES = np.array([1.0, 0.75, 0.5, 0.25, 0.1])
PRIOR = np.array([0.5, 0.125, 0.125, 0.125, 0.125])
# The most that a predictable bet may lose at one unit: a failure costs log(1 / (1 - 0.95)) nats.
BOLDEST = 0.95
HALVINGS = 45
ROUNDING = 1e-3
MOST_UNITS = 10**7
"""Above so many units nobody is told how many would do."""


def bets_limit(
    growth: Float64Array, n: int, bound: float, alpha: float | Float64Array
) -> Float64Array:
    """Upper limit of the mean from what each bet made.

    Parameters
    ----------
    growth
        (5, ...) sums over units of log(1 - u x / b), one for each of `SHARES`.
    n
        Units.
    bound
        b.
    alpha
        Probability that the limit lies below the mean, at most.

    Returns
    -------
    Limits, shape of ``growth[0]``; `bound` where nothing smaller can be said.
    """
    low, high = np.zeros(growth.shape[1:]), np.full(growth.shape[1:], float(bound))
    shape = (-1, *[1] * (growth.ndim - 1))
    share, weight = SHARES.reshape(shape), np.log(PRIOR).reshape(shape)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            wealth = growth - n * np.log1p(-share * middle / bound)
        # A bet that lost everything stays lost, at the bound itself too.
        capital = weight + np.where(np.isneginf(growth), -np.inf, wealth)
        won = np.logaddexp.reduce(capital, axis=0) >= -np.log(alpha)
        low, high = np.where(won, low, middle), np.where(won, middle, high)
    return high


def smallest_limit(n: int, bound: float, alpha: float) -> float:
    """Return the limit that n units show which are all 0: no values show a smaller one."""
    return float(bets_limit(np.zeros(len(SHARES)), n, bound, alpha))


def smallest_count(shows: Callable[[int], bool], what: str, most: int = MOST_UNITS) -> int:
    """Return the smallest n with ``shows(n)``, which must stay true above it.

    To one in 10,000, and never too few.

    Raises
    ------
    InputError
        That `what` takes more than `most`.
    """
    low, high = 0, 1
    while not shows(high):
        low, high = high, high * 2
        if high > most:
            raise InputError(f"{what} takes more than {most:,}")
    while high - low > max(1, high // 10_000):
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return high


def units_that_show(mean: float, bound: float, alpha: float) -> int:
    """Return how many units show a limit below `mean`, in (0, bound), where all of them are 0."""
    return smallest_count(lambda n: smallest_limit(n, bound, alpha) < mean, "such a limit", 2**62)


def growth_of(values: Float64Array, bound: float) -> Float64Array:
    """Sums over units (the first axis of `values`) of log(1 - u x / b), shape (5, ...)."""
    with np.errstate(divide="ignore"):
        parts = [np.log(np.maximum(1 - u * values / bound, 0)).sum(axis=0) for u in SHARES]
    return np.array(parts)


def pair_limits(fingerprints: Sequence[Fingerprint], bound: float, alpha: float) -> Float64Array:
    """Upper limits of the squared distances of all pairs that hold together.

    Parameters
    ----------
    fingerprints
        N of one kind (`check_mixable`).
    bound
        The largest squared distance at a position.
    alpha
        Probability that any of the N (N - 1) / 2 limits lies below its distance, at most; each is
        taken at alpha divided by their number (Bonferroni), so that they serve every margin.

    Returns
    -------
    (N, N), diagonal 0. NaN where a unit lies above the bound: the features are not what the bound
    is of. A unit is a group of paraphrases; large groups raise the bound by their size over the
    mean one. Sketched features keep the limit up to the sketch's own error at single units.
    """
    exact = fingerprints[0].identity.sketch == EXACT
    n, first = len(fingerprints), fingerprints[0]
    batches = plan_batches(first.probe, first.group, max_batches=first.n_probes)
    units, mean_size = len(batches), batches.weight.mean()
    largest = float(bound * batches.weight.max() / mean_size)
    growth, beyond = np.zeros((len(SHARES), n, n)), np.zeros((n, n), dtype=bool)
    for _, features in batch_features(fingerprints, batches, first.features):
        products = (features @ features.T).astype(np.float64)
        norms = np.diagonal(products)
        values = np.maximum(norms[:, None] + norms[None, :] - 2 * products, 0) / mean_size
        beyond |= exact & (values > largest * (1 + ROUNDING))
        for k, share in enumerate(SHARES):
            with np.errstate(divide="ignore"):
                growth[k] += np.log(np.maximum(1 - share * values / largest, 0))
    pairs = max(n * (n - 1) // 2, 1)
    limits = bets_limit(growth, units, largest, alpha / pairs)
    limits = np.where(beyond | beyond.T, np.nan, np.maximum(limits, limits.T))
    np.fill_diagonal(limits, 0)
    return limits


def predictable_limit(values: Float64Array, bound: float, alpha: float) -> float:
    """Upper limit of the mean of values (n,) in [0, bound], by bets on what came before.

    The bet at unit i is sqrt(2 log(1 / alpha) / (n v_i)), v_i the variance of the units before it
    (one quarter to begin with), and at most 0.95 of what may be lost. Units are taken in one order
    drawn at random: probe sets are sorted by topic.

    Returns
    -------
    The limit; `bound` where nothing smaller can be said.
    """
    x = _in_order(values, bound)
    bets = _bets(x, alpha)
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _bet_down(middle, x, bets, alpha) else (middle, high)
    return high * bound


def shown_below(values: Float64Array, mean: float, bound: float, alpha: float) -> bool:
    """Return whether values show a `predictable_limit` below `mean`: one look at the bets."""
    x = _in_order(values, bound)
    return mean >= bound or _bet_down(mean / bound, x, _bets(x, alpha), alpha)


def _in_order(values: Float64Array, bound: float) -> Float64Array:
    x = np.asarray(values, dtype=np.float64) / bound
    return np.asarray(np.random.default_rng(0).permutation(x))


def _bets(x: Float64Array, alpha: float) -> Float64Array:
    n, units = len(x), np.arange(1, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (units + 1)
    spread = (0.25 + np.cumsum((x - mean) ** 2)) / (units + 1)
    return np.asarray(np.sqrt(2 * np.log(1 / alpha) / (n * np.concatenate([[0.25], spread[:-1]]))))


def _bet_down(m: float, x: Float64Array, bets: Float64Array, alpha: float) -> bool:
    share = np.minimum(bets, BOLDEST / (1 - m))
    return bool(np.log1p(share * (m - x)).cumsum().max() >= -np.log(alpha))
