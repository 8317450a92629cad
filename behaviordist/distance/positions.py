"""Two next-token distributions at one position: what `compare` takes means of."""

from __future__ import annotations

import math

import numpy as np

from behaviordist.behaviors import LogProbBlock
from behaviordist.innerproduct.arrays import Float32Array, Float64Array

MEASURES = ("squared", "kl_forward", "kl_backward", "agreement", "bits")
"""As `distance.comparison` defines them."""
ROWS = 64


def measures_at(log_p: Float32Array, block: LogProbBlock) -> Float64Array:
    """Return the measures (m, 5) of every position; a few rows at a time, in float64.

    The last is in bits of its token, infinite where one of the two has no probability for it.
    """
    log_q, out = block.log_p, np.full((len(log_p), len(MEASURES)), np.nan)
    if block.token is not None:
        rows = np.arange(len(log_p))
        a, b = (x[rows, block.token].astype(np.float64) for x in (log_p, log_q))
        with np.errstate(invalid="ignore"):
            out[:, 4] = np.where(np.isfinite(a) & np.isfinite(b), (a - b) / math.log(2), np.inf)
    for start in range(0, len(log_p), ROWS):
        part = slice(start, start + ROWS)
        a, b = log_p[part].astype(np.float64), log_q[part].astype(np.float64)
        p, q = np.exp(a), np.exp(b)
        out[part, 0] = ((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=1)
        with np.errstate(invalid="ignore"):
            # A token without probability under p adds nothing to KL(p || q), whatever q says.
            out[part, 1] = np.where(p > 0, p * (a - b), 0).sum(axis=1)
            out[part, 2] = np.where(q > 0, q * (b - a), 0).sum(axis=1)
        out[part, 3] = a.argmax(axis=1) == b.argmax(axis=1)
    return out
