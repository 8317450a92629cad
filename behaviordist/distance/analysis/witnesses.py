"""Where two behaviors differ: the probes and positions that make up their distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.innerproduct.fingerprint import Fingerprint, check_mixable
from behaviordist.innerproduct.geometries.loglik import comparable
from behaviordist.probes import ProbeSet

Float64Array = NDArray[np.float64]

ROWS = 1024
PAIRS, EACH = 3, 3
"""Pairs whose witnesses a matrix carries, and how many of each."""


@dataclass(frozen=True)
class Witness:
    """A position that tells two behaviors apart.

    Parameters
    ----------
    probe, position
        Id of the probe, and place in its continuation (from 0, of those compared).
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
    squared = _squared(a, b)
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


def farthest_witnesses(
    fingerprints: Sequence[Fingerprint], squared: Float64Array, probes: ProbeSet
) -> list[dict[str, Any]]:
    """Return, JSON-able, the pairs farthest apart of a matrix (N, N), each with its witnesses."""
    rows, columns = np.triu_indices(len(fingerprints), 1)
    values = np.nan_to_num(squared[rows, columns])
    order = np.argsort(-values, kind="stable")[:PAIRS]
    return [
        {
            "pair": [fingerprints[rows[k]].label, fingerprints[columns[k]].label],
            "witnesses": [
                asdict(one)
                for one in witnesses(fingerprints[rows[k]], fingerprints[columns[k]], probes, EACH)
            ],
        }
        for k in order
        if values[k] > 0
    ]


def _squared(a: Fingerprint, b: Fingerprint) -> Float64Array:
    """Squared distance at every position (n,), a few rows at a time."""
    out = np.empty(len(a.probe))
    for start in range(0, len(out), ROWS):
        part = slice(start, start + ROWS)
        gap = np.asarray(a.features[part], dtype=np.float64) - b.features[part]
        out[part] = np.einsum("nd,nd->n", gap, gap)
    return out
