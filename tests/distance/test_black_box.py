"""Behaviors that only answer: the size and power of their test, and what likeliest tokens bound."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import rel_entr

from behaviordist.distance.black_box.comparison import (
    check_answer_gate,
    compare_answers,
    gate_answers,
)
from behaviordist.distance.black_box.top_tokens import bounds
from behaviordist.distance.black_box.two_sample import two_sample
from behaviordist.distance.fingerprints.samples import sample_distances
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from behaviordist.report.answers_page import said

WORDS = ("yes", "yes.", "no", "perhaps", "certainly not")


def drawn(rng, rows, m):
    """Answers of a behavior with these distributions over the words, m a prompt."""
    return [tuple(WORDS[k] for k in rng.choice(len(WORDS), m, p=row)) for row in rows]


def planted(rng, n, moved):
    """Distributions of two behaviors at n prompts, so much of the mass moved to one word."""
    rows = rng.dirichlet(np.ones(len(WORDS)), n)
    return rows, (1 - moved) * rows + moved * np.eye(len(WORDS))[2]


def rejections(repeats, n, m, moved, kernel, permutations=99):
    rng, found = np.random.default_rng(7), 0
    for k in range(repeats):
        p, q = planted(rng, n, moved)
        pair = drawn(rng, p, m), drawn(rng, q, m)
        found += two_sample(*pair, kernel, permutations=permutations, seed=k).p <= 0.05
    return found / repeats


def test_the_statistic_is_that_of_the_samples_geometry():
    rng = np.random.default_rng(0)
    p, q = planted(rng, 12, 0.4)
    a, b = drawn(rng, p, 4), drawn(rng, q, 6)
    for kernel in ("exact-match", "character-ngrams"):
        found = two_sample(a, b, kernel, permutations=9)
        assert found.values.mean() == pytest.approx(
            sample_distances({"a": a, "b": b}, kernel).squared[0, 1]
        )


def test_p_is_that_of_all_relabellings():
    """One prompt, two answers a side: 6 labellings, 2 of them as far apart as what was seen."""
    found = two_sample([("a", "a")], [("b", "b")], "exact-match", permutations=6000)
    assert found.p == pytest.approx(2 / 6, abs=0.02)


def test_size_is_held_and_a_planted_change_is_seen():
    """Of 400 pairs that answer alike at most 5 % are told apart, within three standard errors."""
    assert rejections(400, 6, 3, 0.0, "exact-match") <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert rejections(40, 40, 8, 0.3, "exact-match") >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["exact-match", "character-ngrams"])
@pytest.mark.parametrize(("n", "m"), [(1, 8), (10, 2), (40, 4)])
def test_size_is_held_whatever_the_shape(kernel, n, m):
    repeats = 1500
    size = rejections(repeats, n, m, 0.0, kernel)
    assert size <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / repeats)
    assert rejections(100, 100, 8, 0.3, kernel) >= 0.8


def top(row, k):
    order = np.argsort(-row)[:k]
    return {f"t{i}": math.log(row[i]) for i in order}


@pytest.mark.parametrize("k", [1, 3, 5, 20])
def test_bounds_hold_for_every_pair_of_distributions(k):
    rng = np.random.default_rng(k)
    for concentration in (0.05, 0.3, 2.0) * 20:
        p, q = rng.dirichlet(np.full(20, concentration), 2) + 1e-9
        p, q = p / p.sum(), q / q.sum()
        found = bounds(top(p, k), top(q, k))
        squared = ((np.sqrt(p) - np.sqrt(q)) ** 2).sum()
        assert found.squared_low - 1e-4 <= squared <= found.squared_high + 1e-6
        forward, backward = rel_entr(p, q).sum(), rel_entr(q, p).sum()
        assert found.kl_forward <= forward + 1e-4
        assert found.kl_backward <= backward + 1e-4
        if k == 20:  # all is known
            assert found.kl_forward == pytest.approx(forward, abs=1e-3)
            assert found.squared_low == pytest.approx(squared, abs=1e-3)


def kl(z, known, own, theirs, rest_p, rest_q):
    return known + rel_entr([own, z[1], rest_p - z[1]], [z[0], theirs, rest_q - z[0]]).sum()


def test_the_smallest_kl_is_that_of_a_general_optimiser():
    """Over the two unknown masses, by L-BFGS from several starts."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        p, q = rng.dirichlet(np.full(12, 0.5), 2)
        a, b = top(p, 3), top(q, 3)
        mine, other = a.keys() - b.keys(), b.keys() - a.keys()
        own, theirs = (sum(math.exp(d[t]) for t in s) for d, s in ((a, mine), (b, other)))
        rest_p, rest_q = (1 - sum(map(math.exp, d.values())) for d in (a, b))
        most = (
            min(rest_q, len(mine) * math.exp(min(b.values()))),
            min(rest_p, len(other) * math.exp(min(a.values()))),
        )
        known = sum(math.exp(a[t]) * (a[t] - b[t]) for t in a.keys() & b.keys())

        masses = (known, own, theirs, rest_p, rest_q)
        box = [(1e-9, max(limit - 1e-9, 2e-9)) for limit in most]
        least = min(
            minimize(kl, [lo + s * (hi - lo) for lo, hi in box], masses, bounds=box).fun
            for s in (0.1, 0.5, 0.9)
        )
        assert bounds(a, b).kl_forward == pytest.approx(max(least, 0), abs=2e-4)


