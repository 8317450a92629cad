"""The whole test on planted truth: what it finds, what it sets aside, what it refuses."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.hypothesis import VerdictRule, transfer_test
from behaviordist.hypothesis.inference.baselines import source_quality
from behaviordist.hypothesis.inference.reliability import noise_ceiling
from tests.hypothesis.dyadic_worlds import off_diagonal, world


def rng():
    return np.random.default_rng(0)


def test_a_planted_link_is_supported_and_its_absence_is_not():
    linked = transfer_test(*world(rng(), n=16, slope=2.0), permutations=2000)
    assert linked.verdict == "supported" and linked.value > 0.5 and linked.p_value < 0.01
    free = transfer_test(*world(rng(), n=30), permutations=2000)
    assert free.verdict == "not supported" and free.ci_high < 0.3


def test_good_sources_alone_are_not_support():
    """Costs are the source's quality; the distance is a noisy copy of it."""
    generator = rng()
    _, costs = world(generator, n=16, source_effect=0.0, noise=0.3)
    quality = generator.normal(size=16)
    costs = costs + 2 * quality[:, None]
    position = np.c_[quality + generator.normal(size=16), np.zeros(16)]
    distance = np.abs(position[:, :1] - position[:, :1].T) + 3 * np.exp(position[:, :1] / 2)
    distances = pd.DataFrame(distance * (1 - np.eye(16)), costs.index, costs.columns)
    result = transfer_test(distances, costs, permutations=2000)
    quality_value = next(b.value for b in result.baselines if b.name == "source quality")
    assert result.p_value < 0.05 and quality_value > result.value
    assert result.beyond_sources.p_value > 0.05
    assert result.verdict == "inconclusive"


def test_label_order_does_not_matter_and_gains_flip_the_sign():
    distances, costs = world(rng(), n=10, slope=1.0)
    shuffled = list(rng().permutation(distances.index))
    first = transfer_test(distances, costs, permutations=50)
    second = transfer_test(distances.loc[shuffled, shuffled], costs, permutations=50)
    gains = transfer_test(distances, -costs, permutations=50, gains=True)
    assert first == second
    assert first.value == pytest.approx(gains.value, abs=1e-12)
    assert transfer_test(distances, -costs, permutations=50).value == pytest.approx(-first.value)


def test_censored_columns_and_reference_sources_are_set_aside_and_said_so():
    distances, costs = world(rng(), n=10, slope=1.0)
    censored = pd.DataFrame(0.0, costs.index, costs.columns)
    costs["b03"], censored["b03"] = 80.0, 1.0
    costs["b07"] = np.nan
    costs.loc["b01", "b02"] = np.nan
    censored.loc["b04", "b05"] = 0.5
    result = transfer_test(distances, costs, censored=censored, permutations=50)
    assert result.n_targets == 8 and result.n_behaviors == 9
    assert result.left_out == (("b03", "every run was censored"),)
    assert result.references == ("b07",)
    assert result.n_missing == 1 and result.n_censored == 1
    assert result.n_pairs == 8 * 8 - 1
    text = " ".join(result.notes)
    assert "b03 (every run was censored)" in text and "b07" in text
    d, c = off_diagonal(distances), off_diagonal(costs)
    d, c = np.delete(d, 7, axis=0), np.delete(c, 7, axis=0)
    expected = [
        stats.spearmanr(d[:, t], c[:, t], nan_policy="omit").statistic
        for t in (0, 1, 2, 4, 5, 6, 8, 9)
    ]
    assert result.value == pytest.approx(np.mean(expected), abs=1e-12)


def test_source_quality_leaves_the_target_out():
    cost = np.array([[np.nan, 1, 5, 3], [4, np.nan, 1, 9], [2, 7, np.nan, 6], [8, 3, 2, np.nan]])
    quality = source_quality(cost)
    ranks = np.array([stats.rankdata(c, nan_policy="omit") for c in cost.T]).T
    share = (ranks - 0.5) / 3
    assert quality[0, 1] == pytest.approx((share[0, 2] + share[0, 3]) / 2)
    assert quality[3, 0] == pytest.approx((share[3, 1] + share[3, 2]) / 2)


