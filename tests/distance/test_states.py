"""Apart, the same within a margin, undecided: which rule says so, for all pairs together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from behaviordist.distance import DistanceMatrix, distances, matrix_of
from behaviordist.errors import InputError
from tests.distance.worlds import behavior, fingerprint_of, probe_set


def of(squared, error, **more):
    table = np.array([[0.0, squared], [squared, 0.0]])
    return DistanceMatrix(("a", "b"), table, error * (1 - np.eye(2)), **more)


def test_apart_is_the_lower_end_of_a_95_percent_interval():
    assert of(1.0, 0.5).states().table[0, 1] == "apart"  # 1 - 1.96 * 0.5 > 0
    assert of(1.0, 0.52).states().table[0, 1] == "undecided"
    assert of(1.0, 0.5, floor=0.1).states().table[0, 1] == "undecided"
    assert of(1.0, 0.5, degrees_of_freedom=4.0).states().table[0, 1] == "undecided"  # t is wider
    assert of(1.0, np.nan).states().table[0, 1] == "undecided"
    assert of(np.nan, np.nan).states().table[0, 1] == "missing"
    assert list(np.diagonal(of(1.0, 0.1).states().table)) == ["", ""]


def test_the_floor_carries_its_error():
    clear = of(1.0, 0.2).with_floor(0.5)
    assert clear.states().table[0, 1] == "apart"
    assert of(1.0, 0.2).with_floor(0.5, 0.2).states().table[0, 1] == "undecided"
    gap = (1.0 - 0.5) / np.hypot(0.2, 0.15)
    assert (gap > 1.96) == (of(1.0, 0.2).with_floor(0.5, 0.15).states().count("apart") == 1)


def test_the_same_needs_a_margin_and_an_upper_limit_below_it():
    pair = of(0.04, 0.01, degrees_of_freedom=30.0)
    assert pair.states().count("same") == 0
    limit = 0.04 + student.ppf(0.975, 30) * 0.01
    assert pair.states(np.sqrt(limit) + 1e-6).table[0, 1] == "same"
    assert pair.states(np.sqrt(limit) - 1e-6).table[0, 1] == "apart"
    exact = of(0.04, 0.01, limits=0.09)
    assert exact.states(0.31).count("same") == 1 and exact.states(0.29).count("same") == 0
    assert "assuming no shape" in " ".join(exact.states(0.31).sentences())
    for margin in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(InputError, match="above 0"):
            pair.states(margin)


def test_a_margin_named_when_measuring_is_the_default():
    pair = of(0.0, 0.0, limits=0.01, metadata={"margin": 0.2})
    assert pair.states().count("same") == 1 and pair.states(0.05).count("same") == 0


def test_six_wholly_different_probes_of_200_are_apart_as_functions():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(200, 6))
    moved = base.copy()
    moved[:6] = moved[:6, ::-1] * 40
    three = [behavior("base", base), behavior("again", base), behavior("moved", moved)]
    matrix = distances(three, probe_set(200))
    low, _ = matrix.interval()
    assert low[0, 2] < 0.011  # the interval over probes nearly reaches the floor
    states = matrix.states()
    assert states.table[0, 2] == states.table[1, 2] == "apart"
    assert states.table[0, 1] == "undecided" and states.equal == 1
    words = " ".join(states.sentences())
    assert "equal at every one of 200 probes" in words and "1.49%" in words
    # One probe that moves a little is enough, and rounding is not.
    for size, state in ((1e-2, "apart"), (1e-5, "undecided")):
        nudged = base.copy()
        nudged[17, 0] += size
        two = distances([three[0], behavior("nudged", nudged)], probe_set(200))
        assert two.states().table[0, 1] == state


def test_a_seed_floor_takes_the_function_rule_away():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(60, 4))
    prints = [fingerprint_of(k, base + 0.1 * rng.normal(size=base.shape)) for k in "ab"]
    matrix = matrix_of(prints)
    assert matrix.states().table[0, 1] == "apart" and matrix.differs is not None
    noisy = matrix.with_floor(2 * 4 * 0.01, 0.005)
    assert noisy.differs is None and noisy.states().table[0, 1] == "undecided"


def test_no_pair_of_equal_noisy_behaviors_is_called_apart_more_often_than_promised():
    """190 null pairs a study: unadjusted, nearly every study would call some pair apart."""
    rng = np.random.default_rng(2)
    n, studies, wrong, unadjusted = 20, 400, 0, 0
    pairs = np.triu_indices(n, 1)
    for _ in range(studies):
        noise = rng.normal(size=(n, n))
        squared = np.where(np.eye(n), 0.0, np.triu(noise, 1) + np.triu(noise, 1).T)
        made = DistanceMatrix(tuple(map(str, range(n))), squared, 1.0 - np.eye(n))
        wrong += made.states().count("apart") > 0
        unadjusted += bool((squared[pairs] > 1.96).any())
    assert wrong / studies < 0.025 + 3 * np.sqrt(0.025 * 0.975 / studies)
    assert unadjusted / studies > 0.9


def test_select_keeps_what_the_states_need():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(40, 5))
    three = [behavior(k, base + s) for k, s in (("a", 0), ("b", 0), ("c", rng.normal(size=5)))]
    matrix = distances(three, probe_set(40))
    part = matrix.select(["c", "a"])
    assert part.states().table[0, 1] == "apart"
    np.testing.assert_array_equal(part.limits, matrix.limits[np.ix_([2, 0], [2, 0])])
