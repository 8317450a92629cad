"""Holm's step-down: p-values of several questions, adjusted so that all answers hold together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted for all that were asked together (Holm 1979); NaN stays out.

    Those at most alpha are rejected, and the chance of one false rejection is at most alpha.

    Parameters
    ----------
    p_values
        (m,); NaN was not asked.
    """
    p = np.asarray(p_values, np.float64)
    adjusted = np.full(len(p), math.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return adjusted
