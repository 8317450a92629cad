"""Clustering of behaviors by their distances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.analysis.scikit_bio import scikit_bio
from behaviordist.distance.matrix import DistanceMatrix

if TYPE_CHECKING:
    import skbio


def linkage(matrix: DistanceMatrix) -> NDArray[np.float64]:
    """Average linkage (UPGMA) with leaves in optimal order.

    Returns
    -------
    (N - 1, 4) SciPy linkage matrix. Missing distances count as the largest one.

    Source: Sokal & Michener (1958); Bar-Joseph, Gifford & Jaakkola (2001).
    """
    from scipy.cluster.hierarchy import linkage as scipy_linkage
    from scipy.spatial.distance import squareform

    distances = np.array(matrix.distances)
    largest = np.nanmax(distances) if np.isfinite(distances).any() else 0.0
    condensed = squareform(np.nan_to_num(distances, nan=float(largest)), checks=False)
    merged: Any = scipy_linkage(condensed, method="average", optimal_ordering=True)
    return np.asarray(merged, dtype=np.float64)


def leaf_order(matrix: DistanceMatrix) -> list[int]:
    """Return indices that put similar behaviors side by side."""
    if len(matrix) < 3:
        return list(range(len(matrix)))
    from scipy.cluster.hierarchy import leaves_list

    return [int(i) for i in leaves_list(linkage(matrix))]


def neighbour_joining(matrix: DistanceMatrix) -> skbio.TreeNode:
    """Neighbour-joining tree (Saitou & Nei 1987), by scikit-bio. Needs at least 3 behaviors."""
    return scikit_bio("skbio.tree").nj(matrix.to_skbio())
