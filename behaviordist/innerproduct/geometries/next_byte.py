"""Next-byte geometry: the Hellinger feature of the next byte's distribution, sqrt(P(byte)).

A behavior's distribution over tokens gives one over bytes,

    P(b | context) = sum of p(v | context) over the tokens v whose text begins with byte b,

and one symbol more for the tokens without text (end of text). 257 numbers a position, no sketch,
and models with different tokenizers have them in common. Two behaviors are compared where both of
their tokenizations of the text have a boundary (`distance.fingerprints.next_byte`).

What is exact: P given the context *as the model reads it*, cut into its own tokens. What is not:
the distribution given the bytes of the context alone, which would sum over all ways to cut it. A
boundary tells the model that the token before it did not go on, so that two models that are one
function of bytes, cut differently, may lie apart; and bytes inside tokens are never seen. By the
data-processing inequality the distance is at most the `hellinger` one at the same positions where
both models share a tokenizer. Sources: Phan, Amos, Gat, Havasi, Muckley & Ullrich, Exact Byte-Level
Probabilities from Tokenized Language Models (2024); Vieira et al., From Language Models over Tokens
to Language Models over Characters (2024).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.innerproduct.geometries.base import FloatArray, Geometry

SYMBOLS = 257


def features(log_p: FloatArray, first: NDArray[Any] | None = None) -> FloatArray:
    """Return sqrt(P(next byte)), shape (m, 257) float32; the sums are in float64.

    Parameters
    ----------
    log_p
        (m, V) log-probabilities of tokens; zeros are allowed.
    first
        (V,) first byte of every token, 256 for those without text.
    """
    if first is None:
        raise TypeError("the next-byte geometry needs the first byte of every token")
    p = np.exp(np.asarray(log_p, dtype=np.float32))
    mass = [np.bincount(first, weights=row, minlength=SYMBOLS) for row in p]
    root: FloatArray = np.sqrt(np.reshape(mass, (len(p), SYMBOLS))).astype(np.float32)
    return root


GEOMETRY = Geometry("next-byte", features, unit="byte", bound=2.0)
