"""Clustering of behaviors by their distances."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

# Optimal leaf order takes time with the cube of N; beyond this the tree's own order serves.
ORDERED_UP_TO = 300


def linkage(distances: Float64Array) -> Float64Array:
    """Average linkage (UPGMA), leaves in optimal order up to 300.

    Parameters
    ----------
    distances
        (N, N), symmetric; missing ones count as the largest one.

    Returns
    -------
    (N - 1, 4) SciPy linkage matrix.

    Source: Sokal & Michener (1958); Bar-Joseph, Gifford & Jaakkola (2001).
    """
    from scipy.cluster.hierarchy import linkage as scipy_linkage
    from scipy.spatial.distance import squareform

    known = np.isfinite(distances)
    largest = float(distances[known].max()) if known.any() else 0.0
    condensed = squareform(np.where(known, distances, largest), checks=False)
    ordered = len(distances) <= ORDERED_UP_TO
    merged: Any = scipy_linkage(condensed, method="average", optimal_ordering=ordered)
    return np.asarray(merged, dtype=np.float64)


def leaf_order(tree: Float64Array) -> list[int]:
    """Return the tree's leaves from left to right: similar behaviors side by side."""
    from scipy.cluster.hierarchy import leaves_list

    return [int(i) for i in leaves_list(tree)]
