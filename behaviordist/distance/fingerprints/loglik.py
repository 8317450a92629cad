"""Distances from log-likelihoods of texts: across tokenizers, in nats or bits per byte."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.pairwise import matrix_of
from behaviordist.errors import InputError, did_you_mean
from behaviordist.innerproduct.fingerprint import Fingerprint, check_mixable
from behaviordist.innerproduct.geometries.loglik import bits_per_byte, limited
from behaviordist.probes import ProbeSet

UNITS = ("nats", "bits per byte")


def loglik_distances(
    fingerprints: Sequence[Fingerprint],
    probes: ProbeSet,
    *,
    unit: str = "nats",
    references: Sequence[Fingerprint] = (),
    most: float | None = None,
) -> DistanceMatrix:
    """Distances between `loglik` fingerprints.

    Parameters
    ----------
    fingerprints
        N of geometry ``loglik`` on `probes`; tokenizers may differ.
    probes
        For the bytes of the continuations.
    unit
        ``"nats"``: d^2 = variance over texts of the log-likelihood ratio. ``"bits per byte"``: of
        the ratio in bits divided by the text's bytes, so that long texts weigh no more than short.
    references, most
        Fixed reference fingerprints, and how many nats per byte a text may lie outside their
        range (`geometries.loglik.limited`); default no limit.

    Returns
    -------
    DistanceMatrix; ``metadata["bits_per_byte"]`` has each behavior's code length.

    Raises
    ------
    InputError
        On another geometry, other probes, an unknown unit, or a limit without references.
    """
    if unit not in UNITS:
        raise InputError(f"unknown unit '{unit}': {did_you_mean(unit, UNITS)}")
    check_mixable([*fingerprints, *references])
    identity = fingerprints[0].identity
    if identity.geometry != "loglik" or identity.probe_digest != probes.digest:
        raise InputError(f"loglik_distances needs loglik fingerprints on '{probes.name}'")
    n_bytes = np.array([len(p.continuation.encode()) for p in probes], dtype=np.int64)
    nats = _nats(fingerprints)
    used = nats
    if most is not None:
        if not references:
            raise InputError("a limit needs reference fingerprints; give references=[...]")
        used = limited(nats, _nats(references), n_bytes, most)
    if unit == "bits per byte":
        used = used / (np.log(2) * n_bytes)
    prints = [
        dataclasses.replace(f, features=row[:, None].astype(np.float32))
        for f, row in zip(fingerprints, used, strict=True)
    ]
    lengths = bits_per_byte(nats, n_bytes)
    matrix = matrix_of(prints)
    if unit == "bits per byte":
        matrix = matrix.with_floor(matrix.floor / float(np.log(2) * n_bytes.mean()) ** 2)
    matrix.metadata.update(
        unit=unit,
        limit_nats_per_byte=most,
        bits_per_byte={f.label: float(x) for f, x in zip(fingerprints, lengths, strict=True)},
    )
    return matrix


def _nats(fingerprints: Sequence[Fingerprint]) -> NDArray[np.float64]:
    return np.array([np.asarray(f.features, dtype=np.float64)[:, 0] for f in fingerprints])
