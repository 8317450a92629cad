"""Distances between fingerprints of one kind, all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.analysis.witnesses import squared_gaps
from behaviordist.distance.intervals import SIDE
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.innerproduct import Fingerprint, comparable, pair_moments, recorded_geometry
from behaviordist.innerproduct.batches import MAX_BATCHES
from behaviordist.innerproduct.limits import pair_limits

# What the cancellation in float32 products may leave of a squared distance, over the largest one.
FLOAT32 = 1e-5


def matrix_of(
    fingerprints: Sequence[Fingerprint],
    *,
    weights: NDArray[np.floating] | None = None,
    max_batches: int = MAX_BATCHES,
    backend: str = "auto",
    limits: bool = True,
    old: DistanceMatrix | None = None,
) -> DistanceMatrix:
    """Distances between fingerprints of one kind, with standard errors over probes.

    The floor is the geometry's rounding; whether two behaviors differ anywhere by more than that is
    in `differs`.

    Parameters
    ----------
    fingerprints
        N of one kind, with different labels.
    weights, max_batches, backend
        Weights of probes, and bounds on batches: see `innerproduct.pairs.pair_moments`.
    limits
        Whether to take the upper limits that "the same within a margin" rests on, in a second pass
        (bounded geometries, equal weights).
    old
        The matrix of the first fingerprints of these: its cells stay as they are, to the last bit,
        and only the others are computed. Without `limits`, which hold for all pairs together.

    Raises
    ------
    InputError
        If they cannot be mixed, two have the same label, or the weights are bad.
    """
    prints = comparable(fingerprints)
    moments = pair_moments(
        prints,
        weights=weights,
        max_batches=max_batches,
        backend="numpy" if old is not None else backend,
        since=0 if old is None else len(old),
    )
    first = fingerprints[0].identity
    geometry = recorded_geometry(first.geometry)
    bound = geometry.bound if limits and weights is None else None
    squared = _kept(old and old.squared, moments.squared)
    return DistanceMatrix(
        labels=tuple(f.label for f in fingerprints),
        squared=squared,
        squared_standard_errors=_kept(
            old and old.squared_standard_errors, moments.squared_standard_errors
        ),
        degrees_of_freedom=max(moments.degrees_of_freedom, 1.0),
        floor=geometry.rounding**2,
        skewness=_kept(old and old.skewness, moments.skewness),
        limits=np.nan if bound is None else pair_limits(prints, bound, SIDE),
        differs=_kept(old and old.differs, differing(prints, squared, geometry.rounding)),
        metadata={
            "geometry": first.geometry,
            "sketch": first.sketch,
            "probe_digest": first.probe_digest,
            "reference": first.reference,
            "n_probes": fingerprints[0].n_probes,
            "n_groups": len(np.unique(fingerprints[0].group)),
            "bound": bound,
            "behaviors": {f.label: f.identity.behavior for f in fingerprints},
        },
    )


def _kept(old: Any, new: NDArray[Any]) -> NDArray[Any]:
    """Return the new cells (N, N), with the old ones (K, K) in their corner."""
    if old is not None:
        new[: len(old), : len(old)] = old
    return new


def differing(
    fingerprints: Sequence[Fingerprint], squared: NDArray[np.float64], rounding: float
) -> NDArray[np.bool_]:
    """Return (N, N), which pairs differ at any probe by more than `rounding` (a distance).

    Values of a probe are not negative: where their mean is above the rounding, one of them is. The
    few pairs whose mean is no larger than float32 products are exact to are looked at probe by
    probe.
    """
    coarse = max(rounding**2, FLOAT32 * float(squared[0].max()))
    differs = np.asarray(squared > coarse)
    positions = np.bincount(fingerprints[0].probe)
    for i, j in np.argwhere(np.triu(~differs, 1)):
        gaps = squared_gaps(fingerprints[i], fingerprints[j])
        values = np.bincount(fingerprints[0].probe, gaps) / positions
        differs[i, j] = differs[j, i] = bool(values.max() > rounding**2)
    np.fill_diagonal(differs, False)
    return differs
