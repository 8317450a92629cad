"""All pairs in one pass against the plain definition; properties of the result."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import skew

from behaviordist.errors import InputError
from behaviordist.innerproduct import pair_moments
from behaviordist.innerproduct.batches import plan_batches
from behaviordist.innerproduct.pairs import TILE
from tests.distance.worlds import fingerprint_of


def random_fingerprints(n, n_probes=30, size=5, seed=0, positions=True, **identity):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, size=n_probes) if positions else np.ones(n_probes, dtype=int)
    probe = np.repeat(np.arange(n_probes), counts)
    return [
        fingerprint_of(f"b{i}", rng.normal(size=(len(probe), size)).astype("f4"), probe, **identity)
        for i in range(n)
    ]


def per_probe(a, b):
    """Definition: mean over a probe's positions of the squared difference."""
    rows = ((a.features.astype(float) - b.features.astype(float)) ** 2).sum(axis=1)
    return np.bincount(a.probe, rows) / np.bincount(a.probe)


def test_equals_the_definition():
    prints = random_fingerprints(4)
    moments = pair_moments(prints)
    for i in range(4):
        for j in range(4):
            values = per_probe(prints[i], prints[j])
            assert moments.squared[i, j] == pytest.approx(values.mean(), rel=1e-5)
            error = values.std(ddof=1) / np.sqrt(len(values))
            assert moments.squared_standard_errors[i, j] == pytest.approx(error, rel=1e-4)
            if i != j:
                assert moments.skewness[i, j] == pytest.approx(
                    skew(values, bias=False) / np.sqrt(30), abs=1e-3
                )
    assert moments.degrees_of_freedom == 29


def test_weights_repeat_probes():
    prints = random_fingerprints(3, positions=False)
    weights = np.random.default_rng(1).integers(0, 4, size=30).astype(float)
    doubled = [
        dataclasses.replace(
            f,
            features=np.repeat(f.features, weights.astype(int), axis=0),
            probe=np.arange(int(weights.sum())),
            group=np.arange(int(weights.sum())),
        )
        for f in prints
    ]
    found, expected = pair_moments(prints, weights=weights), pair_moments(doubled)
    np.testing.assert_allclose(found.squared, expected.squared, rtol=1e-5)
    values, share = per_probe(prints[0], prints[1]), weights / weights.sum()
    used = int((weights > 0).sum())
    residual = share * (values - share @ values)
    expected_error = np.sqrt(used / (used - 1) * np.sum(residual**2))
    assert found.squared_standard_errors[0, 1] == pytest.approx(expected_error, rel=1e-4)


@pytest.mark.parametrize("weights", [[1.0], [-1.0] * 30, [0.0] * 30, [np.nan] * 30])
def test_bad_weights_are_refused(weights):
    with pytest.raises(InputError, match="weights"):
        pair_moments(random_fingerprints(2), weights=np.array(weights))


def test_small_blocks_and_few_batches_give_the_same_distances():
    prints = random_fingerprints(5, n_probes=57)
    whole, pieces = pair_moments(prints), pair_moments(prints, block_bytes=1)
    np.testing.assert_array_equal(whole.squared, pieces.squared)
    batched = pair_moments(prints, max_batches=7)
    np.testing.assert_allclose(whole.squared, batched.squared, rtol=1e-5)
    assert batched.degrees_of_freedom == pytest.approx(6, abs=0.05)


def test_more_behaviors_leave_the_others_to_the_last_bit():
    prints = random_fingerprints(TILE + 9, n_probes=12, size=3)
    full = pair_moments(prints)
    for n in (2, 5, TILE - 1, TILE, TILE + 1):
        fewer = pair_moments(prints[:n])
        np.testing.assert_array_equal(fewer.squared, full.squared[:n, :n])
        np.testing.assert_array_equal(
            fewer.squared_standard_errors, full.squared_standard_errors[:n, :n]
        )


def test_close_pairs_far_from_zero_keep_their_distance():
    rng = np.random.default_rng(0)
    base = 100 + rng.normal(size=(40, 8)).astype("f4")
    near = base + rng.choice([-(2.0**-10), 2.0**-10], size=base.shape).astype("f4")
    moments = pair_moments([fingerprint_of("a", base), fingerprint_of("b", near)])
    assert moments.squared[0, 1] == pytest.approx(8 * 2.0**-20, rel=1e-6)


