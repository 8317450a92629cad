"""Distances between regimes: unbiased squared distances of mean functions, over replicates.

With replicates r of A and s of B (runs that differ in the seed alone):

    D^2(A, B) = mean_{r,s} d^2(A_r, B_s) - 1/2 mean_{r!=r'} d^2(A_r, A_r')
                                         - 1/2 mean_{s!=s'} d^2(B_s, B_s')

is unbiased for ||E f_A - E f_B||^2: the distance between the regimes, the seed's share taken out.
It may be slightly negative. A regime with one replicate has no within term; distances to it are of
that one run, and biased upward by its seed's share, which cannot be known. They are marked.

Two things are random, probes and seeds, and the standard error has both:

    Var(D^2) = (probes) variance of the per-probe value of D^2 over batches of probes / B
             + (seeds)  s_A^2 / R_A + s_B^2 / R_B

with s_A^2 the variance over r of V_r = mean_s d^2(A_r, B_s) - mean_{r'!=r} d^2(A_r, A_r'), the
projection of D^2 on replicate r (Hoeffding 1948): given the run, it is a constant plus
2 <f_r - E f, Delta>. What the probes' noise adds to the spread of V_r is
estimated over batches and taken off, because the first term has it already (two crossed random
factors). Intervals use Student's t with
Satterthwaite's degrees of freedom: with two seeds a side they are wide, and they have to be. Where
the regimes coincide, the seeds' part is up to twice too large (D^2 is a degenerate U-statistic
there), which errs on the side of "undecided".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array, FloatArray, IntArray
from behaviordist.innerproduct.batches import Batches, plan_batches
from behaviordist.innerproduct.blocks import batch_features
from behaviordist.innerproduct.fingerprint import Fingerprint, check_mixable
from behaviordist.innerproduct.geometries.loglik import comparable
from behaviordist.innerproduct.pairs import standard_error


def regime_distances(
    groups: Mapping[str, Sequence[Fingerprint]],
    *,
    weights: FloatArray | None = None,
) -> DistanceMatrix:
    """Unbiased squared distances between K regimes with replicates.

    Parameters
    ----------
    groups
        Regime -> fingerprints of its replicates, at least one each.
    weights
        (n_probes,) weights of the probes; default equal.

    Memory is about 2 kB for each (fingerprint, regime) pair.

    Returns
    -------
    DistanceMatrix of the regimes. `metadata`: ``noise_floor`` = {``value``: root mean squared
    distance between two replicates of a regime, ``squared``, ``standard_error`` (of ``squared``,
    over probes), ``n`` pairs, ``per_regime``}, ``replicates``, ``single_replicate``.

    Raises
    ------
    InputError
        On a regime without replicates, or fingerprints that cannot be mixed.

    Examples
    --------
    >>> import numpy as np, behaviordist as bd
    >>> from behaviordist.behaviors import ArrayBehavior
    >>> from behaviordist.distance.fingerprints.fingerprinting import fingerprint
    >>> probes = bd.ProbeSet("four", tuple(bd.Probe(f"p{i}", "x", "y") for i in range(4)))
    >>> p = {"sft-0": 0.5, "sft-1": 0.5, "dpo-0": 0.9, "dpo-1": 0.9}  # two seeds of each regime
    >>> seeds = [ArrayBehavior(k, range(4), np.log([[x, 1 - x]] * 4)) for k, x in p.items()]
    >>> prints = fingerprint(seeds, probes)["hellinger"]
    >>> D = bd.regime_distances({"sft": prints[:2], "dpo": prints[2:]})
    >>> round(float(D.squared[0, 1]), 4)
    0.2111
    """
    for name, members in groups.items():
        if not members:
            raise InputError(f"regime '{name}' has no fingerprints; give at least one replicate")
    everyone = [fingerprint for members in groups.values() for fingerprint in members]
    check_mixable(everyone)
    everyone = list(comparable(everyone))
    first = everyone[0]
    batches = plan_batches(first.probe, first.group, weights)
    member = np.repeat(np.arange(len(groups)), [len(m) for m in groups.values()])
    design = _Design.of(member)
    values, runs, floors = _batch_values(everyone, batches, design)
    squared, errors, freedom = _estimate(values, runs, batches, design)
    return DistanceMatrix(
        labels=tuple(groups),
        squared=squared,
        squared_standard_errors=errors,
        degrees_of_freedom=freedom,
        metadata={
            "geometry": first.identity.geometry,
            "sketch": first.identity.sketch,
            "probe_digest": first.identity.probe_digest,
            "n_probes": first.n_probes,
            "replicates": {name: len(m) for name, m in groups.items()},
            "single_replicate": [name for name, m in groups.items() if len(m) == 1],
            "noise_floor": _noise_floor(floors, batches, design, list(groups)),
        },
    )


@dataclass(frozen=True, eq=False)
class _Design:
    """Which fingerprint belongs to which regime, as matrices."""

    member: IntArray  # (M,) regime of each fingerprint
    size: IntArray  # (K,) replicates of each regime
    average: Float64Array  # (M, K): mean over a regime's replicates
    others: Float64Array  # (M, M): mean over the other replicates of one's own regime

    @staticmethod
    def of(member: IntArray) -> _Design:
        size = np.bincount(member)
        indicator = (member[:, None] == np.arange(len(size))).astype(np.float64)
        same = indicator @ indicator.T - np.eye(len(member))
        return _Design(
            member, size, indicator / size, same / np.maximum(size[member] - 1, 1)[:, None]
        )


def _batch_values(
    everyone: Sequence[Fingerprint], batches: Batches, design: _Design
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Per batch: D^2 (B, K, K), V_r against every regime (B, M, K), within-regime mean (B, K).

    All are sums over the batch's probes, weighted; the diagonal of D^2 is zero.
    """
    k = len(design.size)
    values = np.empty((len(batches), k, k))
    runs = np.empty((len(batches), len(everyone), k))
    floors = np.empty((len(batches), k))
    for batch, features in batch_features(everyone, batches, everyone[0].features):
        products = (features @ features.T).astype(np.float64)
        norms = np.diagonal(products)
        squared = norms[:, None] + norms[None, :] - 2 * products
        np.fill_diagonal(squared, 0)
        across = squared @ design.average  # (M, K)
        within = np.sum(design.others * squared, axis=1)  # (M,), 0 for a single replicate
        floors[batch] = within @ design.average
        half = floors[batch] / 2
        values[batch] = design.average.T @ across - half[:, None] - half[None, :]
        np.fill_diagonal(values[batch], 0)
        runs[batch] = across - within[:, None]
    return values, runs, floors