def test_rectangular_costs_keep_every_source():
    distances, costs = world(rng(), n=12, slope=1.5)
    result = transfer_test(distances, costs.iloc[:, 8:], permutations=500)
    assert result.n_targets == 4 and result.n_behaviors == 12
    assert {r.n_sources for r in result.per_target} == {11}
    disjoint = transfer_test(distances, costs.iloc[:8, 8:], permutations=500)
    assert disjoint.n_pairs == 32 and disjoint.value > 0.3


def test_objects_that_give_frames_are_taken():
    class Labelled:
        def __init__(self, frame):
            self.frame = frame

        def to_pandas(self):
            return self.frame

    distances, costs = world(rng(), n=8, slope=1.0)
    direct = transfer_test(distances, costs, permutations=20)
    assert transfer_test(Labelled(distances), Labelled(costs), permutations=20) == direct


def test_a_transfer_matrix_brings_its_own_censoring():
    from behaviordist.transfer.matrix import TransferMatrix

    distances, costs = world(rng(), n=8, slope=1.0)
    censored = pd.DataFrame(0.0, costs.index, costs.columns)
    censored.loc["b01", "b02"] = 0.5
    result = transfer_test(distances, TransferMatrix(costs, censored), permutations=20)
    assert result.n_censored == 1


def test_noise_ceiling_bounds_what_the_truth_itself_scores():
    """A perfect predictor of noisy costs scores the ceiling, up to sampling."""
    generator = rng()
    n = 40
    truth = generator.normal(size=(n, n))
    halves = [truth + generator.normal(size=(n, n)) for _ in range(2)]
    labels = [str(i) for i in range(n)]
    frames = [pd.DataFrame(h, labels, labels) for h in halves]
    distances = pd.DataFrame((truth - truth.min()) * (1 - np.eye(n)), labels, labels)
    result = transfer_test(
        distances, (frames[0] + frames[1]) / 2, halves=[tuple(frames)], permutations=20
    )
    assert result.noise_ceiling == pytest.approx(np.sqrt(2 / 3), abs=0.04)
    assert result.value == pytest.approx(result.noise_ceiling, abs=0.05)
    assert noise_ceiling(-0.2) == 0.0 and noise_ceiling(1.0) == 1.0


@pytest.mark.slow
def test_minimum_detectable_effect_is_found_with_the_stated_power():
    """Plant an effect of that size: about 80 % of studies find it."""
    generator = np.random.default_rng(5)
    detectable = transfer_test(*world(generator, n=14), permutations=500).minimum_detectable
    values, p_values = [], []
    for i in range(200):
        result = transfer_test(
            *world(generator, n=14, slope=0.27), permutations=199, interval="jackknife", seed=i
        )
        values.append(result.value)
        p_values.append(result.p_value)
    assert np.mean(values) == pytest.approx(detectable, abs=0.05)
    assert 0.65 < np.mean(np.array(p_values) <= 0.05) < 0.92


def test_json_follows_the_schema(tmp_path):
    result = transfer_test(*world(rng(), n=8, slope=1.0), permutations=20)
    result.save(tmp_path / "test.json")
    record = json.loads((tmp_path / "test.json").read_text())
    assert record["schema"] == 1
    assert {"name", "value", "ci_low", "ci_high", "p_value", "permutations"} <= set(
        record["statistic"]
    )
    assert set(record["per_target"][0]) == {"target", "rho", "n_sources"}
    assert set(record["baselines"][0]) == {"name", "value", "ci_low", "ci_high", "p_value"}
    assert record["verdict"] in {"supported", "not supported", "inconclusive"}
    assert record["noise_ceiling"] is None