def test_paraphrases_share_a_batch():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(24), 5)
    effect = rng.normal(size=(24, 6))[groups]  # the same in all paraphrases
    a, b = np.zeros((120, 6), dtype="f4"), effect.astype("f4")
    apart = pair_moments([fingerprint_of("a", a), fingerprint_of("b", b)])
    together = pair_moments(
        [fingerprint_of("a", a, group=groups), fingerprint_of("b", b, group=groups)]
    )
    assert together.degrees_of_freedom == 23
    ratio = together.squared_standard_errors[0, 1] / apart.squared_standard_errors[0, 1]
    assert ratio == pytest.approx(np.sqrt(5), rel=0.05)


@given(
    n_groups=st.integers(1, 20),
    n_probes=st.integers(1, 60),
    most=st.integers(1, 30),
    s=st.integers(0),
)
@settings(max_examples=60, deadline=None)
def test_batches_partition_the_probes(n_groups, n_probes, most, s):
    rng = np.random.default_rng(s % 2**32)
    group = rng.integers(0, n_groups, size=n_probes)
    probe = np.repeat(np.arange(n_probes), rng.integers(1, 4, size=n_probes))
    plan = plan_batches(probe, group, max_batches=most)
    assert sorted(plan.rows.tolist()) == list(range(len(probe)))
    assert len(plan) == min(most, len(set(group.tolist())))
    batch_of = {}
    for b in range(len(plan)):
        assert plan.slice_of(b).stop > plan.slice_of(b).start
        for row in plan.rows[plan.slice_of(b)]:
            assert batch_of.setdefault(int(group[probe[row]]), b) == b
    np.testing.assert_allclose(np.sum(plan.scale.astype(float) ** 2), n_probes, rtol=1e-5)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 7), n_probes=st.integers(2, 40))
@settings(max_examples=40, deadline=None)
def test_properties(seed, n, n_probes):
    prints = random_fingerprints(n, n_probes=n_probes, seed=seed)
    moments = pair_moments(prints)
    squared = moments.squared
    np.testing.assert_array_equal(squared, squared.T)
    np.testing.assert_array_equal(np.diagonal(squared), 0)
    d = np.sqrt(squared)
    assert np.all(d[:, None, :] <= d[:, :, None] + d[None, :, :] + 1e-5)
    # Positive semi-definite Gram matrix of the centred functions (Schoenberg).
    centre = np.eye(n) - 1 / n
    values = np.linalg.eigvalsh(-0.5 * centre @ squared @ centre)
    assert values.min() >= -1e-5 * max(values.max(), 1)
    # Probe order does not matter.
    order = np.random.default_rng(seed).permutation(n_probes)
    rows = np.concatenate([np.flatnonzero(prints[0].probe == p) for p in order])
    counts = np.bincount(prints[0].probe)[order]
    moved = [
        dataclasses.replace(
            f, features=f.features[rows], probe=np.repeat(np.arange(n_probes), counts)
        )
        for f in prints
    ]
    np.testing.assert_allclose(pair_moments(moved).squared, squared, rtol=1e-5)
    # Additive over disjoint probe sets.
    cut = n_probes // 2
    parts = [
        pair_moments(prints, weights=(np.arange(n_probes) < cut).astype(float)).squared * cut,
        pair_moments(prints, weights=(np.arange(n_probes) >= cut).astype(float)).squared
        * (n_probes - cut),
    ]
    np.testing.assert_allclose(sum(parts) / n_probes, squared, rtol=1e-5)


def test_gaussian_linear_functions_have_the_frobenius_distance():
    rng = np.random.default_rng(5)
    w, v = rng.normal(size=(2, 4, 6))
    x = rng.normal(size=(20_000, 6))
    moments = pair_moments(
        [fingerprint_of("w", (x @ w.T).astype("f4")), fingerprint_of("v", (x @ v.T).astype("f4"))]
    )
    true = np.sum((w - v) ** 2)
    assert abs(moments.squared[0, 1] - true) < 3 * moments.squared_standard_errors[0, 1]
    assert moments.squared_standard_errors[0, 1] < 0.02 * true


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"geometry": "hellinger"}, "differ in geometry .*same geometry"),
        ({"probe_digest": "cd" * 32}, "differ in probe digest .*same probe set"),
        ({"sketch": "countsketch-64"}, "differ in sketch .*same sketch size"),
        ({"vocabulary": "w"}, "differ in vocabulary .*share a tokenizer"),
        ({"reference": "base"}, "differ in reference .*same reference"),
    ],
)
def test_mixing_is_refused(change, words):
    (a,), (b,) = random_fingerprints(1), random_fingerprints(1, **change)
    with pytest.raises(InputError, match=words):
        pair_moments(
            [a, dataclasses.replace(b, identity=dataclasses.replace(b.identity, label="z"))]
        )
