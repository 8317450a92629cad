"""Simpler explanations that stand beside every distance: good sources, and nothing at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from behaviordist.hypothesis.permutation.ranks import FloatArray, column_midranks, ratio


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
    count = np.isfinite(cost).sum(axis=0)
    share = (column_midranks(cost) - 0.5) / np.maximum(count, 1)
    known = np.isfinite(share)
    filled = np.where(known, share, 0.0)
    others = known.sum(axis=1, keepdims=True) - known
    total = filled.sum(axis=1, keepdims=True) - filled
    return ratio(total, others, np.nan)


def random_distances(
    sources: Sequence[str], targets: Sequence[str], rng: np.random.Generator
) -> FloatArray:
    """Symmetric uniform numbers (S, T): what a distance that knows nothing scores."""
    union = list(dict.fromkeys([*sources, *targets]))
    position = {label: i for i, label in enumerate(union)}
    draws = rng.uniform(size=(len(union), len(union)))
    symmetric = (draws + draws.T) / 2
    rows, columns = [position[s] for s in sources], [position[t] for t in targets]
    return np.asarray(symmetric[np.ix_(rows, columns)])
