"""The gate: whoever stands at the margin passes one time in twenty at most, whatever the shape."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import binomtest

from behaviordist.distance import Comparison, compare, gate
from behaviordist.distance.estimates import estimate
from behaviordist.distance.gate import (
    check_probes,
    limits,
    probes_that_show,
    smallest_margin,
    with_limits,
)
from behaviordist.distance.positions import MEASURES
from behaviordist.errors import InputError
from behaviordist.innerproduct.limits import predictable_limit
from behaviordist.record import CompareRecord
from tests.distance.worlds import behavior, probe_set


def comparison(values, group=None, positions=2, **measures):
    """A comparison with the given squared distances; other measures by name."""
    values = np.asarray(values, dtype=float)
    group = np.arange(len(values)) if group is None else np.asarray(group)
    table = np.column_stack([measures.get(name, values) for name in MEASURES])
    overall = {name: estimate(table[:, k], group) for k, name in enumerate(MEASURES)}
    n = len(values)
    return Comparison(
        "a", "b", "p", n, n * positions, overall, {}, {}, (), values=table, group=group
    )


WORLDS = {
    "exponential": lambda rng, n: rng.exponential(1.0, n),
    "lognormal 1": lambda rng, n: rng.lognormal(-0.5, 1.0, n),
    "lognormal 2": lambda rng, n: rng.lognormal(-2.0, 2.0, n),
    "1 % fail": lambda rng, n: 100.0 * (rng.random(n) < 0.01),
    "2 % fail": lambda rng, n: 50.0 * (rng.random(n) < 0.02),
}


@pytest.mark.parametrize("name", WORLDS)
def test_at_the_margin_it_opens_at_most_as_often_as_alpha_says(name):
    rng, n = np.random.default_rng(0), 300
    scale = 2 * smallest_margin(np.arange(n)) ** 2
    draw = lambda size: np.minimum(scale * WORLDS[name](rng, size), 2.0)  # noqa: E731
    margin = np.sqrt(draw(4_000_000).mean())
    opened = sum(gate(comparison(draw(n)), margin).equivalent for _ in range(600))
    assert binomtest(opened, 600, 0.05, alternative="greater").pvalue > 1e-3


def test_a_candidate_well_within_passes_and_one_well_beyond_is_shown_to_be():
    rng = np.random.default_rng(1)
    close, far = (np.minimum(rng.exponential(m, 400), 2.0) for m in (0.004, 0.3))
    assert gate(comparison(close), 0.2).verdict == "within"
    beyond = gate(comparison(far), 0.2)
    assert beyond.verdict == "beyond" and beyond.low > 0.2
    assert "shown to be beyond the margin" in beyond.sentence()
    assert gate(comparison(close[:20]), 0.2).verdict == "open"


def test_what_probes_can_show_is_what_they_show_when_nothing_differs():
    for n in (40, 260):
        smallest = smallest_margin(np.arange(n))
        assert gate(comparison(np.zeros(n)), smallest * 1.001).equivalent
        assert not gate(comparison(np.zeros(n)), smallest * 0.999).equivalent
        assert abs(probes_that_show(smallest * 1.001) - n) <= 1
    assert smallest_margin(np.arange(260)) == pytest.approx(0.157, abs=0.001)
    with pytest.raises(
        InputError, match=r"260 independent probes cannot show less than 0\.16.*2,5"
    ):
        check_probes(np.arange(260), 0.05, "distance", 0.05)
    assert "cannot show less than 0.16" in check_probes(np.arange(260), 0.2, "distance", 0.05)


def test_how_many_probes_a_small_margin_takes_is_found_at_once():
    started = time.perf_counter()
    many = probes_that_show(0.004)
    assert time.perf_counter() - started < 5  # was minutes: the limit was taken at every guess
    assert predictable_limit(np.zeros(many), 2.0, 0.05) < 0.004**2
    fewer = np.zeros(many - many // 5_000)
    assert predictable_limit(fewer, 2.0, 0.05) >= 0.004**2


def test_a_share_of_one_token_probes_has_its_exact_limit():
    """statsmodels and SciPy have Clopper and Pearson's."""
    agrees = np.ones(50)
    agrees[:2] = 0
    made = comparison(np.zeros(50), positions=1, agreement=agrees)
    low, high = limits(made, "agreement", 0.05)
    exact = binomtest(2, 50).proportion_ci(0.9, "exact")
    assert (low, high) == (pytest.approx(exact.low), pytest.approx(exact.high))
    none = limits(comparison(np.zeros(2), positions=1, agreement=np.ones(2)), "agreement", 0.05)
    assert none[1] == pytest.approx(1 - 0.05**0.5)  # two agreeing probes prove next to nothing


