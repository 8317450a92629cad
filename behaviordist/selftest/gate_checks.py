"""Planted truths about conclusions: a gate at its margin, rare failures, pairs called the same."""

from __future__ import annotations

import numpy as np

from behaviordist.behaviors import ArrayBehavior
from behaviordist.distance import compare, distances, gate
from behaviordist.selftest.check import Check
from behaviordist.selftest.planted import Float64Array, probes_of, softmax_behavior

SURE = 40.0
DRAWS = 60
SIZE = 0.05
"""Share of candidates at the margin that a gate may pass."""


def gate_at_its_margin() -> Check:
    """Lognormal differences whose mean is the margin's square: a gate passes 5 % at most."""
    rng = np.random.default_rng(8)

    def draw(n: int) -> Float64Array:
        return np.minimum(0.02 * rng.lognormal(0, 2, n), 1.9)

    margin = float(np.sqrt(draw(10**6).mean()))
    return _passing("a gate at its margin", [draw(100) for _ in range(DRAWS)], margin)


def rare_failure() -> Check:
    """3 % of the probes fail, the rest is equal: many samples of 260 hold too few failures."""
    rng = np.random.default_rng(9)
    draws = [np.where(rng.random(260) < 0.03, 1.5, 0.0) for _ in range(DRAWS)]
    return _passing("a rare failure at the margin", draws, 0.045**0.5)


def same_within_margin() -> Check:
    """Equal at 400 probes is the same within 0.2, at 20 is undecided, one odd probe is apart."""
    base = np.random.default_rng(10).normal(size=(400, 6))
    other = base.copy()
    other[7, 0] += 5.0
    behaviors = [softmax_behavior(*pair) for pair in (("a", base), ("b", base), ("c", other))]
    many = distances(behaviors, probes_of(400))
    few = [softmax_behavior(name, base[:20]) for name in "ab"]
    states = [
        many.states(0.2).table[0, 1],
        distances(few, probes_of(20)).states(0.2).table[0, 1],
        many.states().table[0, 2],
    ]
    expected = ["same", "undecided", "apart"]
    return Check(
        "three states", ", ".join(expected), ", ".join(map(str, states)), states == expected
    )


def skewed_pair() -> Check:
    """A distance that comes from two probes of sixty is told with a caution; an even one is not."""
    even = np.full(60, 0.02)
    skewed = np.where(np.arange(60) < 2, 1.0, 0.0)
    told = [bool(distances(_pair(h), probes_of(60)).cautions()) for h in (skewed, even)]
    return Check("a skewed pair", "a caution; none", str(told), told == [True, False])


def _passing(name: str, draws: list[Float64Array], margin: float) -> Check:
    """Check the share of draws that pass a gate of the margin they lie at."""
    passed = [
        gate(compare(*_pair(squared), probes_of(len(squared))), margin).equivalent
        for squared in draws
    ]
    share = float(np.mean(passed))
    # Three Monte Carlo errors above the size.
    most = SIZE + 3 * (SIZE * (1 - SIZE) / len(draws)) ** 0.5
    return Check(name, f"at most {SIZE:.0%} pass", f"{share:.0%} pass", share <= most)


def _pair(squared: Float64Array) -> tuple[ArrayBehavior, ArrayBehavior]:
    """Behaviors whose squared Hellinger distances at single probes are given (0 to 2)."""
    sure = np.stack([np.full(len(squared), SURE), np.zeros(len(squared))], axis=1)
    # Against probability 1, 2 - 2 sqrt(p) is the squared distance.
    p = np.clip((1 - np.minimum(squared, 1.99) / 2) ** 2, 0.0, 1 - 1e-15)
    logit = np.log(p) - np.log1p(-p)
    other = np.stack([logit, np.zeros(len(squared))], axis=1)
    return softmax_behavior("reference", sure), softmax_behavior("candidate", other)
