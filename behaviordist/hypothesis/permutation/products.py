"""Inner products of fixed matrices with a relabelled one: what every linear statistic permutes."""

from __future__ import annotations

import numpy as np

from behaviordist.hypothesis.permutation.batches import batched
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.permutation.relabelling import Relabelling


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

    def compute(part: slice) -> FloatArray:
        rows, columns = relabelling.rows[part], relabelling.columns[part]
        cells = rows[:, :, None] * moved.shape[1] + columns[:, None, :]
        return np.asarray(flat @ moved.ravel().take(cells.reshape(len(cells), -1)).T)

    return batched(len(relabelling), moved.size, compute)
