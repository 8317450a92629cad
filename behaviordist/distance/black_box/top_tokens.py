"""What the likeliest tokens of two behaviors bound: their distance and KL at the first token.

A server names the k likeliest next tokens with their log-probabilities. Every other token has at
most the probability of the last of them, and all others together what is missing from 1. Over all
distributions that this allows, the squared Hellinger distance lies between two bounds and KL above
one; bounds need not be reached. A largest KL does not exist, since a token that one behavior does
not name may have any probability under it, however small.

The lower bounds follow from four cells (data processing): the tokens that both name, those that
p names alone (q has at most x there), those that q names alone, and the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

TopTokens = Mapping[str, float]
STEPS = 200
# Masses that sum to one may do so by a little more or less; a rest that is too large only loosens.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Bounds:
    """Bounds at one position, for p and q: `squared` (low, high); KL lies above its two, nats."""

    squared_low: float
    squared_high: float
    kl_forward: float
    kl_backward: float


def bounds(p: TopTokens, q: TopTokens) -> Bounds:
    """Return what the likeliest tokens of two distributions bound.

    Parameters
    ----------
    p, q
        Token -> log-probability, nats, of the k likeliest tokens of each (k may differ).

    Examples
    --------
    >>> import math
    >>> half, most = math.log(0.5), math.log(0.9)
    >>> found = bounds({"a": half, "b": half}, {"a": most, "b": math.log(0.1)})
    >>> round(found.squared_low, 4) == round(found.squared_high, 4)  # all is known
    True
    >>> round(found.kl_forward, 4)  # 0.5 log(0.25 / 0.09)
    0.5108
    """
    affinity = sum(math.exp((p[t] + q[t]) / 2) for t in p.keys() & q.keys())
    x, y, rest_p, rest_q, own_p, own_q = _cells(p, q)
    # The largest affinity: each of the cells has at most sqrt(p q) of its masses (Cauchy-Schwarz).
    most = affinity + math.sqrt(own_p * x) + math.sqrt(own_q * y) + math.sqrt(rest_p * rest_q)
    low = 2 * max(0.0, 1 - most)
    high = 2 * min(1.0, max(0.0, 1 - affinity))
    return Bounds(low, max(low, high), _least_kl(p, q), _least_kl(q, p))


def _cells(p: TopTokens, q: TopTokens) -> tuple[float, float, float, float, float, float]:
    """Return the most that q has where p names alone, and p where q does; rests; own masses."""
    rest_p, rest_q = _rest(p), _rest(q)
    mine, other = [t for t in p if t not in q], [t for t in q if t not in p]
    x = min(rest_q, len(mine) * math.exp(min(q.values())))
    y = min(rest_p, len(other) * math.exp(min(p.values())))
    own_p, own_q = (sum(math.exp(d[t]) for t in names) for d, names in ((p, mine), (q, other)))
    return x, y, rest_p, rest_q, own_p, own_q


def _rest(top: TopTokens) -> float:
    return max(0.0, 1 - sum(map(math.exp, top.values())))


def _least_kl(p: TopTokens, q: TopTokens) -> float:
    """Return the smallest KL(p || q): convex in the two unknown masses, by turns at each.

    Given the mass y of p where q names alone, the best mass of q where p names alone is
    rest_q a / (a + rest_p - y), or its limit; and the other way round.
    """
    most_x, most_y, rest_p, rest_q, a, b = _cells(p, q)
    rest_q, most_x = max(rest_q, ROUNDING), max(most_x, ROUNDING)
    known = sum(math.exp(p[t]) * (p[t] - q[t]) for t in p.keys() & q.keys())
    x, y = most_x, 0.0
    for _ in range(STEPS):
        there = a + rest_p - y
        x = min(most_x, rest_q * a / there) if there > 0 else 0.0
        here = b + rest_q - x
        y = min(most_y, rest_p * b / here) if here > 0 else 0.0
    cells = ((a, x), (y, b), (rest_p - y, rest_q - x))
    return max(0.0, known + sum(_term(mass, other) for mass, other in cells))


def _term(p: float, q: float) -> float:
    if p <= 1e-12:  # what rounding leaves of nothing
        return 0.0
    return math.inf if q <= 0 else p * math.log(p / q)
