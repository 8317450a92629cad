"""Log-likelihood geometry: feature log p(text), one number a probe.

With l_f(x) = log p_f(continuation | prompt) in nats, summed over tokens, the vectors are
double-centred after the fact: over texts (each behavior's mean goes) and over behaviors (each
text's mean goes; it cancels in every difference, so that adding a behavior moves no distance). Then

    d^2(f, g) = Var_x[l_f(x) - l_g(x)]   in squared nats a text,  ~ 2 KL of texts near a common p.

Use it across tokenizers: a text has one likelihood whatever it is cut into. It cannot see what a
behavior would have said instead, and long texts dominate; divide by the bytes (`unit="bits per
byte"` of `loglik_distances`) and limit outliers against fixed references (`limited`). Source:
Oyama, Kishino, Yamagiwa & Shimodaira, Mapping 1,000+ Language Models via the Log-Likelihood Vector
(2025).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array, IntArray
from behaviordist.innerproduct.fingerprint import Fingerprint
from behaviordist.innerproduct.geometries.base import FloatArray, Geometry


def features(log_p: FloatArray, token: NDArray[Any] | None = None) -> FloatArray:
    """Return log p of the token that stands at each position, shape (m, 1), nats."""
    if token is None:
        raise TypeError("the loglik geometry needs the tokens of the texts")
    scored: FloatArray = np.take_along_axis(log_p, np.asarray(token)[:, None], axis=1)
    return scored


def double_centred(fingerprints: Sequence[Fingerprint]) -> list[Fingerprint]:
    """Take each behavior's mean over texts off; the plain distance is then the sample variance.

    The factor sqrt(n / (n - 1)) makes the mean of squares over n texts the unbiased variance.

    Raises
    ------
    InputError
        On fewer than two texts: a variance needs two.
    """
    centred = []
    for fingerprint in fingerprints:
        n = fingerprint.n_probes
        if n < 2:
            raise InputError("the loglik geometry needs at least two probes: it is a variance")
        nats = np.asarray(fingerprint.features, dtype=np.float64)
        scaled = (nats - nats.mean(axis=0)) * np.sqrt(n / (n - 1))
        centred.append(dataclasses.replace(fingerprint, features=scaled.astype(np.float32)))
    return centred


def comparable(fingerprints: Sequence[Fingerprint]) -> Sequence[Fingerprint]:
    """Return the fingerprints as pair distances take them: `loglik` centred, others as they are."""
    if fingerprints and fingerprints[0].identity.geometry == GEOMETRY.name:
        return double_centred(fingerprints)
    return fingerprints


def bits_per_byte(nats: Float64Array, n_bytes: IntArray) -> Float64Array:
    """Mean code length in bits per byte: -sum log2 p / sum of bytes.

    Parameters
    ----------
    nats
        (N, n) log-likelihoods.
    n_bytes
        (n,) UTF-8 bytes of the scored texts.
    """
    total: Float64Array = -np.sum(nats, axis=1) / (np.log(2) * np.sum(n_bytes))
    return total


def limited(
    nats: Float64Array,
    reference: Float64Array,
    n_bytes: IntArray,
    most: float,
) -> Float64Array:
    """Limit each text's log-likelihood to within `most` nats per byte of a fixed reference's.

    The threshold depends on the reference alone: whichever other behaviors are in the set, a
    behavior's limited values are the same. (A percentile of the set would move old distances
    whenever a behavior is added.)

    Parameters
    ----------
    nats
        (N, n) log-likelihoods.
    reference
        (n,) of the reference, or (R, n) of several, whose range is then widened by `most`.
    n_bytes
        (n,) bytes of the texts.
    most
        Nats per byte, above zero.

    Raises
    ------
    InputError
        If `most` is not above zero.
    """
    if not most > 0:
        raise InputError(f"the limit must be above zero nats per byte, not {most}")
    reference = np.atleast_2d(reference)
    room = most * np.asarray(n_bytes)
    return np.clip(nats, reference.min(axis=0) - room, reference.max(axis=0) + room)


GEOMETRY = Geometry("loglik", features, unit="text", rounding=1e-2)
