"""The law of cost on planted worlds: its slope, its coverage, and what censoring does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.hypothesis.asymmetry.antisymmetric import antisymmetric_link
from behaviordist.hypothesis.models.law import fit_law
from behaviordist.hypothesis.predictor_difference import predictor_difference

SLOPE = 2.2


def world(rng, n_sources=26, n_functions=8, quirk=1.0, noise=2.0, budget=None):
    """Costs linear in nats, with a quirk of every source, and two targets a function."""
    sources = [f"m{i:02d}" for i in range(n_sources)]
    targets = [f"{a}-{k}" for k in range(n_functions) for a in ("sft", "rlvr")]
    function = rng.gamma(3.0, 1.2, size=(n_sources, n_functions))
    nats = np.repeat(function, 2, axis=1) + 0.1 * rng.standard_normal((n_sources, 2 * n_functions))
    cost = 8 + 3 * rng.standard_normal(len(targets)) + SLOPE * nats
    cost = cost + quirk * rng.standard_normal((n_sources, 1))
    cost = cost + noise * rng.standard_normal(cost.shape)
    late = np.zeros(cost.shape, dtype=bool)
    if budget is not None:
        late, cost = cost > budget, np.clip(cost, 0, budget)
    frame = {"index": sources, "columns": targets}
    units = {t: t.split("-")[1] for t in targets} | {s: s for s in sources}
    return (*(pd.DataFrame(m, **frame) for m in (nats, cost, late.astype(float))), units)


def test_a_line_without_noise_is_found_exactly():
    nats, cost, _, units = world(np.random.default_rng(0), quirk=0, noise=0)
    found = fit_law(nats, cost, units=units)
    assert found.slope == pytest.approx(SLOPE) and found.explained == pytest.approx(1)
    assert found.high - found.low < 1e-6
    assert np.allclose(found.predicted(nats), cost.clip(lower=0), atol=1e-6)


def test_it_is_least_squares_inside_targets():
    nats, cost, _, units = world(np.random.default_rng(1))
    cost = cost - cost.to_numpy().min() + 1  # nothing at or below zero
    x, y = (f - f.mean() for f in (nats, cost))
    wanted = (x * y).to_numpy().sum() / (x**2).to_numpy().sum()
    assert fit_law(nats, cost, units=units).slope == pytest.approx(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("budget", [None, 20.0])
def test_the_interval_covers_the_planted_slope(budget):
    """Censored or not; runs that are there at the start are bounds too."""
    rng = np.random.default_rng(7)
    hits, values = [], []
    for _ in range(1000 if budget is None else 300):
        nats, cost, late, units = world(rng, budget=budget)
        found = fit_law(nats, cost, censored=late, units=units)
        hits.append(found.low <= SLOPE <= found.high)
        values.append(found.slope)
    assert np.mean(values) == pytest.approx(SLOPE, abs=0.04)
    assert 0.93 <= np.mean(hits) <= 0.97


def test_leaving_censored_runs_out_would_flatten_the_line():
    rng = np.random.default_rng(3)
    naive, ours = [], []
    for _ in range(6):
        nats, cost, late, units = world(rng, budget=18.0)
        ours.append(fit_law(nats, cost, censored=late, units=units).slope)
        naive.append(fit_law(nats, cost.mask(late > 0), units=units).slope)
    assert np.mean(naive) < SLOPE - 0.15 and abs(np.mean(ours) - SLOPE) < 0.1


def test_equal_nats_are_refused():
    nats, cost, _, _ = world(np.random.default_rng(0))
    with pytest.raises(InputError, match="equal nats"):
        fit_law(nats * 0, cost)


def test_a_difference_of_predictors_is_seen_and_none_is_not():
    rng = np.random.default_rng(5)
    nats, cost, _, units = world(rng)
    blurred = nats + 4 * rng.standard_normal(nats.shape)
    found = predictor_difference(nats, blurred, cost, units=units)
    assert found.low > 0 and found.p_value < 0.01
    wrong = []
    for _ in range(60):
        nats, cost, _, units = world(rng)
        two = [nats + 2 * rng.standard_normal(nats.shape) for _ in range(2)]
        wrong.append(predictor_difference(*two, cost, units=units).p_value < 0.05)
    assert np.mean(wrong) <= 0.12


def square(values, n):
    labels = [f"b{i}" for i in range(n)]
    return pd.DataFrame(values, labels, labels)


def test_antisymmetric_parts_that_go_together_are_found():
    rng = np.random.default_rng(2)
    n = 10
    level = rng.standard_normal(n)
    nats = np.abs(rng.standard_normal((n, n))) + np.maximum(level[None] - level[:, None], 0)
    cost = 2 * nats + 0.3 * rng.standard_normal((n, n))
    found = antisymmetric_link(square(nats, n), square(cost, n), permutations=999)
    assert found.value > 0.7 and found.p_value < 0.01 and found.low > 0
    even = square(nats + nats.T, n)
    none = antisymmetric_link(
        even + rng.standard_normal((n, n)) * 1e-9, square(cost, n), permutations=199
    )
    assert none.p_value > 0.01


@pytest.mark.slow
def test_antisymmetric_p_values_are_level():
    rng = np.random.default_rng(4)
    p = []
    for _ in range(60):
        tables = [square(rng.standard_normal((8, 8)), 8) for _ in range(2)]
        p.append(antisymmetric_link(*tables, permutations=199).p_value)
    assert np.mean(np.array(p) <= 0.1) <= 0.2 and np.mean(p) == pytest.approx(0.5, abs=0.12)
