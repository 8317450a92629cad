"""Directed distances from scored answers: KL divergence, cross-entropy, overlap, with errors.

Given log f_A(y|x) and log f_B(y|x) of answers y of a target B to inputs x, with a weight w(y|x) for
each, the value of an input is a weighted sum over its answers and the estimate its mean over n
inputs:

    KL(f_B || f_A)   = E_x sum_y w (log f_B(y|x) - log f_A(y|x))        nats
    cross-entropy    = E_x sum_y w (-log f_A(y|x))                      nats; KL + entropy of f_B
    overlap          = E_x sum_y w f_A(y|x)                             a probability

For m answers drawn from f_B the weight is 1/m (Monte Carlo); for answers that are enumerated it is
f_B(y|x) itself (exact). The overlap is the inner product of the two functions over whole answers;
for a target that always says the same it is the expected reward of exact match. Inputs are the
sample: those of one group (paraphrases) and all answers to one input are one cluster, and what
drawing answers adds to the error is inside it. With cluster sums A_g and sizes L_g (inputs, tokens
or bytes), v = sum A / sum L and Var(v) = G / (G - 1) sum (A_g - v L_g)^2 / (sum L)^2, the
linearised ratio (Cochran 1977, section 6.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array, IntArray
from behaviordist.innerproduct.batches import effective_freedom

Quantity = Literal["kl", "cross-entropy", "overlap"]
QUANTITIES: tuple[Quantity, ...] = ("kl", "cross-entropy", "overlap")


@dataclass(frozen=True, eq=False)
class DirectedMoments:
    """Estimates of one target under S sources.

    Attributes
    ----------
    values, standard_errors
        (S,); infinite where a source gives an answer probability zero, its error then NaN.
    degrees_of_freedom
        Clusters of inputs less one, or fewer where they are of unequal size.
    difference_errors
        (S, S): standard errors of the differences between two sources' values, paired over inputs.
    """

    values: Float64Array
    standard_errors: Float64Array
    degrees_of_freedom: float
    difference_errors: Float64Array


def directed_moments(
    quantity: Quantity,
    nats: Float64Array,
    probe: IntArray,
    weight: Float64Array,
    *,
    target_log_p: Float64Array | None = None,
    group: IntArray | None = None,
    length: Float64Array | None = None,
) -> DirectedMoments:
    """Estimate a directed distance of one target from S sources.

    Parameters
    ----------
    quantity
        ``"kl"``, ``"cross-entropy"`` or ``"overlap"``.
    nats
        (S, M) log f_A(y|x) of M answers under each source; -inf where it is impossible.
    probe
        (M,) the input that each answer belongs to, ``0 .. n - 1``, each at least once.
    weight
        (M,) weights w(y|x): 1/m for m draws, f_B(y|x) for enumerated answers.
    target_log_p
        (M,) log f_B(y|x); needed for ``"kl"`` alone.
    group
        (n,) cluster of each input; default each its own.
    length
        (n,) what a value is taken per: 1 an answer (default), its tokens, its bytes.

    Raises
    ------
    InputError
        Shapes that do not fit, an input without answers, or ``"kl"`` without `target_log_p`.
    """
    _check(quantity, nats, probe, weight, target_log_p)
    n = int(probe.max()) + 1
    if len(np.unique(probe)) < n:
        missing = int(np.setdiff1d(np.arange(n), probe)[0])
        raise InputError(f"input {missing} has no answer; give every input at least one")
    each = _answer_values(quantity, nats, target_log_p) * weight
    per_input = np.array([np.bincount(probe, row, n) for row in each], dtype=np.float64)
    sizes = np.ones(n) if length is None else np.asarray(length, dtype=np.float64)
    clusters = np.arange(n) if group is None else np.unique(group, return_inverse=True)[1]
    return ratio_moments(per_input, sizes, np.asarray(clusters))


def surprise(overlap: Float64Array, errors: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return -log overlap in nats and its standard error, by the delta method: se / overlap."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.log(overlap), errors / overlap


def _answer_values(
    quantity: Quantity, nats: Float64Array, target_log_p: Float64Array | None
) -> Float64Array:
    if quantity == "overlap":
        return np.exp(nats)
    if quantity == "cross-entropy" or target_log_p is None:
        return -nats
    return target_log_p - nats


def ratio_moments(
    per_input: Float64Array, sizes: Float64Array, clusters: IntArray
) -> DirectedMoments:
    """Return sum over inputs of values (S, n) over that of sizes (n,), error over clusters (n,)."""
    n = int(clusters.max()) + 1
    sums = np.stack([np.bincount(clusters, row, n) for row in per_input])
    lengths = np.bincount(clusters, sizes, n)
    values = sums.sum(axis=1) / lengths.sum()
    if n < 2:
        unknown = np.full((len(values), len(values)), np.nan)
        return DirectedMoments(values, unknown[0], 0, unknown)
    scale = np.sqrt(n / (n - 1)) / lengths.sum()
    with np.errstate(invalid="ignore"):
        residuals = sums - values[:, None] * lengths
        errors = scale * np.sqrt((residuals**2).sum(axis=1))
        between = [scale * np.sqrt(((residuals - row) ** 2).sum(axis=1)) for row in residuals]
    freedom = effective_freedom(np.bincount(clusters) ** 2)
    errors = np.where(np.isfinite(values), errors, np.nan)
    return DirectedMoments(values, errors, freedom, np.stack(between))


def _check(
    quantity: Quantity,
    nats: Float64Array,
    probe: IntArray,
    weight: Float64Array,
    target_log_p: Float64Array | None,
) -> None:
    if quantity not in QUANTITIES:
        raise InputError(f"unknown quantity '{quantity}'; known: {', '.join(QUANTITIES)}")
    if quantity == "kl" and target_log_p is None:
        raise InputError(
            "KL needs the target's own log-probabilities of its answers; a target known by its"
            " answers alone has a cross-entropy"
        )
    shapes = {np.shape(nats)[1:], np.shape(probe), np.shape(weight)}
    if target_log_p is not None:
        shapes.add(np.shape(target_log_p))
    if len(shapes) != 1 or np.ndim(nats) != 2 or not np.size(probe):
        raise InputError("nats must be (S, M); probe, weight and target_log_p (M,), M at least 1")
