"""Policies: checks decided together by Holm, tags, margins set by replicates of the reference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from behaviordist.distance import compare
from behaviordist.distance.black_box.comparison import (
    answers_that_differ_nowhere,
    compare_answers,
    gate_answers,
)
from behaviordist.distance.gate import gate, smallest_margin
from behaviordist.errors import InputError
from behaviordist.evals import EvalScores, gate_evals
from behaviordist.evals.read import CANDIDATE, REFERENCE
from behaviordist.policy.declared import Check, Policy
from behaviordist.policy.hold import calibrate, check_policy, hold
from behaviordist.policy.questions import Known, part_of
from behaviordist.probes import Probe, ProbeSet
from tests.distance.test_gate import WORLDS, comparison
from tests.distance.worlds import behavior, probe_set


def plain(n: int, tagged: int = 0) -> ProbeSet:
    """Probes without text; the first `tagged` have the tag "t"."""
    probes = (Probe(f"p{i}", "x", "y", ("t",) if i < tagged else ()) for i in range(n))
    return ProbeSet("p", tuple(probes))


def known(found) -> Known:
    return Known((found.reference, found.candidate), plain(found.n_probes), found)


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
    held = hold(Policy(policy=1, checks=checks), known(found))
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
        held = hold(policy, Known(probes=probes, comparison=found))
        wrong += any(one.equivalent for one in held.gates)
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
    first = calibrate(policy, known(near))
    high = gate(near, 1.0).high
    assert first.checks[0].margin == pytest.approx(1.5 * high, rel=1e-2)
    assert "1.5 times" in str(first.checks[0].calibrated)
    second = calibrate(first, known(far))
    assert second.checks[0].margin > first.checks[0].margin
    assert calibrate(second, known(near)) == second
    assert hold(second, known(near)).passed
    with pytest.raises(InputError, match="at least 1"):
        calibrate(policy, known(near), 0.5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("policy: 2\nchecks: [{metric: distance, margin: 0.2}]", "policy"),
        ("policy: 1\nchecks: []", "checks"),
        ("policy: 1\nchecks: [{metric: distnce, margin: 0.2}]", "metric"),
        ("policy: 1\nchecks: [{metric: distance, margn: 0.2}]", "margin"),
        ("policy: 1\nchecks: [{metric: kl, margin: 0.2}]", "--bound"),
        ("policy: 1\nchecks: [{metric: distance, margin: 2}]", "no distance is above"),
        ("policy: 1\nchecks: [{metric: distance, margin: 0.2, bound: 1}]", "bound does nothing"),
        ("policy: 1\nchecks: [{metric: kl, margin: 0.2, test: equivalence}]", "test does nothing"),
        ("policy: 1\nchecks: [{metric: evals, margin: 2}]", "between 0 and 1"),
        ("policy: 1\nchecks: [{metric: evals, margin: 0.1, test: x}]", "test"),
        ("policy: 1\nchecks: [{metric: answers, margin: 2}]", "distance of answers lies"),
        ("policy: 1\nevals: {rnge: [0, 1]}\nchecks: [{metric: evals, margin: 0.1}]", "range"),
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
    assert check_policy(policy, Known(probes=plain(300, 200))) == [
        "distance on t: 200 independent probes cannot show less than 0.18 (distance, 95% limit, no"
        " difference at any)"
    ]
    with pytest.raises(InputError, match="cannot show"):
        check_policy(policy, Known(probes=plain(300, 20)))
    with pytest.raises(InputError, match="no probe has the tag 't'"):
        check_policy(policy, Known(probes=plain(300)))
    # The harder of two may be shown once the easier is: at alpha, not at half of it.
    between = sum(smallest_margin(np.arange(300), alpha=a) for a in (0.05, 0.025)) / 2
    pair = tuple(Check(metric="distance", margin=m, tag=t) for m, t in ((between, None), (1, "t")))
    assert len(check_policy(Policy(policy=1, checks=pair), Known(probes=plain(300, 300)))) == 2
    alone = tuple(check.model_copy(update={"margin": between}) for check in pair)
    with pytest.raises(InputError, match="cannot show"):
        check_policy(Policy(policy=1, checks=alone), Known(probes=plain(300, 300)))
    policy.save(tmp_path / "p.yaml")
    assert Policy.load(tmp_path / "p.yaml") == policy


def scores(change, task="quiz") -> EvalScores:
    """Scores of a reference that is always right and a candidate that loses some items."""
    n = len(change)
    epochs = np.stack([np.ones(n), 1 + np.asarray(change, dtype=float)], axis=1)[:, :, None]
    items = tuple((task if i % 2 else "other", f"q{i}") for i in range(n))
    tags = tuple("t" if i < n // 2 else "" for i in range(n))
    return EvalScores((REFERENCE, CANDIDATE), items, epochs, tags, np.arange(n))


def test_evals_are_decided_as_their_own_gate_decides_them_by_task_and_tag():
    lost = -1.0 * (np.random.default_rng(0).random(800) < 0.01)
    found, checks = scores(lost), []
    for name in (None, "quiz", "t"):
        for test in ("non-inferiority", "equivalence", "disagreement"):
            checks.append(Check(metric="evals", margin=0.08, test=test, tag=name))
    for check in checks:
        held = hold(Policy(policy=1, checks=(check,)), Known(evals=found))
        have = [
            check.tag in (None, task, tag)
            for (task, _), tag in zip(found.items, found.tags, strict=True)
        ]
        alone = gate_evals(found.part(np.array(have)), REFERENCE, CANDIDATE, 0.08, check.asked)
        assert held.gates == (alone,)
    # All of them together: the smallest that each needed, and none of it is lost.
    policy = calibrate(Policy(policy=1, checks=tuple(checks)), Known(evals=found), 1.0001)
    for check, one in zip(policy.checks, hold(policy, Known(evals=found)).gates, strict=True):
        assert check.margin == pytest.approx(one.needed, rel=0.5) and "items" in check.calibrated
    with pytest.raises(InputError, match="no item has the tag 'quizz'; did you mean 'quiz'"):
        check_policy(
            Policy(policy=1, checks=(checks[0].model_copy(update={"tag": "quizz"}),)),
            Known(evals=found),
        )
    with pytest.raises(
        InputError,
        match=r"evals, non-inferiority, margin 0\.001: 800 independent items cannot show",
    ):
        check_policy(
            Policy(policy=1, checks=(Check(metric="evals", margin=0.001),)), Known(evals=found)
        )


def test_answers_are_decided_as_their_own_gate_decides_them():
    probes = plain(400, 300)
    said = {"a": [("x", "x")] * 400, "b": [("x", "x")] * 390 + [("z", "z")] * 10}
    found = compare_answers(said, probes, "exact-match")
    few = compare_answers({k: v[:300] for k, v in said.items()}, plain(300), "exact-match")
    known = Known(probes=probes, answers=found)
    for tag, alone in ((None, found), ("t", few)):
        policy = Policy(policy=1, checks=(Check(metric="answers", margin=0.5, tag=tag),))
        assert hold(policy, known).gates == (gate_answers(alone, 0.5),)
        margin = calibrate(policy, known, 2).checks[0].margin
        assert margin == pytest.approx(2 * gate_answers(alone, 0.5).high, rel=1e-2)
    near = compare_answers({k: [("x", "y")] * 400 for k in "ab"}, probes, "exact-match")
    margin = calibrate(policy, Known(probes=probes, answers=near), 1).checks[0].margin
    assert margin == pytest.approx(answers_that_differ_nowhere(np.arange(300), 0.05), rel=1e-2)
    policy = Policy(policy=1, checks=(Check(metric="answers", margin=0.1, tag="t"),))
    with pytest.raises(InputError, match=r"on t, margin 0\.1: 300 independent probes cannot show"):
        check_policy(policy, known)


@pytest.mark.slow
def test_of_items_and_tokens_any_is_called_within_in_one_policy_of_twenty_at_most():
    rng, n, margin = np.random.default_rng(5), 300, 0.06
    checks = (Check(metric="distance", margin=margin**0.5), Check(metric="evals", margin=margin))
    policy, wrong = Policy(policy=1, checks=checks), 0
    for _ in range(1000):
        far = comparison(np.minimum(margin * rng.exponential(1.0, n), 2.0))
        known = Known(
            probes=plain(n), comparison=far, evals=scores(-1.0 * (rng.random(n) < margin))
        )
        wrong += any(one.verdict == "within" for one in hold(policy, known).gates)
    assert binomtest(wrong, 1000, 0.05, alternative="greater").pvalue > 1e-3
