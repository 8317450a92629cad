"""From behaviors to a distance matrix, in the way that a geometry needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from behaviordist.behaviors import Behavior
from behaviordist.distance.analysis.witnesses import farthest_witnesses
from behaviordist.distance.fingerprints.fingerprinting import fingerprint
from behaviordist.distance.fingerprints.next_byte import aligned, check_bytes
from behaviordist.distance.fingerprints.references import Reference
from behaviordist.distance.fingerprints.texts import answer_distances, text_distances
from behaviordist.distance.fingerprints.without_models import open_behaviors
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.pairwise import matrix_of
from behaviordist.errors import InputError
from behaviordist.innerproduct import get_geometry
from behaviordist.probes import ProbeSet
from behaviordist.store.bars import Progress, told
from behaviordist.store.stages import stage


def distances(
    behaviors: Sequence[Behavior | str],
    probes: ProbeSet | str,
    geometry: str = "hellinger",
    *,
    origin: Behavior | None = None,
    folder: Path | None = None,
    sketch: float | str | None = "auto",
    reference: Reference = None,
    margin: float | None = None,
    answers: int = 8,
    answer_tokens: int = 32,
    kernel: str = "character-ngrams",
    progress: Progress | bool | None = None,
) -> DistanceMatrix:
    """Distances between behaviors on a probe set.

    Parameters
    ----------
    behaviors
        N behaviors over one vocabulary (any, for ``next-byte``, and for ``loglik`` and ``samples``
        also models behind servers), with different labels; or what `load` opens, fingerprint files,
        folders of these.
    probes
        Probe set, or the name or file of one.
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
    answers, answer_tokens, kernel
        For ``samples``: answers a prompt, longest answer, how answers are compared; see
        `answer_distances`.
    progress
        True for a bar a behavior, in terminals and notebooks; or what is called with (label, probes
        done, probes in all), see `fingerprint`.

    Returns
    -------
    DistanceMatrix; standard errors are over probes.

    Raises
    ------
    InputError
        See `fingerprint`.

    Examples
    --------
    >>> import numpy as np, behaviordist as bd
    >>> from behaviordist.behaviors import ArrayBehavior
    >>> probes = bd.ProbeSet("two", tuple(bd.Probe(f"p{i}", "x", "y") for i in range(2)))
    >>> fair = ArrayBehavior("fair", [0, 1], np.log([[0.5, 0.5]] * 2))
    >>> biased = ArrayBehavior("biased", [0, 1], np.log([[0.9, 0.1]] * 2))
    >>> D = bd.distances([fair, biased], probes)
    >>> round(float(D.squared[0, 1]), 4)  # 2 (1 - sqrt(0.45) - sqrt(0.05))
    0.2111
    """
    named = ProbeSet.load(probes) if isinstance(probes, str) else probes
    if not isinstance(named, ProbeSet):
        raise InputError(f"probes are a ProbeSet, a name or a file, not {type(named).__name__}")
    if isinstance(behaviors, str):
        raise InputError(f"distances are between several: give a list, ['{behaviors}', ...]")
    opened, progress = open_behaviors(behaviors, probes=named), told(progress)
    unit = get_geometry(geometry).unit
    if unit == "answers":
        matrix = answer_distances(
            opened,
            named,
            count=answers,
            max_tokens=answer_tokens,
            kernel=kernel,
            folder=folder,
            progress=progress,
        )
    elif unit == "text":
        matrix = text_distances(opened, named, folder=folder, progress=progress)
    else:
        reference = origin if reference is None else reference
        options: dict[str, Any] = {"folder": folder, "sketch": sketch, "reference": reference}
        matrix = _of_positions(opened, named, geometry, {**options, "progress": progress})
    if margin is not None:
        matrix.metadata["margin"] = margin
    return matrix


def _of_positions(
    behaviors: Sequence[Behavior], probes: ProbeSet, geometry: str, options: dict[str, Any]
) -> DistanceMatrix:
    """Distances from next-token distributions, at all positions or at those that all share."""
    across = get_geometry(geometry).across_tokenizers
    if across:
        check_bytes(behaviors, probes)
    prints = fingerprint(behaviors, probes, (geometry,), **options)[geometry]
    counts: dict[str, Any] = {}
    if across:
        prints, counts = aligned(behaviors, prints, probes)
    with stage("from fingerprints to distances"):
        matrix = matrix_of(prints)
        farthest = farthest_witnesses(prints, matrix.squared, probes)
    matrix.metadata.update({**counts, "witnesses": farthest})
    return matrix
