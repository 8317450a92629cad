"""Where two behaviors differ: the probes and positions that make up their distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.innerproduct.batches import plan_batches
from behaviordist.innerproduct.blocks import batch_features
from behaviordist.innerproduct.fingerprint import Fingerprint, check_mixable
from behaviordist.innerproduct.geometries.loglik import comparable
from behaviordist.probes import ProbeSet

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Witness:
    """A position that tells two behaviors apart.

    Parameters
    ----------
    probe, position
        Id of the probe, and place in its continuation (token, from 0).
    squared
        Squared distance at that position, in the geometry's units (a sketch's has relative
        standard deviation about sqrt(2 / D)).
    share
        Of the whole squared distance.
    """

    probe: str
    position: int
    squared: float
    share: float


def witnesses(
    first: Fingerprint, second: Fingerprint, probes: ProbeSet, n: int = 10
) -> list[Witness]:
    """Return the `n` positions that contribute most to the distance of two behaviors.

    The shares of all positions sum to 1: a position weighs 1 / (positions of its probe).

    Raises
    ------
    InputError
        If the fingerprints cannot be mixed or are of other probes.
    """
    check_mixable([first, second])
    if first.identity.probe_digest != probes.digest or first.n_probes != len(probes):
        raise InputError(f"the fingerprints are of other probes than '{probes.name}'")
    a, b = comparable([first, second])
    difference = np.asarray(a.features, dtype=np.float64) - b.features
    squared = np.einsum("nd,nd->n", difference, difference)
    counts = np.bincount(a.probe)
    weighted = squared / counts[a.probe]
    total = weighted.sum()
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    order = np.argsort(-weighted, kind="stable")[:n]
    return [
        Witness(
            probes.probes[int(a.probe[k])].id,
            int(k - starts[a.probe[k]]),
            float(squared[k]),
            float(weighted[k] / total) if total > 0 else 0.0,
        )
        for k in order
    ]


def probe_distances(fingerprints: Sequence[Fingerprint]) -> Float64Array:
    """Squared distances of all pairs at every probe.

    Returns
    -------
    (n_probes, N (N - 1) / 2) float64, pairs in the order of ``np.triu_indices(N, 1)``.
    """
    check_mixable(fingerprints)
    fingerprints = comparable(fingerprints)
    n_probes = fingerprints[0].n_probes
    alone = plan_batches(fingerprints[0].probe, np.arange(n_probes), max_batches=n_probes)
    pairs = np.triu_indices(len(fingerprints), 1)
    table = np.empty((n_probes, len(pairs[0])))
    for probe, features in batch_features(fingerprints, alone, fingerprints[0].features):
        products = (features @ features.T).astype(np.float64)
        norms = np.diagonal(products)
        squared = norms[:, None] + norms[None, :] - 2 * products
        table[probe] = np.maximum(squared[pairs], 0)
    return table


def discriminating_probes(
    fingerprints: Sequence[Fingerprint], probes: ProbeSet, n: int = 10
) -> list[tuple[str, float]]:
    """Return the `n` probes that separate a set of behaviors best: (id, score).

    The score of a probe is the mean over pairs of its share in the pair's squared distance, times
    the number of probes: 1 is an average probe, and no pair outweighs another by being far apart.
    Pairs at distance zero have no say.

    Raises
    ------
    InputError
        If the fingerprints cannot be mixed, are of other probes, or are fewer than two.
    """
    if len(fingerprints) < 2:
        raise InputError("telling behaviors apart needs at least two of them")
    if fingerprints[0].identity.probe_digest != probes.digest:
        raise InputError(f"the fingerprints are of other probes than '{probes.name}'")
    table = probe_distances(fingerprints)
    totals = table.sum(axis=0)
    apart = totals > 0
    if not apart.any():
        return []
    scores = len(table) * np.mean(table[:, apart] / totals[apart], axis=1)
    order = np.argsort(-scores, kind="stable")[:n]
    return [(probes.probes[int(k)].id, float(scores[k])) for k in order]
