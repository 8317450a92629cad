"""Euclidean geometry: feature p.

d^2 = sum_v (f_v - g_v)^2, between 0 and 2: the divergence of the Brier score, and the energy
distance of categorical answers under the exact-match kernel (the mean `samples` converges to).

Use it when only frequent tokens matter, or beside `samples` estimates. It cannot see changes of
rare tokens: from 1e-4 to 1e-3 adds less than 1e-6. Sources: Brier (1950); Szekely & Rizzo (2013).
"""

from __future__ import annotations

import numpy as np

from behaviordist.innerproduct.geometries.base import FloatArray, Geometry


def features(log_p: FloatArray, reference: FloatArray | None = None) -> FloatArray:
    """Return p, shape (m, V)."""
    del reference
    return np.exp(np.asarray(log_p, dtype=np.float32))


GEOMETRY = Geometry("euclidean", features, bound=2.0)
