"""Policies: checks decided together by Holm, tags, margins set by replicates of the reference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from behaviordist.distance import compare
from behaviordist.distance.gate import gate, smallest_margin
from behaviordist.distance.policy import Check, Policy, calibrate, check_policy, hold, part_of
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from tests.distance.test_gate import WORLDS, comparison
from tests.distance.worlds import behavior, probe_set


def plain(n: int, tagged: int = 0) -> ProbeSet:
    """Probes without text; the first `tagged` have the tag "t"."""
    probes = (Probe(f"p{i}", "x", "y", ("t",) if i < tagged else ()) for i in range(n))
    return ProbeSet("p", tuple(probes))


def p_value(found, check: Check) -> float:
    """The smallest level at which the gate opens, by bisection."""
    low, high = 1e-9, 0.4999
    opens = lambda a: gate(found, check.margin, check.metric, a, bound=check.bound).equivalent  # noqa: E731
    if not opens(high):
        return 1.0
    for _ in range(60):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if opens(middle) else (middle, high)
    return high


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_what_is_shown_is_what_holm_rejects(seed):
    rng = np.random.default_rng(seed)
    squared = np.minimum(rng.exponential(0.01, 300), 2)
    wrong = 1.0 * (rng.random(300) < 0.05)
    found = comparison(squared, kl_forward=squared * 2, agreement=1 - wrong)
    checks = (
        Check(metric="distance", margin=float(rng.uniform(0.17, 0.22))),
        Check(metric="kl", margin=float(rng.uniform(0.05, 0.09)), bound=2.0),
        Check(metric="agreement", margin=float(rng.uniform(0.07, 0.12))),
    )
    held = hold(found, Policy(policy=1, checks=checks), plain(300))
    values = [p_value(found, check) for check in checks]
    rejected = multipletests(values, 0.05, method="holm")[0]
    assert [one.equivalent for one in held.gates] == rejected.tolist()
    assert held.passed == rejected.all()


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_at_the_margins_any_metric_is_called_within_in_one_policy_of_twenty_at_most(name):
    rng, n = np.random.default_rng(3), 300
    scale = 3 * smallest_margin(np.arange(n)) ** 2
    draw = lambda size: np.minimum(scale * WORLDS[name](rng, size), 2.0)  # noqa: E731
    mean = draw(4_000_000).mean()
    checks = (
        Check(metric="distance", margin=float(np.sqrt(mean))),
        Check(metric="kl", margin=float(mean), bound=2.0),
        Check(metric="distance", margin=float(np.sqrt(mean)), tag="t"),
    )
    policy, probes = Policy(policy=1, checks=checks), plain(n, 200)
    wrong = 0
    for _ in range(1000):
        found = comparison(draw(n), kl_forward=draw(n))
        wrong += any(one.equivalent for one in hold(found, policy, probes).gates)
    assert binomtest(wrong, 1000, 0.05, alternative="greater").pvalue > 1e-3


def test_a_tag_is_compared_as_if_its_probes_were_all():
    rng = np.random.default_rng(0)
    logits = {name: rng.normal(size=(24, 5)) for name in "ab"}
    members = np.arange(12) % 3 == 0
    rows = np.repeat(members, 2)
    whole = compare(*(behavior(n, x, 2) for n, x in logits.items()), probe_set(12))
    some = compare(*(behavior(n, x[rows], 2) for n, x in logits.items()), probe_set(4))
    part = part_of(whole, members)
    for name, mean in some.overall.items():
        assert part.overall[name].value == pytest.approx(mean.value)
        assert part.overall[name].standard_error == pytest.approx(mean.standard_error)


def test_replicates_set_margins_and_the_larger_stays():
    policy = Policy(policy=1, checks=(Check(metric="distance", margin=0.01),))
    near, far = comparison(np.full(400, 1e-4)), comparison(np.full(400, 0.03))
    first = calibrate(policy, near, plain(400))
    high = gate(near, 1.0).high
    assert first.checks[0].margin == pytest.approx(1.5 * high, rel=1e-2)
    assert "1.5 times" in str(first.checks[0].calibrated)
    second = calibrate(first, far, plain(400))
    assert second.checks[0].margin > first.checks[0].margin
    assert calibrate(second, near, plain(400)) == second
    assert hold(near, second, plain(400)).passed
    with pytest.raises(InputError, match="at least 1"):
        calibrate(policy, near, plain(400), 0.5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("policy: 2\nchecks: [{metric: distance, margin: 0.2}]", "policy"),
        ("policy: 1\nchecks: []", "checks"),
        ("policy: 1\nchecks: [{metric: distnce, margin: 0.2}]", "metric"),
        ("policy: 1\nchecks: [{metric: distance, margn: 0.2}]", "margin"),
        ("policy: 1\nchecks: [{metric: kl, margin: 0.2}]", "--bound"),
        ("policy: 1\nchecks: [{metric: distance, margin: 2}]", "no distance is above"),
        ("policy: 1\nchecks: [&a {metric: distance, margin: 0.2}, *a]", "twice"),
    ],
)  # fmt: skip
def test_a_bad_policy_is_one_line(tmp_path, text, says):
    path = tmp_path / "gate.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        Policy.load(path)
    assert "\n" not in str(caught.value) and "gate.yaml" in str(caught.value)


def test_what_a_policy_cannot_show_is_said_before_a_model_runs(tmp_path):
    policy = Policy(policy=1, checks=(Check(metric="distance", margin=0.3, tag="t"),))
    assert check_policy(policy, plain(300, 200)) == [
        "distance on t: 200 independent probes cannot show less than 0.18 (distance, 95% limit, no"
        " difference at any)"
    ]
    with pytest.raises(InputError, match="cannot show"):
        check_policy(policy, plain(300, 20))
    with pytest.raises(InputError, match="no probe has the tag 't'"):
        check_policy(policy, plain(300))
    # The harder of two may be shown once the easier is: at alpha, not at half of it.
    between = sum(smallest_margin(np.arange(300), alpha=a) for a in (0.05, 0.025)) / 2
    pair = tuple(Check(metric="distance", margin=m, tag=t) for m, t in ((between, None), (1, "t")))
    assert len(check_policy(Policy(policy=1, checks=pair), plain(300, 300))) == 2
    alone = tuple(check.model_copy(update={"margin": between}) for check in pair)
    with pytest.raises(InputError, match="cannot show"):
        check_policy(Policy(policy=1, checks=alone), plain(300, 300))
    policy.save(tmp_path / "p.yaml")
    assert Policy.load(tmp_path / "p.yaml") == policy