def test_rule_follows_its_own_text():
    rule = VerdictRule()
    assert rule.decide(0.2, 0.7, 0.01, 0.01) == "supported"
    assert rule.decide(0.2, 0.7, 0.01, 0.2) == "inconclusive"
    assert rule.decide(0.2, 0.7, 0.2, 0.01) == "inconclusive"
    assert rule.decide(-0.1, 0.7, 0.01, 0.01) == "inconclusive"
    assert rule.decide(-0.1, 0.25, 0.2, 0.4) == "not supported"
    assert rule.decide(-0.2, 0.45, 0.2, 0.4) == "inconclusive"
    assert rule.decide(0.2, 0.7, 0.01, None) == "supported"
    assert VerdictRule(beyond_source_effects=False).decide(0.2, 0.7, 0.01, 0.6) == "supported"
    for value, beyond in ((-0.1, 0.01), (-0.1, 0.4), (-0.1, None), (0.2, 0.01)):
        verdict = rule.decide(value, 0.25, 0.2, beyond)
        words = rule.counts_yet_small(verdict, beyond)
        assert ("counts beyond source effects, yet" in words) == (beyond == 0.01)
    assert rule.counts_yet_small("inconclusive", 0.01) == ""
    assert "source effects" in rule.text()
    assert "source effects" not in VerdictRule(beyond_source_effects=False).text()


def test_a_bound_that_two_decimals_do_not_tell_is_printed_with_more():
    rule = VerdictRule()
    assert rule.edges(-0.1, 0.2977, 0.2, 0.3) == ("upper limit 0.2977 against 0.3",)
    assert rule.edges(0.004, 0.5, 0.0502, 0.0498) == (
        "lower limit 0.0040 against 0",
        "p 0.0502 against 0.05",
        "p beyond source effects 0.0498 against 0.05",
    )
    assert rule.edges(-0.1, 0.5, 0.2, 0.3) == rule.edges(math.nan, math.nan, 0.2, None) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, c: (d.rename(index={"b01": "q"}, columns={"b01": "q"}), c), "b01"),
        (lambda d, c: (d, c.drop(index="b02", columns="b02")), "b02"),
        (lambda d, c: (d * 0 + 1 - np.eye(8), c), "all are equal"),
        (lambda d, c: (d.replace(d.iloc[0, 1], np.inf), c), "infinite"),
        (lambda d, c: (d.iloc[:3, :3], c.iloc[:3, :3]), "at least 4"),
        (lambda d, c: (d, c * 0 + 80.0), "no target can be ranked"),
        (lambda d, c: (d, c.rename(index={"b01": "b00"}, columns={"b01": "b00"})), "twice"),
        (lambda d, c: (d, c.map(lambda v: "soon" if v == c.iloc[0, 1] else v)), "numbers"),
        (lambda d, c: (d.iloc[:, :-1], c), "not square"),
    ],
)
def test_bad_input_is_named(change, message):
    distances, costs = world(rng(), n=8)
    with pytest.raises(InputError, match=message) as error:
        transfer_test(*change(distances, costs), permutations=20)
    assert "\n" not in str(error.value)


def test_unknown_statistic_is_corrected():
    with pytest.raises(InputError, match="did you mean 'two-way'"):
        transfer_test(*world(rng(), n=8), statistic="twoway")


def test_flat_columns_and_negative_costs_are_noted():
    distances, costs = world(np.random.default_rng(0), n=8, slope=1.0)
    distances["b03"] = 1.0
    distances.loc["b03", "b03"] = 0.0
    result = transfer_test(distances, costs - 100, permutations=19)
    notes = " ".join(result.notes)
    assert "equally far from b03" in notes and "56 cost(s) are negative" in notes
    gained = transfer_test(distances, costs - 100, permutations=19, gains=True)
    assert "negative" not in " ".join(gained.notes)


def test_the_interval_that_is_asked_for_is_the_one_that_is_given():
    distances, costs = world(np.random.default_rng(1), n=8, slope=1.0)
    both = [
        transfer_test(distances, costs, permutations=19, interval=method, bootstrap=200)
        for method in ("jackknife", "bootstrap")
    ]
    assert both[0].value == both[1].value and both[0].ci_low != both[1].ci_low
    assert both[1].interval == "bootstrap over behaviors"
