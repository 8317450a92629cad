"""Distances from answers alone: unbiased, zero for a behavior against itself, kernels."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.behaviors import ArrayBehavior
from behaviordist.distance import distances, fingerprint, sample_distances
from behaviordist.errors import InputError
from behaviordist.innerproduct.geometries.samples import character_ngrams
from tests.distance.worlds import normalise, probe_set


def draw(rng, p, n, m):
    """n prompts, m answers each, from p (V,) or (n, V)."""
    p = np.broadcast_to(p, (n, p.shape[-1]))
    return [[f"answer {k}" for k in rng.choice(len(row), size=m, p=row)] for row in p]


def test_exact_match_is_the_euclidean_geometry_of_answers():
    rng = np.random.default_rng(0)
    n, v = 300, 6
    f, g = rng.dirichlet(np.ones(v), size=(2, n))
    found = sample_distances({"f": draw(rng, f, n, 6), "g": draw(rng, g, n, 6)})
    probes = probe_set(n)
    exact = distances(
        [
            ArrayBehavior("f", np.arange(n), normalise(np.log(f))),
            ArrayBehavior("g", np.arange(n), normalise(np.log(g))),
        ],
        probes,
        "euclidean",
    )
    error = found.squared_standard_errors[0, 1]
    assert abs(found.squared[0, 1] - exact.squared[0, 1]) < 2.5 * error
    assert error < 0.1 * found.squared[0, 1]


@pytest.mark.parametrize("v", [2, 50, 5000])
def test_a_behavior_is_at_distance_zero_from_itself_whatever_its_entropy(v):
    rng = np.random.default_rng(v)
    p = np.full(v, 1 / v)
    values = [
        sample_distances({"a": draw(rng, p, 10, 4), "b": draw(rng, p, 10, 4)}).squared[0, 1]
        for _ in range(200)
    ]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 2.5 * error + 1e-12
    if v == 2:
        assert min(values) < 0


@pytest.mark.slow
def test_intervals_cover():
    rng = np.random.default_rng(5)
    population_f, population_g = rng.dirichlet(np.ones(5), size=(2, 4000))
    true = np.mean(np.sum((population_f - population_g) ** 2, axis=1))
    hits = 0
    for _ in range(600):
        rows = rng.integers(0, 4000, size=80)
        found = sample_distances(
            {"f": draw(rng, population_f[rows], 80, 4), "g": draw(rng, population_g[rows], 80, 4)}
        )
        low, high = found.interval()
        hits += low[0, 1] <= true <= high[0, 1]
    assert 0.93 <= hits / 600 <= 0.97


def test_kernels():
    gram = character_ngrams(["reverse", "reversed", "xyz"])
    np.testing.assert_allclose(np.diagonal(gram), 1)
    assert gram[0, 1] > 0.8 > 0.2 > gram[0, 2]
    answers = {"a": [["12", "12"]] * 3, "b": [["13", "13"]] * 3}
    assert sample_distances(answers).squared[0, 1] == pytest.approx(2)
    near = sample_distances(answers, "character-ngrams").squared[0, 1]
    assert 0 < near < 2
    by_number = sample_distances(answers, lambda y, z: float(y) * float(z))
    assert by_number.squared[0, 1] == pytest.approx((12 - 13) ** 2)
    with pytest.raises(InputError, match="did you mean 'exact-match'"):
        sample_distances(answers, "exact")
    with pytest.raises(InputError, match="symmetric"):
        sample_distances({"a": [["1", "2"]]}, lambda y, z: float(y > z))


def test_paraphrases_widen_the_error():
    rng = np.random.default_rng(0)
    f = np.repeat(rng.dirichlet(np.full(4, 0.2), size=30), 5, axis=0)
    g = np.repeat(rng.dirichlet(np.full(4, 0.2), size=30), 5, axis=0)
    answers = {"f": draw(rng, f, 150, 8), "g": draw(rng, g, 150, 8)}
    groups = [f"g{k // 5}" for k in range(150)]
    apart, together = sample_distances(answers), sample_distances(answers, groups=groups)
    assert together.squared[0, 1] == pytest.approx(apart.squared[0, 1])
    assert together.squared_standard_errors[0, 1] > 1.7 * apart.squared_standard_errors[0, 1]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "no answers"),
        ({"a": [["x", "x"]], "b": []}, "'b' answers 0 prompts and 'a' 1"),
        ({"a": [["x", "x"], ["x"]]}, "'a' has 1 answers to prompt 1.*at least two"),
    ],
)
def test_bad_answers(answers, words):
    with pytest.raises(InputError, match=words):
        sample_distances(answers)


def test_fingerprints_of_answers_do_not_exist():
    b = ArrayBehavior("b", np.arange(2), normalise(np.zeros((2, 3))))
    with pytest.raises(InputError, match="sample_distances"):
        fingerprint([b], probe_set(2), ("samples",))
