"""Planted truths about distances, through fingerprints and the pair engine."""

from __future__ import annotations

import numpy as np

from behaviordist.distance import (
    distances,
    fingerprint,
    matrix_of,
    regime_distances,
    sample_distances,
)
from behaviordist.errors import InputError
from behaviordist.innerproduct import pair_moments
from behaviordist.selftest.check import Check, near
from behaviordist.selftest.planted import linear_fingerprint, probes_of, softmax_behavior

GEOMETRIES = ("hellinger", "euclidean", "aitchison", "fisher")


def identical_models() -> Check:
    """Two behaviors with the same outputs are at distance 0, sketched too; a third is not."""
    logits = np.random.default_rng(0).normal(size=(30, 2000))
    pair = [softmax_behavior("a", logits), softmax_behavior("b", logits)]
    other = softmax_behavior("c", logits + np.random.default_rng(1).normal(size=logits.shape))
    squared = distances([*pair, other], probes_of(30), sketch=32).squared
    passed = bool(squared[0, 1] == 0 and squared[0, 2] > 0.1)
    return Check(
        "identical models", "0, another > 0.1", f"{squared[0, 1]:.3g}, {squared[0, 2]:.3g}", passed
    )


def known_rotation() -> Check:
    """Rotations of the plane by a and b are at E ||(R_a - R_b) x||^2 = 4 (1 - cos(a - b))."""
    angles, inputs = np.array([0.0, 0.9, -0.5]), np.random.default_rng(0).normal(size=(4000, 2))
    prints = [
        linear_fingerprint(
            f"{a}", np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]), inputs
        )
        for a in angles
    ]
    moments = pair_moments(prints)
    expected = 4 * (1 - np.cos(angles[:, None] - angles[None, :]))
    pairs = np.triu_indices(3, 1)
    errors = (moments.squared - expected)[pairs] / moments.squared_standard_errors[pairs]
    worst = float(np.max(np.abs(errors)))
    return near("known rotations (worst error in SE)", 0.0, worst, 4.0)


def two_token_families() -> list[Check]:
    """P = (s, 1 - s) against (t, 1 - t) in closed form, one check a geometry."""
    s, t, n = 0.3, 0.8, 12
    first, second = (np.tile(np.log([p, 1 - p]), (n, 1)) for p in (s, t))
    pair = [softmax_behavior("s", first), softmax_behavior("t", second)]
    shift = np.log(s / (1 - s)) - np.log(t / (1 - t))
    expected = {
        "hellinger": 2 - 2 * (np.sqrt(s * t) + np.sqrt((1 - s) * (1 - t))),
        "euclidean": 2 * (s - t) ** 2,
        "aitchison": shift**2 / 2,
        "fisher": s * (1 - s) * shift**2,
    }
    return [
        near(
            f"two tokens, {name}",
            float(expected[name]),
            float(distances(pair, probes_of(n), name).squared[0, 1]),
            1e-4 * float(expected[name]),
        )
        for name in GEOMETRIES
    ]


def every_probe_matters() -> Check:
    """Behaviors that differ from the first at one probe each are all at the planted distance."""
    n = 150
    base = np.zeros((n, 4))
    behaviors = [softmax_behavior("base", base)]
    for probe in range(n):
        logits = base.copy()
        logits[probe, 0] = 5.0
        behaviors.append(softmax_behavior(f"at {probe}", logits))
    squared = distances(behaviors, probes_of(n)).squared[0, 1:] * n
    p = np.exp([5.0, 0, 0, 0])
    expected = 2 - 2 * np.sum(np.sqrt(p / p.sum() / 4))
    worst = float(squared[np.argmax(np.abs(squared - expected))])
    return near("every probe matters (worst of 150)", float(expected), worst, 1e-4)


