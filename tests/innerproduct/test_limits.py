"""Upper limits of bounded means: exact where they can be, never below the mean too often."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from behaviordist.innerproduct.limits import (
    PRIOR,
    bets_limit,
    growth_of,
    pair_limits,
    predictable_limit,
)
from tests.distance.worlds import fingerprint_of


def both(values, bound, alpha):
    mixed = float(bets_limit(growth_of(values, bound), len(values), bound, alpha))
    return mixed, predictable_limit(values, bound, alpha)


def test_nothing_seen_gives_nearly_the_exact_binomial_limit():
    for n in (30, 260, 2400):
        exact = float(beta.ppf(0.95, 1, n))
        mixed, predictable = both(np.zeros(n), 1.0, 0.05)
        # The bet of everything alone, with its prior weight, in closed form: the others add to it.
        alone = 1 - (0.05 * PRIOR[0]) ** (1 / n)
        assert exact < predictable < 1.25 * exact and exact < mixed < alone


def test_the_mixture_by_its_definition():
    values = np.array([0.0, 0.3, 0.0, 1.2, 0.1])
    limit = float(bets_limit(growth_of(values, 2.0), 5, 2.0, 0.05))
    shares = [1.0, 0.75, 0.5, 0.25, 0.1]

    def capital(m):
        made = [np.prod((1 - u * values / 2) / (1 - u * m / 2)) for u in shares]
        return float(np.dot(PRIOR, made))

    assert capital(limit) == pytest.approx(20, rel=1e-6)


def test_values_at_the_bound_and_too_few_units():
    assert both(np.ones(5), 1.0, 0.05) == (1.0, pytest.approx(1.0))
    assert both(np.zeros(1), 1.0, 0.05)[0] > 0.9


@pytest.mark.parametrize("name", ["rare", "exponential", "lognormal"])
def test_the_limit_lies_below_the_mean_at_most_as_often_as_promised(name):
    rng = np.random.default_rng(3)
    draw = {
        "rare": lambda: 2.0 * (rng.random(120) < 0.02),
        "exponential": lambda: np.minimum(rng.exponential(0.1, 120), 2),
        "lognormal": lambda: np.minimum(0.02 * rng.lognormal(0, 1.5, 120), 2),
    }[name]
    mean = np.mean([draw().mean() for _ in range(20_000)])
    misses = np.array([[limit < mean for limit in both(draw(), 2.0, 0.05)] for _ in range(1500)])
    assert (misses.mean(axis=0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1500)).all()


def test_limits_of_pairs_are_those_of_their_probes():
    rng = np.random.default_rng(0)
    probe = np.repeat(np.arange(40), 2)
    rows = [np.sqrt(rng.dirichlet(np.ones(4), size=80)) for _ in range(3)]
    prints = [fingerprint_of(str(k), r, probe, geometry="hellinger") for k, r in enumerate(rows)]
    limits = pair_limits(prints, 2.0, 0.05)
    values = ((rows[0] - rows[1]) ** 2).sum(axis=1).reshape(40, 2).mean(axis=1)
    alone = bets_limit(growth_of(values, 2.0), 40, 2.0, 0.05 / 3)
    assert limits[0, 1] == limits[1, 0] == pytest.approx(float(alone), rel=1e-4)
    assert np.all(np.diagonal(limits) == 0)


def test_paraphrases_are_one_unit():
    values = np.sqrt(np.random.default_rng(0).dirichlet(np.ones(3), size=(2, 60)))
    alone = [fingerprint_of(str(k), v, geometry="hellinger") for k, v in enumerate(values)]
    group = np.repeat(np.arange(20), 3)
    tied = [
        fingerprint_of(str(k), v, geometry="hellinger", group=group) for k, v in enumerate(values)
    ]
    one, three = pair_limits(alone, 2.0, 0.05)[0, 1], pair_limits(tied, 2.0, 0.05)[0, 1]
    assert three > one
    squared = ((values[0] - values[1]) ** 2).sum(axis=1).reshape(20, 3).mean(axis=1)
    expected = bets_limit(growth_of(squared, 2.0), 20, 2.0, 0.05)
    assert three == pytest.approx(float(expected), rel=1e-4)


def test_features_beyond_the_bound_have_no_limit():
    rng = np.random.default_rng(0)
    prints = [fingerprint_of(str(k), 3 * rng.normal(size=(30, 4))) for k in range(2)]
    assert np.isnan(pair_limits(prints, 2.0, 0.05)[0, 1])
