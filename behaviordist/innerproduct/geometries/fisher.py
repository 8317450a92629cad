"""Fisher geometry: feature sqrt(pi) (log p - E_pi[log p]), with a reference distribution pi.

d^2 = Var_pi[log f / g], in squared nats: the Fisher-Rao metric at pi, taken over the log-ratio.
When f and g lie close to pi, d^2 ~ 2 KL(f || g).

Use it for shifts away from a common origin (the pre-trained base): tokens count as the base
produces them. It cannot take zero-probability tokens, its values depend on pi (fingerprints of
different references never mix), and far from pi it is no longer near 2 KL. Sources: Rao (1945);
Amari & Nagaoka, Methods of Information Geometry (2000), chapter 2.
"""

from __future__ import annotations

import numpy as np

from behaviordist.innerproduct.geometries.base import FloatArray, Geometry


def features(log_p: FloatArray, reference: FloatArray | None = None) -> FloatArray:
    """Return sqrt(pi) (log p - E_pi[log p]), shape (m, V); `reference` is log pi, same shape."""
    if reference is None:
        raise TypeError("the fisher geometry needs the reference's log-probabilities")
    log_p = np.asarray(log_p, dtype=np.float32)
    root = np.exp(np.float32(0.5) * np.asarray(reference, dtype=np.float32))
    # E_pi as a ratio: pi sums to one only within float32, and log p may be in the hundreds.
    mass = np.einsum("mv,mv->m", root, root, dtype=np.float64)
    mean = np.einsum("mv,mv,mv->m", root, root, log_p, dtype=np.float64) / mass
    feature: FloatArray = root * (log_p - mean[:, None].astype(np.float32))
    return feature


GEOMETRY = Geometry("fisher", features, needs_reference=True, full_support=True, rounding=1e-3)
