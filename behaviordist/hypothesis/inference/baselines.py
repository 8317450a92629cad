"""Simpler explanations that stand beside every distance: good sources, and nothing at all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from behaviordist.hypothesis.permutation.ranks import FloatArray, column_midranks, ratio, to_digits

LARGEST_WHOLE = 2.0**53


def source_quality(cost: FloatArray) -> FloatArray:
    """Mean rank of a source on the *other* targets, as a predictor of the cost of this one.

    Parameters
    ----------
    cost
        (S, T) costs, NaN where there is no pair.

    Returns
    -------
    (S, T): cell (s, t) is the mean of ``(rank - 1/2) / n`` of s over the targets other than t
    (and other than s itself, whose column has no cost of s). NaN where s has no other target.
    """
    known = np.isfinite(cost)
    count = np.maximum(known.sum(axis=0), 1)
    # Sums of whole numbers are exact: over one common denominator, 2 lcm(n), equal means tie.
    common = math.lcm(*(int(n) for n in count))
    exact = 2 * common * cost.shape[1] < LARGEST_WHOLE
    weight = common // count if exact else 1 / count
    parts = np.where(known, (2 * column_midranks(cost) - 1) * weight, 0.0)
    others = (known.sum(axis=1, keepdims=True) - known).astype(np.float64)
    quality = ratio(parts.sum(axis=1, keepdims=True) - parts, others, np.nan)
    return quality / (2 * common) if exact else to_digits(quality / 2)


def random_distances(
    sources: Sequence[str], targets: Sequence[str], rng: np.random.Generator
) -> FloatArray:
    """Symmetric uniform numbers (S, T): what a distance that knows nothing scores."""
    union = list(dict.fromkeys([*sources, *targets]))
    draws = rng.uniform(size=(len(union), len(union)))
    rows, columns = ([union.index(label) for label in side] for side in (sources, targets))
    return np.asarray(((draws + draws.T) / 2)[np.ix_(rows, columns)])
