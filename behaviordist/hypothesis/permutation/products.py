"""Inner products of fixed matrices with a relabelled one: what every linear statistic permutes."""

from __future__ import annotations

import numpy as np

from behaviordist.hypothesis.permutation.batches import batched
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.permutation.relabelling import Relabelling

WIDE = 200_000
"""Cells of a matrix that no longer lies in fast memory."""


def products(features: FloatArray, moved: FloatArray, relabelling: Relabelling) -> FloatArray:
    """Return ``sum_st features[k, s, t] * moved[rows[b, s], columns[b, t]]`` as (K, B).

    Parameters
    ----------
    features
        (K, S, T) fixed matrices, 0 where they have no pair.
    moved
        (S, T) the matrix that is relabelled, 0 where it has no pair.
    relabelling
        B relabellings.
    """
    flat = features.reshape(len(features), -1)
    if moved.size > WIDE:
        return batched(
            len(relabelling), moved.size, lambda part: _wide(flat, moved, relabelling, part)
        )

    def compute(part: slice) -> FloatArray:
        rows, columns = relabelling.rows[part], relabelling.columns[part]
        cells = rows[:, :, None] * moved.shape[1] + columns[:, None, :]
        return np.asarray(flat @ moved.ravel().take(cells.reshape(len(cells), -1)).T)

    return batched(len(relabelling), moved.size, compute)


def _wide(flat: FloatArray, moved: FloatArray, relabelling: Relabelling, part: slice) -> FloatArray:
    """The same for matrices beyond the cache: whole rows are moved first, then columns in them."""
    values = [
        flat @ moved.take(rows, axis=0).take(columns, axis=1).ravel()
        for rows, columns in zip(relabelling.rows[part], relabelling.columns[part], strict=True)
    ]
    return np.stack(values, axis=1)
