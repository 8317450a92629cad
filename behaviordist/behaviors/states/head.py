"""Heads: what turns a model's last hidden states into next-token distributions.

With h (d,) after the last norm, W (V, d) and b (V,): logits are s (W h + b), or c tanh(. / c) of
that where the model caps them, and log p is their log-softmax. States (n, d) and one head stand for
n x V log-probabilities. A head without a weight means that states are log-probabilities themselves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors.settings import log_softmax
from behaviordist.errors import InputError
from behaviordist.store import digest_of

FloatArray = NDArray[np.floating[Any]]
Float32Array = NDArray[np.float32]

DTYPES = ("float16", "bfloat16", "float32")


@dataclass(frozen=True, eq=False)
class Head:
    """Output embedding, bias, scale and cap of a model, and what its tokens are.

    Parameters
    ----------
    weight
        (V, d) as `packed`; (0, 0) where states are log-probabilities.
    bias
        (V,) float32, or empty.
    scale, cap
        s and c; no cap is 0.
    texts
        (V,) tokens as text, for people.
    names
        (V,) tokens as the tokenizer names them, "" where none uses an id; or empty.
    first
        (V,) first byte of every token, or empty.
    vocabulary
        Digest of the token -> id map.
    """

    weight: NDArray[Any]
    bias: Float32Array
    scale: float
    cap: float
    texts: tuple[str, ...]
    names: tuple[str, ...]
    first: NDArray[np.int64]
    vocabulary: str

    @property
    def digest(self) -> str:
        """Equal for models that share a head: tied or frozen ones are stored once."""
        arrays = [_digest(array) for array in (self.weight, self.bias, self.first)]
        return digest_of([*arrays, self.scale, self.cap, list(self.names), self.vocabulary])

    def matrix(self) -> Float32Array:
        """Return the weight as float32, (V, d)."""
        return unpacked(self.weight)

    def log_probs(self, states: Float32Array, matrix: Float32Array) -> Float32Array:
        """Return log-probabilities (m, V) of states (m, d); `matrix` is `matrix()`, made once."""
        if not matrix.size:
            return log_softmax(states)
        logits = states @ matrix.T
        if self.bias.size:
            logits += self.bias
        if self.scale != 1:
            logits *= np.float32(self.scale)
        if self.cap:
            logits = np.float32(self.cap) * np.tanh(logits / np.float32(self.cap))
        return log_softmax(logits)


def packed(values: FloatArray, dtype: str) -> NDArray[Any]:
    """Return float32 values as ``float16``, ``float32``, or the upper halves that are ``bfloat16``.

    Rounded to the nearest, ties to even.

    Raises
    ------
    InputError
        If values overflow float16.
    """
    full = np.ascontiguousarray(values, dtype=np.float32)
    if dtype == "float32":
        return full
    if dtype == "bfloat16":
        bits = full.view(np.uint32)
        return ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    with np.errstate(over="ignore"):
        half = full.astype(np.float16)
    if not np.isfinite(half).all():
        raise InputError("hidden states overflow float16; keep them as bfloat16 or float32")
    return half


def unpacked(values: NDArray[Any]) -> Float32Array:
    """Return what `packed` made as float32."""
    if values.dtype == np.uint16:
        return (np.asarray(values).astype(np.uint32) << 16).view(np.float32)
    return np.asarray(values, dtype=np.float32)


def smallest(values: FloatArray) -> NDArray[Any]:
    """Return values in the smallest of the types that holds every one of them exactly."""
    full = np.ascontiguousarray(values, dtype=np.float32)
    if not (full.view(np.uint32) & 0xFFFF).any():
        return packed(full, "bfloat16")
    with np.errstate(over="ignore"):
        half = full.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), full) else full


def _digest(array: NDArray[Any]) -> str:
    kept = np.ascontiguousarray(array)
    return hashlib.sha256(f"{kept.dtype.str}{kept.shape}".encode() + kept.tobytes()).hexdigest()
