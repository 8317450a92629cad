"""Log-likelihood distances: variance of the ratio, units, tokenizers, fixed limits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from behaviordist.behaviors import ArrayBehavior, InferenceSettings
from behaviordist.distance import distances, fingerprint
from behaviordist.distance.fingerprints.loglik import loglik_distances
from behaviordist.errors import InputError
from behaviordist.innerproduct.geometries.loglik import limited
from tests.distance.worlds import normalise, probe_set

N = 40
PROBES = probe_set(N)


def scored(label, seed, v=9, positions=2, scale=1.0):
    rng = np.random.default_rng(seed)
    log_p = normalise(scale * rng.normal(size=(N * positions, v)))
    token = np.random.default_rng(99).integers(0, v, size=N * positions)
    return ArrayBehavior(
        label, np.repeat(np.arange(N), positions), log_p, vocabulary=f"v{v}", token=token
    )


def nats(b):
    picked = b.log_p[np.arange(len(b.token)), b.token].astype(float)
    return np.bincount(b.probe, picked)


def test_squared_distance_is_the_variance_of_the_log_ratio_across_tokenizers():
    a, b = scored("a", 0), scored("b", 1, v=23, positions=3)
    found = distances([a, b], PROBES, "loglik")
    ratio = nats(a) - nats(b)
    assert found.squared[0, 1] == pytest.approx(ratio.var(ddof=1), rel=1e-5)
    influence = (ratio - ratio.mean()) ** 2
    expected = influence.std(ddof=1) / np.sqrt(N)
    assert found.squared_standard_errors[0, 1] == pytest.approx(expected, rel=0.05)


def test_bits_per_byte_and_units():
    a, b = scored("a", 0), scored("b", 1)
    prints = fingerprint([a, b], PROBES, ("loglik",))["loglik"]
    found = loglik_distances(prints, PROBES, unit="bits per byte")
    n_bytes = len("continuation")
    rate = (nats(a) - nats(b)) / (np.log(2) * n_bytes)
    assert found.squared[0, 1] == pytest.approx(rate.var(ddof=1), rel=1e-5)
    code = -nats(a).sum() / np.log(2) / (N * n_bytes)
    assert found.metadata["bits_per_byte"]["a"] == pytest.approx(code, rel=1e-5)
    with pytest.raises(InputError, match="did you mean 'nats'"):
        loglik_distances(prints, PROBES, unit="nat")


def test_two_kl_for_near_sequence_models():
    """Texts drawn from p: Var[log p/q] ~ 2 KL(p, q)."""
    rng = np.random.default_rng(0)
    n, v = 30_000, 6
    p = normalise(rng.normal(size=v))
    q = normalise(p + 0.1 * rng.normal(size=v))
    text = rng.choice(v, size=n, p=np.exp(p))
    kl = np.sum(np.exp(p) * (p - q))
    probes = probe_set(n)
    made = [
        ArrayBehavior(label, np.arange(n), np.tile(row, (n, 1)), token=text)
        for label, row in (("p", p), ("q", q))
    ]
    found = distances(made, probes, "loglik")
    assert found.squared[0, 1] == pytest.approx(2 * kl, rel=0.08)


def test_limits_depend_on_references_and_never_on_the_set():
    behaviors = [scored(f"b{i}", i, scale=3.0) for i in range(4)]
    prints = fingerprint(behaviors, PROBES, ("loglik",))["loglik"]
    few = loglik_distances(prints[:2], PROBES, references=prints[3:], most=0.1)
    many = loglik_distances(prints, PROBES, references=prints[3:], most=0.1)
    np.testing.assert_array_equal(few.squared, many.squared[:2, :2])
    free = loglik_distances(prints, PROBES)
    assert few.squared[0, 1] < free.squared[0, 1]
    values = limited(np.array([[-50.0, -1.0]]), np.array([-10.0, -2.0]), np.array([10, 10]), 0.5)
    np.testing.assert_allclose(values, [[-15.0, -1.0]])
    with pytest.raises(InputError, match="needs reference"):
        loglik_distances(prints, PROBES, most=0.1)
    with pytest.raises(InputError, match="above zero"):
        loglik_distances(prints, PROBES, references=prints, most=0.0)


def test_impossible_texts_and_unknown_tokens_are_refused():
    a = scored("a", 0)
    cut = dataclasses.replace(a, label="cut", settings=InferenceSettings(top_k=1))
    with pytest.raises(InputError, match="'cut', probe 'p\\d+': its text has probability zero"):
        distances([a, cut], PROBES, "loglik")
    blind = ArrayBehavior("blind", a.probe, a.log_p)
    with pytest.raises(InputError, match="does not say which tokens"):
        distances([blind], PROBES, "loglik")
