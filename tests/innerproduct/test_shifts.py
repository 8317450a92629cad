"""Cosines of shifts: value, delta-method error, coverage."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.errors import InputError
from behaviordist.innerproduct import pair_moments
from behaviordist.innerproduct.shifts import shift_moments
from tests.distance.worlds import fingerprint_of


def shifted(rng, n, angle, noise=0.5):
    """Linear functions whose shifts from the origin have a known cosine over x ~ N(0, I)."""
    x = rng.normal(size=(n, 6))
    o, e1, e2 = np.eye(6)[:3] * 3
    f, g = o + e1, o + np.cos(angle) * e1 + np.sin(angle) * e2
    return [
        fingerprint_of(label, x @ np.outer(w, [1.0, 2.0]))
        for label, w in zip("ofg", (o, f, g), strict=True)
    ]


def test_known_angle_and_gram():
    rng = np.random.default_rng(0)
    o, f, g = shifted(rng, 5000, 0.7)
    found = shift_moments([f, g], o)
    assert abs(found.cosines[0, 1] - np.cos(0.7)) < 3 * found.cosine_standard_errors[0, 1]
    squared = pair_moments([o, f, g]).squared
    np.testing.assert_allclose(np.diagonal(found.gram), squared[0, 1:], rtol=1e-4)
    inner = (squared[0, 1] + squared[0, 2] - squared[1, 2]) / 2
    assert found.gram[0, 1] == pytest.approx(inner, rel=1e-4)
    np.testing.assert_array_equal(np.diagonal(found.cosines), 1)


def test_error_agrees_with_a_direct_linearisation():
    rng = np.random.default_rng(1)
    o, f, g = shifted(rng, 120, 1.0)
    found = shift_moments([f, g], o)
    a, b = (x.features.astype(float) - o.features for x in (f, g))
    ab, aa, bb = (a * b).sum(1), (a * a).sum(1), (b * b).sum(1)
    c = ab.mean() / np.sqrt(aa.mean() * bb.mean())
    z = ab / np.sqrt(aa.mean() * bb.mean()) - c / 2 * (aa / aa.mean() + bb / bb.mean())
    assert found.cosines[0, 1] == pytest.approx(c, rel=1e-5)
    expected = z.std(ddof=1) / np.sqrt(120)
    assert found.cosine_standard_errors[0, 1] == pytest.approx(expected, rel=1e-3)


def test_a_behavior_that_did_not_move_has_no_direction():
    rng = np.random.default_rng(1)
    o, f, _ = shifted(rng, 20, 1.0)
    found = shift_moments([o, f], o)
    assert np.isnan(found.cosines[0]).all() and found.cosines[1, 1] == 1
    with pytest.raises(InputError, match="at least one beside the origin"):
        shift_moments([], o)


def test_the_gram_matrix_of_shifts_is_positive_semi_definite():
    rng = np.random.default_rng(3)
    prints = [fingerprint_of(str(k), rng.normal(size=(40, 3))) for k in range(9)]
    found = shift_moments(prints[1:], prints[0], weights=rng.random(40))
    values = np.linalg.eigvalsh(found.gram)
    assert values.min() > -1e-6 * values.max()
    assert np.all(np.abs(found.cosines) <= 1 + 1e-9)


@pytest.mark.slow
def test_intervals_cover():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(600):
        o, f, g = shifted(rng, 150, 1.0)
        found = shift_moments([f, g], o)
        hits += abs(found.cosines[0, 1] - np.cos(1.0)) < 1.976 * found.cosine_standard_errors[0, 1]
    assert 0.93 <= hits / 600 <= 0.97
