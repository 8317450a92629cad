"""From behaviors to a distance matrix, in the way that a geometry needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from behaviordist.behaviors import Behavior
from behaviordist.distance.fingerprints.fingerprinting import fingerprint
from behaviordist.distance.fingerprints.next_byte import aligned, check_bytes
from behaviordist.distance.fingerprints.references import Reference
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.pairwise import matrix_of
from behaviordist.innerproduct import get_geometry
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
    margin: float | None = None,
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
    margin
        A distance that does not matter: pairs shown to lie within it are the same (`states`).
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
    counts: dict[str, Any] = {} if margin is None else {"margin": margin}
    if get_geometry(geometry).unit == "byte":
        made, more = aligned(behaviors, made, probes)
        counts |= more
    matrix = matrix_of(made)
    matrix.metadata.update(counts)
    return matrix