def test_probes_that_all_agree_have_limits_though_no_standard_error():
    alike = comparison(np.zeros(50), positions=1, agreement=np.ones(50))
    assert alike.overall["agreement"].standard_error == 0
    low, high = with_limits(alike).limits["agreement"]
    assert (low, high) == (pytest.approx(0.025 ** (1 / 50)), 1.0)
    assert alike.cells(alike.overall)[3] == "1.0000", "not 1 ± 0"


def test_kl_needs_a_bound_and_a_probe_above_it_opens_nothing():
    values = np.full(200, 0.01)
    with pytest.raises(InputError, match="--bound"):
        gate(comparison(values), 0.5, "kl")
    assert gate(comparison(values), 0.5, "kl", bound=5.0).equivalent
    values[3] = 7.0
    assert gate(comparison(values), 0.5, "kl", bound=5.0).verdict == "open"
    assert limits(comparison(values), "kl", 0.05) == (0.0, np.inf)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_change_of_bits_at_the_margin_passes_one_time_in_twenty_whichever_way(sign):
    rng, n, margin = np.random.default_rng(4), 300, 0.05
    draw = lambda: sign * margin * rng.exponential(1.0, n).clip(0, 8) + rng.normal(0, 0.05, n)  # noqa: E731
    made = [comparison(np.zeros(n), bits=draw().clip(-1, 1)) for _ in range(400)]
    gates = [gate(one, margin, "bits", bound=1.0) for one in made]
    assert binomtest(sum(g.equivalent for g in gates), 400, 0.05, "greater").pvalue > 1e-3
    assert np.mean([g.value for g in gates]) == pytest.approx(margin, rel=0.05)
    near = comparison(np.zeros(n), bits=rng.normal(0, 0.02, n))
    assert gate(near, margin, "bits", bound=1.0).equivalent
    far = comparison(np.zeros(n), bits=np.full(n, sign * 0.3))
    assert gate(far, margin, "bits", bound=1.0).verdict == "beyond"
    assert gate(far, margin, "bits", bound=0.1).high == np.inf


def test_what_probes_can_show_of_bits_is_what_they_show_when_nothing_differs():
    smallest = smallest_margin(np.arange(200), "bits", bound=2.0)
    same = comparison(np.zeros(200))
    assert gate(same, smallest * 1.001, "bits", bound=2.0).equivalent
    assert not gate(same, smallest * 0.999, "bits", bound=2.0).equivalent
    assert abs(probes_that_show(smallest * 1.001, "bits", bound=2.0) - 200) <= 1


def test_paraphrases_are_one_unit():
    group = np.repeat(np.arange(10), 20)
    assert smallest_margin(group) == pytest.approx(smallest_margin(np.arange(10)))
    uneven = np.r_[np.zeros(100, dtype=int), np.arange(1, 101)]
    assert smallest_margin(uneven) > smallest_margin(np.arange(101))
    tied = gate(comparison(np.full(200, 0.01), group), 0.5)
    assert tied.units == 10 and tied.high > gate(comparison(np.full(200, 0.01)), 0.5).high


def test_through_real_behaviors():
    rng = np.random.default_rng(2)
    base = rng.normal(size=(300, 6))
    near = behavior("near", base + 0.01 * rng.normal(size=base.shape))
    found = compare(behavior("base", base), near, probe_set(300))
    assert gate(found, 0.2).equivalent
    assert gate(found, 0.2).value == pytest.approx(np.sqrt(found.values[:, 0].mean()))
    assert "values" not in CompareRecord(comparison=found).to_json()["comparison"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"margin": 0}, "margin must be above 0"),
        ({"margin": 1, "metric": "distanse"}, "did you mean 'distance'"),
        ({"margin": 1, "alpha": 0.7}, "alpha must lie"),
        ({"margin": 1.5}, r"no distance is above 1\.414"),
        ({"margin": 0.1, "metric": "kl", "bound": -1.0}, "bound must be above 0"),
    ],
)
def test_gates_that_make_no_sense(arguments, words):
    with pytest.raises(InputError, match=words):
        gate(comparison(np.ones(3)), **arguments)
