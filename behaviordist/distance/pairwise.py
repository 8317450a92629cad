"""Distances between behaviors: from behaviors to a matrix, from fingerprints to a matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors import Behavior
from behaviordist.distance.fingerprints.fingerprinting import fingerprint
from behaviordist.distance.fingerprints.next_byte import aligned, check_bytes
from behaviordist.distance.fingerprints.references import Reference
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.innerproduct import Fingerprint, comparable, get_geometry, pair_moments
from behaviordist.innerproduct.batches import MAX_BATCHES
from behaviordist.innerproduct.blocks import BLOCK_BYTES
from behaviordist.probes import ProbeSet


def distances(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    geometry: str = "hellinger",
    *,
    origin: Behavior | None = None,
    folder: Path | None = None,
    sketch: float | str | None = "auto",
    reference: Reference = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> DistanceMatrix:
    """Distances between behaviors on a probe set.

    Parameters
    ----------
    behaviors
        N behaviors over one vocabulary (any, for ``loglik`` and ``next-byte``), with different
        labels.
    probes
        Probe set.
    geometry
        Name of the inner product (`innerproduct.geometries`).
    origin
        The behavior that shifts are taken from; reference of `fisher` unless `reference` is given.
    folder
        Where fingerprints are kept, to be computed once.
    sketch
        ``"auto"``, None (exact), a size D or a target error; see `fingerprint`.
    reference
        Reference distribution of `fisher`: a behavior, ``"uniform"`` or ``"mixture"``.
    progress
        See `fingerprint`.

    Returns
    -------
    DistanceMatrix; standard errors are over probes.

    Raises
    ------
    InputError
        See `fingerprint`.
    """
    if get_geometry(geometry).unit == "byte":
        check_bytes(behaviors, probes)
    made = fingerprint(
        behaviors,
        probes,
        (geometry,),
        folder=folder,
        sketch=sketch,
        reference=origin if reference is None else reference,
        progress=progress,
    )[geometry]
    if get_geometry(geometry).unit != "byte":
        return matrix_of(made)
    made, counts = aligned(behaviors, made, probes)
    matrix = matrix_of(made)
    matrix.metadata.update(counts)
    return matrix


def matrix_of(
    fingerprints: Sequence[Fingerprint],
    *,
    weights: NDArray[np.floating] | None = None,
    max_batches: int = MAX_BATCHES,
    block_bytes: int = BLOCK_BYTES,
    backend: str = "auto",
) -> DistanceMatrix:
    """Distances between fingerprints of one kind, with standard errors over probes.

    Parameters
    ----------
    fingerprints
        N of one kind, with different labels.
    weights, max_batches, block_bytes, backend
        Weights of probes, and bounds on memory: see `innerproduct.pairs.pair_moments`.

    Raises
    ------
    InputError
        If they cannot be mixed, two have the same label, or the weights are bad.
    """
    moments = pair_moments(
        comparable(fingerprints),
        weights=weights,
        max_batches=max_batches,
        block_bytes=block_bytes,
        backend=backend,
    )
    first = fingerprints[0].identity
    return DistanceMatrix(
        labels=tuple(f.label for f in fingerprints),
        squared=moments.squared,
        squared_standard_errors=moments.squared_standard_errors,
        degrees_of_freedom=float(max(moments.degrees_of_freedom, 1)),
        metadata={
            "geometry": first.geometry,
            "sketch": first.sketch,
            "probe_digest": first.probe_digest,
            "reference": first.reference,
            "n_probes": fingerprints[0].n_probes,
            "behaviors": {f.label: f.identity.behavior for f in fingerprints},
        },
    )
