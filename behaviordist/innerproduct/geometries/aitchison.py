"""Aitchison geometry: feature log p - mean_v log p (the centred log-ratio).

d^2 = sum_v (x_v - mean x)^2 with x = log f/g: V times the variance of the log-ratio under a uniform
reference, in squared nats; the classical Aitchison distance. It is linear in the logits, so that
the shift of a linear head is a linear function of its weights.

Use it to see the whole vocabulary, tail included, and for linear heads. It cannot take
zero-probability tokens (top-k, top-p), its values grow with the vocabulary, and most of its weight
lies on tokens that are never produced; prefer `fisher` where that matters. Source: Aitchison, The
Statistical Analysis of Compositional Data (1986), chapter 4.
"""

from __future__ import annotations

import numpy as np

from behaviordist.innerproduct.geometries.base import FloatArray, Geometry


def features(log_p: FloatArray, reference: FloatArray | None = None) -> FloatArray:
    """Return log p - mean_v log p, shape (m, V). Needs log p > -inf."""
    del reference
    log_p = np.asarray(log_p, dtype=np.float32)
    centre = log_p.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    centred: FloatArray = log_p - centre
    return centred


GEOMETRY = Geometry("aitchison", features, full_support=True, rounding=1e-2)
