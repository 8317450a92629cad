"""Position-wise CountSketch: V features a position in, D out, inner products unbiased.

At a position with hash h: tokens -> {0..D-1} and signs s: tokens -> {-1, +1}, the sketch of phi is
S_k = sum over tokens with h(v) = k of s(v) phi_v. Then E <S phi, S psi> = <phi, psi>, and for d^2
of one position the variance is at most 2 d^4 / D. Every position has its own hash, a function of
(digest of the probe set, probe, position) alone: all behaviors share it, the errors of n positions
are independent, and the mean over them has relative standard deviation about sqrt(2 / (D n)).

Source: Charikar, Chen & Farach-Colton (2002); Weinberger et al., Feature Hashing (2009), lemma 2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float32Array, FloatArray

IntArray = NDArray[np.integer[Any]]
UintArray = NDArray[np.uint64]

DEFAULT_SIZE = 64
EXACT_UP_TO = 1024
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def choose_size(sketch: float | str | None, vocabulary_size: int, n_positions: int) -> int | None:
    """Return D, or None for exact features.

    Parameters
    ----------
    sketch
        ``"auto"``: exact up to a vocabulary of 1024 tokens, else 64. None: exact. A whole number:
        D. A number below 1: the relative error that the sketch may add to a squared distance
        (`sketch_size`). A D that is not below the vocabulary's size means exact.
    vocabulary_size
        V.
    n_positions
        At least so many positions will be sketched; asked for a target error alone.

    Raises
    ------
    InputError
        If `sketch` is none of these.
    """
    if sketch == "auto":
        return None if vocabulary_size <= EXACT_UP_TO else DEFAULT_SIZE
    if sketch is None:
        return None
    if isinstance(sketch, str) or not sketch > 0 or (sketch > 1 and sketch != int(sketch)):
        raise InputError(
            "sketch must be 'auto', None, a whole size of at least 1 or a target error below 1,"
            f" not {sketch!r}"
        )
    size = sketch_size(sketch, n_positions) if sketch < 1 else int(sketch)
    return None if size >= vocabulary_size else size


def sketch_size(target: float, n_positions: int) -> int:
    """Smallest power of two D whose sketch adds at most `target` relative error to d^2.

    From the relative standard deviation sqrt(2 / (D n)) of d^2 over n positions.

    Parameters
    ----------
    target
        Relative standard deviation, between 0 and 1.
    n_positions
        Positions in all.

    Raises
    ------
    InputError
        If the target is not between 0 and 1, or there is no position.
    """
    if not 0 < target < 1 or n_positions < 1:
        raise InputError("the target error must lie between 0 and 1, with at least one position")
    least = 2 / (n_positions * target**2)
    return 1 << max(0, math.ceil(math.log2(least)))


def position_keys(probe_digest: str, probe: IntArray, position: IntArray) -> UintArray:
    """Return one 64-bit key for each (probe, position inside the probe)."""
    seed = np.uint64(int(probe_digest[:16], 16))
    keys = _mix(np.asarray(probe).astype(np.uint64) * _GOLDEN + seed)
    return _mix(keys + np.asarray(position).astype(np.uint64) * _GOLDEN)


def sketch_rows(features: FloatArray, keys: UintArray, size: int) -> Float32Array:
    """Sketch each row with its own hash.

    Parameters
    ----------
    features
        (m, V).
    keys
        (m,) from `position_keys`.
    size
        D.

    Returns
    -------
    (m, D) float32.
    """
    tokens = np.arange(features.shape[1], dtype=np.uint64) * _GOLDEN
    sketched = np.empty((len(features), size), dtype=np.float32)
    for row, (values, key) in enumerate(zip(features, keys, strict=True)):
        bits = _mix(tokens + key)
        bucket = ((bits >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32)
        # The lowest bit is the sign; the bucket comes from the upper half, so the two are apart.
        signed = np.where(bits & np.uint64(1), values, -values)
        sketched[row] = np.bincount(bucket.view(np.int64), weights=signed, minlength=size)
    return sketched


def _mix(x: UintArray) -> UintArray:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014), in place on a fresh array."""
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x