def _estimate(
    values: Float64Array, runs: Float64Array, batches: Batches, design: _Design
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Squared distances (K, K), their standard errors and degrees of freedom."""
    squared, by_probe = _mean_and_variance(values, batches)
    centre = design.average.T[design.member]  # (M, M): mean over one's own regime
    deviations = runs - np.einsum("rq,bqk->brk", centre, runs)
    mean, noise = _mean_and_variance(deviations, batches)
    degrees = np.maximum(design.size - 1, 1)[:, None]
    spread = design.average.T @ (mean**2 - noise) * (design.size[:, None] / degrees)
    raw = design.average.T @ mean**2 * (design.size[:, None] / degrees)
    # Rows: the regime whose seeds vary; columns: the other regime. Unknown for a single replicate.
    by_seed = np.where(design.size[:, None] > 1, np.maximum(spread, 0) / design.size[:, None], 0)
    bound = np.where(design.size[:, None] > 1, raw / design.size[:, None], 0)
    variance = by_probe + by_seed + by_seed.T
    probes = by_probe**2 / max(batches.degrees_of_freedom, 1.0)
    pieces = probes + bound**2 / degrees + (bound**2 / degrees).T
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(pieces > 0, (by_probe + bound + bound.T) ** 2 / pieces, np.inf)
    np.fill_diagonal(variance, 0)
    np.fill_diagonal(freedom, np.inf)
    return squared, np.sqrt(variance), freedom


def _mean_and_variance(sums: Float64Array, batches: Batches) -> tuple[Float64Array, Float64Array]:
    """Weighted mean over probes of batch sums (B, ...), and the variance of that mean."""
    mean = sums.sum(axis=0) / batches.weight.sum()
    weight = batches.weight.reshape(-1, *[1] * (sums.ndim - 1))
    residual: Float64Array = np.sum((sums - weight * mean) ** 2, axis=0)
    return mean, standard_error(residual, batches) ** 2


def _noise_floor(
    floors: Float64Array, batches: Batches, design: _Design, names: list[str]
) -> dict[str, Any] | None:
    several = design.size > 1
    if not several.any():
        return None
    pairs = design.size * (design.size - 1) // 2
    mean, _ = _mean_and_variance(floors, batches)
    share = pairs / pairs.sum()
    overall, variance = _mean_and_variance(floors @ share, batches)
    return {
        "value": float(np.sqrt(overall)),
        "squared": float(overall),
        "standard_error": float(np.sqrt(variance)) if len(batches) > 1 else None,
        "n": int(pairs.sum()),
        "per_regime": {name: float(np.sqrt(mean[k])) for k, name in enumerate(names) if several[k]},
    }
