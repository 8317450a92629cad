"""Clustering of behaviors by their distances."""

from __future__ import annotations

from typing import Any

import numpy as np

from behaviordist.innerproduct.arrays import Float64Array

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


def leaf_order(distances: Float64Array, tree: Float64Array | None = None) -> list[int]:
    """Return indices that put similar behaviors side by side; `tree` if it is known already."""
    if len(distances) < 3:
        return list(range(len(distances)))
    from scipy.cluster.hierarchy import leaves_list

    return [int(i) for i in leaves_list(linkage(distances) if tree is None else tree)]
