"""Where two behaviors differ: the probes and positions that make up their distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from behaviordist.distance.analysis.kept_divergences import kl_both_ways
from behaviordist.distance.analysis.places import at_token
from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array, IntArray
from behaviordist.innerproduct.fingerprint import Fingerprint, check_mixable
from behaviordist.innerproduct.geometries.loglik import comparable
from behaviordist.probes import Probe, ProbeSet

ROWS = 1024
PAIRS, EACH = 60, 3
"""Pairs whose witnesses a matrix carries (the farthest), and how many of each."""
LONGEST = 160
"""Characters of a context that is shown."""


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
    return _ranked(*squared_by_position(first, second, probes), probes, n)


def farthest_witnesses(
    fingerprints: Sequence[Fingerprint], squared: Float64Array, probes: ProbeSet
) -> list[dict[str, Any]]:
    """Return, JSON-able, the pairs farthest apart of a matrix (N, N): witnesses, distance by tag.

    A tag's distance is the root of the mean squared distance of its probes. Where fingerprints
    hold whole distributions, ``kl`` has KL(first || second) and back, nats a token, each with its
    standard error.
    """
    rows, columns = np.triu_indices(len(fingerprints), 1)
    values = np.nan_to_num(squared[rows, columns])
    order = np.argsort(-values, kind="stable")[:PAIRS]
    pairs = [(fingerprints[rows[k]], fingerprints[columns[k]]) for k in order if values[k] > 0]
    return [_pair(first, second, probes) for first, second in pairs]


def _pair(first: Fingerprint, second: Fingerprint, probes: ProbeSet) -> dict[str, Any]:
    probe, gaps = squared_by_position(first, second, probes)
    means = np.bincount(probe, gaps, len(probes)) / np.bincount(probe, minlength=len(probes))
    by_tag = {
        tag: float(np.sqrt(np.mean([means[k] for k, one in enumerate(probes) if tag in one.tags])))
        for tag in probes.tags
    }
    where = {one.id: one for one in probes}
    both = kl_both_ways(first, second) or ()
    return {
        "kl": [[one.value, one.standard_error] for one in both],
        "pair": [first.label, second.label],
        "tags": dict(sorted(by_tag.items(), key=lambda item: -item[1])),
        "witnesses": [
            {**asdict(one), "context": _context(where[one.probe], one.position)}
            for one in _ranked(probe, gaps, probes, EACH)
        ],
    }


def _context(probe: Probe, position: int) -> str:
    text = f"{probe.prompt}[{probe.continuation}]"
    text = text if len(text) <= LONGEST else f"…{text[-LONGEST:]}"
    return at_token(text, position)


def squared_by_position(
    first: Fingerprint, second: Fingerprint, probes: ProbeSet
) -> tuple[IntArray, Float64Array]:
    """Return the probe (n,) and the squared distance (n,) of every position."""
    check_mixable([first, second])
    if first.identity.probe_digest != probes.digest or first.n_probes != len(probes):
        raise InputError(f"the fingerprints are of other probes than '{probes.name}'")
    a, b = comparable([first, second])
    return np.asarray(a.probe, dtype=np.int64), squared_gaps(a, b)


def _ranked(probe: IntArray, squared: Float64Array, probes: ProbeSet, n: int) -> list[Witness]:
    counts = np.bincount(probe)
    weighted = squared / counts[probe]
    total = weighted.sum()
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return [
        Witness(
            probes.probes[int(probe[k])].id,
            int(k - starts[probe[k]]),
            float(squared[k]),
            float(weighted[k] / total) if total > 0 else 0.0,
        )
        for k in np.argsort(-weighted, kind="stable")[:n]
    ]


def squared_gaps(a: Fingerprint, b: Fingerprint) -> Float64Array:
    """Squared distance at every position (n,), a few rows at a time."""
    out = np.empty(len(a.probe))
    for start in range(0, len(out), ROWS):
        part = slice(start, start + ROWS)
        gap = np.asarray(a.features[part], dtype=np.float64) - b.features[part]
        out[part] = np.einsum("nd,nd->n", gap, gap)
    return out