def probes(n):
    return ProbeSet("made", tuple(Probe(f"p{i}", f"ask {i}", "", (f"t{i % 2}",)) for i in range(n)))


def test_a_comparison_says_where_and_the_gate_decides_on_limits():
    rng, n = np.random.default_rng(1), 400
    rows, moved = planted(rng, n, 0.5)
    moved[1::2] = rows[1::2]  # only tag t0 changes
    a, b, again = drawn(rng, rows, 8), drawn(rng, moved, 8), drawn(rng, rows, 8)
    found = compare_answers({"a": a, "b": b}, probes(n), "exact-match")
    assert found.p == 1 / 2000 and found.low <= found.distance <= found.high
    assert found.by_tag["t0"].bound(0.975, -1) > found.by_tag["t1"].value
    assert found.differences[0].squared == found.values.max()
    same = compare_answers({"a": a, "c": again}, probes(n), "exact-match")
    assert gate_answers(same, 0.5).equivalent
    assert gate_answers(found, 0.2).verdict != "within"
    assert "distance of answers" in gate_answers(same, 0.5).sentence()


@pytest.mark.parametrize(("p", "words"), [(0.05, "do not answer alike"), (0.051, "no sameness")])
def test_what_is_said_follows_from_p(p, words):
    rows = [("a", "b")] * 3
    found = replace(compare_answers({"a": rows, "b": rows}, probes(3), "exact-match"), p=p)
    assert words in said(found) and f"p = {p:.3g}" in said(found)


@pytest.mark.slow
def test_a_candidate_at_the_margin_passes_in_five_of_a_hundred_at_most():
    """Planted at a distance that is known; the margin lies there."""
    rng, passed, repeats, n = np.random.default_rng(5), 0, 400, 150
    p, q = np.array([0.5, 0.5, 0, 0, 0]), np.array([0.1, 0.5, 0.4, 0, 0])
    margin = math.sqrt(((p - q) ** 2).sum())
    for _ in range(repeats):
        pair = {"a": drawn(rng, [p] * n, 3), "b": drawn(rng, [q] * n, 3)}
        found = compare_answers(pair, probes(n), "exact-match")
        passed += gate_answers(found, margin).equivalent
    assert passed / repeats <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / repeats)


def test_what_cannot_be_shown_is_refused_first():
    group = np.arange(10)
    with pytest.raises(InputError, match="10 independent probes cannot show a distance of answers"):
        check_answer_gate(group, 0.2, 0.05)
    assert "cannot show" in check_answer_gate(np.arange(2000), 0.5, 0.05)
    with pytest.raises(InputError, match="a margin of 2 is none"):
        check_answer_gate(group, 2, 0.05)
    with pytest.raises(InputError, match="fewer than two answers"):
        two_sample([("a",)], [("a", "b")])
