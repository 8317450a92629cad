"""Each geometry against its closed form."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.distance.analysis.scikit_bio import scikit_bio
from behaviordist.errors import InputError
from behaviordist.innerproduct import GEOMETRIES, get_geometry

clr = scikit_bio("skbio.stats.composition").clr
RNG = np.random.default_rng(3)
P = RNG.dirichlet(np.ones(7), size=20)
Q = RNG.dirichlet(np.ones(7), size=20)
PI = RNG.dirichlet(np.ones(7), size=20)


def squared(name, p, q, pi=None):
    geometry = get_geometry(name)
    reference = None if pi is None else np.log(pi)
    difference = geometry.features(np.log(p), reference) - geometry.features(np.log(q), reference)
    return np.sum(difference.astype(float) ** 2, axis=1)


def test_hellinger_is_two_minus_two_bhattacharyya():
    bc = np.sqrt(P * Q).sum(axis=1)
    np.testing.assert_allclose(
        np.sqrt(squared("hellinger", P, Q)), np.sqrt(2 * (1 - bc)), rtol=1e-5
    )


def test_euclidean_is_the_brier_divergence():
    np.testing.assert_allclose(squared("euclidean", P, Q), ((P - Q) ** 2).sum(axis=1), rtol=1e-5)


def test_aitchison_agrees_with_scikit_bio():
    expected = ((clr(P) - clr(Q)) ** 2).sum(axis=1)
    np.testing.assert_allclose(squared("aitchison", P, Q), expected, rtol=1e-5)


def test_fisher_is_the_variance_of_the_log_ratio():
    ratio = np.log(P / Q)
    mean = (PI * ratio).sum(axis=1, keepdims=True)
    expected = (PI * (ratio - mean) ** 2).sum(axis=1)
    np.testing.assert_allclose(squared("fisher", P, Q, PI), expected, rtol=1e-4)


def test_fisher_is_two_kl_for_small_shifts():
    logits = np.log(PI) + 0.05 * RNG.normal(size=PI.shape)
    near = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    kl = (PI * np.log(PI / near)).sum(axis=1)
    assert squared("fisher", PI, near, PI).sum() == pytest.approx(2 * kl.sum(), rel=0.05)
    np.testing.assert_allclose(squared("fisher", PI, near, PI), 2 * kl, rtol=0.15)


@pytest.mark.parametrize(
    ("name", "closed_form"),
    [
        ("hellinger", lambda a, b: 2 - 2 * (np.sqrt(a * b) + np.sqrt((1 - a) * (1 - b)))),
        ("euclidean", lambda a, b: 2 * (a - b) ** 2),
        ("aitchison", lambda a, b: (np.log(a / (1 - a)) - np.log(b / (1 - b))) ** 2 / 2),
    ],
)
def test_two_tokens_in_closed_form(name, closed_form):
    a, b = np.meshgrid([0.05, 0.3, 0.5, 0.8], [0.1, 0.4, 0.9])
    a, b = a.ravel(), b.ravel()
    found = squared(name, np.stack([a, 1 - a], 1), np.stack([b, 1 - b], 1))
    np.testing.assert_allclose(found, closed_form(a, b), rtol=1e-4, atol=1e-7)


def test_two_tokens_fisher_in_closed_form():
    a, b, pi = 0.3, 0.6, 0.2
    logit = np.log(a / (1 - a)) - np.log(b / (1 - b))
    rows = [np.array([[x, 1 - x]]) for x in (a, b, pi)]
    np.testing.assert_allclose(squared("fisher", *rows), pi * (1 - pi) * logit**2, rtol=1e-5)


def test_zero_probabilities_where_they_are_allowed():
    p, q = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 0.5, 0.5]])
    with np.errstate(divide="ignore"):
        assert squared("hellinger", p, q)[0] == pytest.approx(2, rel=1e-6)
        assert squared("euclidean", p, q)[0] == pytest.approx(1.5, rel=1e-6)
    assert {n for n, g in GEOMETRIES.items() if g.full_support} == {"aitchison", "fisher"}


def test_unknown_geometry_suggests_the_nearest():
    with pytest.raises(InputError, match=r"unknown geometry 'helinger'.*did you mean 'hellinger'"):
        get_geometry("helinger")
