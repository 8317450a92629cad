"""Comparisons against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import rel_entr

from behaviordist.behaviors import ArrayBehavior
from behaviordist.distance import distances
from behaviordist.distance.comparison import compare, estimate
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from behaviordist.record import CompareRecord

COUNTS = (3, 1, 4, 2)
PROBES = ProbeSet(
    "four",
    tuple(
        Probe(f"p{i}", "<b>", "cé"[: i + 1], ("even" if i % 2 == 0 else "odd",)) for i in range(4)
    ),
)
PROBE = np.repeat(np.arange(4), COUNTS)


def distributions(seed, zeros=False):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(6), size=len(PROBE))
    if zeros:
        p[:, 0] = 0
        p /= p.sum(axis=1, keepdims=True)
    return p


def behavior(label, p):
    with np.errstate(divide="ignore"):
        return ArrayBehavior(label, PROBE, np.log(p).astype(np.float32))


def over_probes(rows):
    return np.mean([rows[i == PROBE].mean() for i in range(4)])


def test_measures_are_their_closed_forms():
    p, q = distributions(0), distributions(1)
    found = compare(behavior("a", p), behavior("b", q), PROBES).overall
    assert found["squared"].value == pytest.approx(
        over_probes(2 - 2 * np.sqrt(p * q).sum(1)), rel=1e-5
    )
    assert found["kl_forward"].value == pytest.approx(over_probes(rel_entr(p, q).sum(1)), rel=1e-5)
    assert found["kl_backward"].value == pytest.approx(over_probes(rel_entr(q, p).sum(1)), rel=1e-5)
    same = over_probes((p.argmax(1) == q.argmax(1)).astype(float))
    assert found["agreement"].value == pytest.approx(same)


def test_bits_are_those_of_the_text_a_byte_of_it():
    p, q, token = distributions(0), distributions(1), np.arange(len(PROBE)) % 6
    rows = np.arange(len(PROBE))
    named = (replace(behavior(n, x), token=token) for n, x in (("a", p), ("b", q)))
    found = compare(*named, PROBES)
    bits = np.log2(p[rows, token]) - np.log2(q[rows, token])
    n_bytes = [len(one.continuation.encode()) for one in PROBES]
    expected = np.bincount(PROBE, bits) / n_bytes
    np.testing.assert_allclose(found.measure("bits"), expected, rtol=1e-5)
    assert found.overall["bits"].value == pytest.approx(expected.mean(), rel=1e-5)
    cut = replace(behavior("cut", distributions(0, zeros=True)), token=token)
    # What has no probability costs infinitely many bits, whichever of the two says so.
    for pair in ([cut, behavior("b", q)], [behavior("b", q), cut]):
        pair = [replace(one, token=token) for one in pair]
        assert compare(*pair, PROBES).overall["bits"].value == np.inf
    unnamed = compare(behavior("a", p), behavior("b", q), PROBES)
    assert not unnamed.knows("bits")
    with pytest.raises(InputError, match="token="):
        unnamed.require("bits")


def test_it_agrees_with_the_distance_matrix():
    a, b = behavior("a", distributions(0)), behavior("b", distributions(1))
    matrix = distances([a, b], PROBES)
    found = compare(a, b, PROBES).overall["squared"]
    assert found.value == pytest.approx(matrix.squared[0, 1], rel=1e-5)
    assert found.standard_error == pytest.approx(matrix.squared_standard_errors[0, 1], rel=1e-4)


def test_a_behavior_does_not_differ_from_itself():
    a = behavior("a", distributions(0))
    found = compare(a, behavior("again", distributions(0)), PROBES)
    assert found.overall["squared"].value == 0
    assert found.overall["agreement"].value == 1
    assert all(not d.moved for d in found.differences)


def test_tokens_without_probability_make_one_divergence_infinite_and_the_other_not():
    p, q = distributions(0, zeros=True), distributions(1)
    found = compare(behavior("cut", p), behavior("full", q), PROBES)
    assert found.overall["kl_forward"].value == pytest.approx(
        over_probes(rel_entr(p, q).sum(1)), rel=1e-5
    )
    assert found.overall["kl_backward"].value == np.inf
    written = CompareRecord(comparison=found).to_json()["comparison"]
    assert written["overall"]["kl_backward"]["value"] is None
    again = CompareRecord.model_validate({"comparison": written}).comparison
    assert again.overall["kl_backward"].value == np.inf, "never missing: null is infinite"


def test_tags_and_largest_differences():
    p = distributions(0)
    q = p.copy()
    q[PROBE == 2] = p[PROBE == 2][:, ::-1]
    row = int(np.flatnonzero(PROBE == 3)[1])
    q[row, [0, 1]] = p[row, [1, 0]]
    found = compare(behavior("a", p), behavior("b", q), PROBES, differences=2)
    assert [d.probe for d in found.differences] == ["p2", "p3"]
    assert found.n_by_tag == {"even": 2, "odd": 2}
    assert found.by_tag["odd"]["squared"].value < found.by_tag["even"]["squared"].value
    moved = {m.token: (m.reference, m.candidate) for m in found.differences[1].moved}
    assert moved.keys() == {"#0", "#1"}
    assert moved["#0"] == pytest.approx((p[row, 0], p[row, 1]), rel=1e-5)
    assert "token 2 of the continuation" in found.differences[1].context


def test_paraphrases_count_once():
    """Copying every probe into a group of two changes no estimate and no standard error."""
    values = np.random.default_rng(0).normal(size=40)
    alone = estimate(values, np.arange(40))
    doubled = estimate(np.repeat(values, 2), np.repeat(np.arange(40), 2))
    assert alone.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    assert doubled.value == pytest.approx(alone.value)
    assert doubled.standard_error == pytest.approx(alone.standard_error)
    assert doubled.degrees_of_freedom == alone.degrees_of_freedom == 39


def test_the_token_is_shown_in_its_context_before_and_after():
    """Two tokens a probe; at the second the candidate moves: it is marked, with p under both."""

    class Spelled(ArrayBehavior):
        def token_text(self, token):
            return (" yes", " no", " é")[token]

    rows = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]] * 2
    moved = [[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]
    token = np.array([0, 1, 0, 1])
    probes = ProbeSet("two", tuple(Probe(f"p{i}", "Well?", " yes no, then") for i in range(2)))
    a, b = (
        Spelled(name, [0, 0, 1, 1], np.log(p).astype(np.float32), token=token)
        for name, p in (("a", rows), ("b", moved))
    )
    first = compare(a, b, probes, differences=2).differences[0]
    assert first.probe == "p0"
    place = first.place
    assert (place.before, place.token, place.after) == ("Well? yes", " no", ", then")
    assert (place.reference, place.candidate) == pytest.approx((0.8, 0.2))
    apart = ProbeSet("two", tuple(Probe(f"p{i}", "Well?", " maybe") for i in range(2)))
    assert all(d.place is None for d in compare(a, b, apart).differences)
