"""Hellinger geometry: feature sqrt(p).

Inner product: the Bhattacharyya coefficient BC(f, g) = sum_v sqrt(f_v g_v), so that
d^2 = 2 (1 - BC), between 0 (equal) and 2 (disjoint). Near a common distribution d^2 ~ KL / 2,
that is 1/4 of the `fisher` value.

Use it by default: bounded, defined for truncated distributions (top-k, top-p), no reference needed,
and no token weighs more than its probability warrants. It cannot tell apart what happens in the
far tail: tokens below 1e-6 hardly count. Sources: Hellinger (1909); Bhattacharyya (1943).
"""

from __future__ import annotations

import numpy as np

from behaviordist.innerproduct.geometries.base import FloatArray, Geometry


def features(log_p: FloatArray, reference: FloatArray | None = None) -> FloatArray:
    """Return sqrt(p), shape (m, V)."""
    del reference
    root: FloatArray = np.exp(np.float32(0.5) * np.asarray(log_p, dtype=np.float32))
    return root


GEOMETRY = Geometry("hellinger", features, bound=2.0)