def half_the_probes() -> Check:
    """A difference in the second half of the probes alone: dropping that half must show."""
    n, shift = 40, 3.0
    base, moved = np.zeros((n, 3)), np.zeros((n, 3))
    moved[n // 2 :, 0] = shift
    pair = [softmax_behavior("base", base), softmax_behavior("moved", moved)]
    prints = fingerprint(pair, probes_of(n))["hellinger"]
    whole = pair_moments(prints).squared[0, 1]
    first = pair_moments(prints, weights=(np.arange(n) < n // 2).astype(np.float64)).squared[0, 1]
    second = pair_moments(prints, weights=(np.arange(n) >= n // 2).astype(np.float64)).squared[0, 1]
    passed = bool(first == 0 and whole > 0 and abs(second - 2 * whole) < 1e-5 * whole)
    return Check(
        "a dropped half of the probes",
        "halves 0 and 2 x the whole",
        f"halves {first:.3g} and {second:.3g}, whole {whole:.3g}",
        passed,
    )


def permuted_probes() -> Check:
    """Fingerprints on the same probes in another order must not be mixed."""
    logits = np.random.default_rng(0).normal(size=(20, 5))
    probes = probes_of(20)
    order = np.random.default_rng(1).permutation(20)
    moved = type(probes)(probes.name, tuple(probes.probes[i] for i in order))
    first = fingerprint([softmax_behavior("a", logits)], probes)["hellinger"][0]
    second = fingerprint([softmax_behavior("b", logits[order])], moved)["hellinger"][0]
    try:
        matrix_of([first, second])
    except InputError as error:
        outcome, passed = "refused", "probe digest" in str(error)
    else:
        outcome, passed = "accepted", False
    return Check("permuted probes", "refused", outcome, passed)


def adding_a_model() -> Check:
    """The matrix of five behaviors keeps every bit when a sixth, far away, comes in."""
    rng = np.random.default_rng(0)
    behaviors = [softmax_behavior(f"b{i}", rng.normal(size=(40, 3000))) for i in range(5)]
    extra = softmax_behavior("far", 30 * rng.normal(size=(40, 3000)))
    before = distances(behaviors, probes_of(40), "aitchison", sketch=16)
    after = distances([*behaviors, extra], probes_of(40), "aitchison", sketch=16)
    moved = max(
        float(np.max(np.abs(after.squared[:5, :5] - before.squared))),
        float(
            np.max(np.abs(after.squared_standard_errors[:5, :5] - before.squared_standard_errors))
        ),
    )
    return Check("adding a model", "moves others by 0", f"{moved:.3g}", moved == 0)


def sketched_distance() -> Check:
    """A sketched distance lies within three standard errors of the exact one."""
    rng, n = np.random.default_rng(2), 600
    base = rng.normal(size=(n, 1100))
    pair = [
        softmax_behavior("a", base),
        softmax_behavior("b", base + 0.5 * rng.normal(size=base.shape)),
    ]
    exact = distances(pair, probes_of(n), sketch=None).squared[0, 1]
    matrix = distances(pair, probes_of(n), sketch=16)
    error = float(matrix.squared_standard_errors[0, 1])
    return near("sketched distance", float(exact), float(matrix.squared[0, 1]), 3 * error)


def intervals_cover() -> Check:
    """95% intervals hold the truth in 200 draws of probes (more narrowly in the slow tests)."""
    rng = np.random.default_rng(3)
    w, v = rng.normal(size=(2, 3, 5))
    true, hits, draws = float(np.sum((w - v) ** 2)), 0, 200
    for _ in range(draws):
        x = rng.normal(size=(120, 5))
        matrix = matrix_of([linear_fingerprint("w", w, x), linear_fingerprint("v", v, x)])
        low, high = matrix.interval()
        hits += bool(low[0, 1] <= true <= high[0, 1])
    return near("95% intervals cover", 0.95, hits / draws, 0.045)


def same_regime() -> Check:
    """Two regimes with one mean function: unbiased distance 0, though no run equals another."""
    rng = np.random.default_rng(4)
    values = []
    for _ in range(60):
        x = rng.normal(size=(40, 5))
        groups = {
            name: [linear_fingerprint(f"{name}{r}", rng.normal(size=(3, 5)), x) for r in range(3)]
            for name in "AB"
        }
        values.append(float(regime_distances(groups).squared[0, 1]))
    error = float(np.std(values) / np.sqrt(len(values)))
    return near("same regime, other seeds", 0.0, float(np.mean(values)), 4 * error)


def sampled_self() -> Check:
    """Two sets of answers of one model of high entropy: expected distance 0 (plug-in: 0.5)."""
    rng = np.random.default_rng(5)

    def answers() -> list[list[str]]:
        return [[str(k) for k in rng.integers(0, 300, size=4)] for _ in range(400)]

    matrix = sample_distances({"first": answers(), "second": answers()})
    error = float(matrix.squared_standard_errors[0, 1])
    return near("sampled answers of one model", 0.0, float(matrix.squared[0, 1]), 4 * error)
