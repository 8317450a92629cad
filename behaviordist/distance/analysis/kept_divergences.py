"""KL both ways of a pair, from fingerprints that hold whole distributions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.estimates import ProbeMean, estimate
from behaviordist.innerproduct.fingerprint import EXACT, Fingerprint

ROWS = 1024
MOST = 4_000_000
"""Numbers in a fingerprint beyond which the logarithms of 60 pairs take too long."""


def kl_both_ways(a: Fingerprint, b: Fingerprint) -> tuple[ProbeMean, ProbeMean] | None:
    """Return KL(a || b) and KL(b || a), nats a token, each a mean over probes; None: not kept.

    Exact fingerprints in the hellinger geometry are sqrt(p), so that
    ``KL(p || q) = 2 sum p (log sqrt(p) - log sqrt(q))``; sketches have forgotten single tokens.
    """
    whole = (a.identity.geometry, a.identity.sketch) == ("hellinger", EXACT)
    # Rounded to float16, rare tokens would be impossible ones.
    rounded = any(one.features.dtype != np.float32 for one in (a, b))
    if not whole or rounded or a.features.size > MOST:
        return None
    sums = np.empty((2, len(a.probe)))
    for start in range(0, len(a.probe), ROWS):
        part = slice(start, start + ROWS)
        x, y = (np.asarray(one.features[part], dtype=np.float64) for one in (a, b))
        sums[:, part] = _kl(x, y), _kl(y, x)
    counts = np.bincount(a.probe, minlength=a.n_probes)
    there, back = (
        estimate(np.bincount(a.probe, one, a.n_probes) / counts, a.group) for one in sums
    )
    return there, back


def _kl(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return KL of squares of roots (n, V) at every row; a token that x never says adds nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(x > 0, 2 * x**2 * (np.log(x) - np.log(y)), 0.0)
    return np.asarray(terms.sum(axis=1))
