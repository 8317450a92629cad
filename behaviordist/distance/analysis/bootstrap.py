"""Bootstrap over probes for what depends on the whole matrix: dendrograms and ordinations.

Batches of probes (dependent ones together) are drawn with replacement; every replicate is a whole
matrix of squared distances. Support of a clade: the share of replicates whose dendrogram has it
(Felsenstein 1985). Intervals of coordinates: replicates are rotated onto the estimate (orthogonal
Procrustes: the axes of an ordination are free up to that), then percentiles are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.analysis.clustering import linkage
from behaviordist.distance.analysis.ordination import Ordination, principal_coordinates
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError
from behaviordist.innerproduct.batches import plan_batches
from behaviordist.innerproduct.blocks import batch_features
from behaviordist.innerproduct.fingerprint import Fingerprint, check_mixable
from behaviordist.innerproduct.geometries.loglik import comparable

Float64Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Resampled:
    """Replicates of a whole matrix.

    Parameters
    ----------
    matrix
        The estimate from all probes.
    squared
        (R, N, N) squared distances, one matrix a replicate; replicate r depends on the seed and r
        alone.
    """

    matrix: DistanceMatrix
    squared: Float64Array

    def clade_support(self) -> dict[frozenset[str], float]:
        """Clades of the average-linkage dendrogram -> share of replicates that have them."""
        clades = _clades(self.matrix)
        counts = dict.fromkeys(clades, 0)
        for replicate in self._matrices():
            for clade in _clades(replicate) & clades:
                counts[clade] += 1
        return {clade: count / len(self.squared) for clade, count in counts.items()}

    def coordinate_intervals(
        self, dimensions: int = 2, level: float = 0.95
    ) -> tuple[Ordination, Float64Array, Float64Array]:
        """Principal coordinates with percentile intervals.

        Returns
        -------
        The ordination of the estimate, and (low, high), each (N, dimensions), in units of d.
        """
        from scipy.linalg import orthogonal_procrustes

        estimate = principal_coordinates(self.matrix, dimensions)
        rotated = []
        for replicate in self._matrices():
            points = principal_coordinates(replicate, dimensions).coordinates
            rotation, _ = orthogonal_procrustes(points, estimate.coordinates)
            rotated.append(points @ rotation)
        tail = (1 - level) / 2
        low, high = np.quantile(np.array(rotated), [tail, 1 - tail], axis=0)
        return estimate, low, high

    def _matrices(self) -> list[DistanceMatrix]:
        unknown = np.full(self.squared.shape[1:], np.nan)
        return [DistanceMatrix(self.matrix.labels, s, unknown) for s in self.squared]


def resample_probes(
    fingerprints: Sequence[Fingerprint],
    matrix: DistanceMatrix,
    *,
    replicates: int = 200,
    seed: int,
    max_batches: int = 1024,
) -> Resampled:
    """Draw probes with replacement, and make the matrix again each time, in one pass.

    Parameters
    ----------
    fingerprints
        N of one kind, in the order of `matrix`.
    matrix
        Their distances (`distances.matrix_of`).
    replicates
        R. Memory is 8 R N^2 bytes.
    seed
        Of the draws.
    max_batches
        Probes are drawn in at most so many batches.

    Raises
    ------
    InputError
        If there are fewer than 2 probes, labels differ, or `replicates` is below 1.
    """
    check_mixable(fingerprints)
    if tuple(f.label for f in fingerprints) != matrix.labels:
        raise InputError("the fingerprints' labels are not those of the matrix, in its order")
    if replicates < 1:
        raise InputError(f"replicates must be at least 1, not {replicates}")
    fingerprints = comparable(fingerprints)
    first = fingerprints[0]
    batches = plan_batches(first.probe, first.group, max_batches=max_batches)
    n_batches = len(batches)
    if n_batches < 2:
        raise InputError("a bootstrap over probes needs at least two independent probes")
    draws = np.random.default_rng(seed).multinomial(
        n_batches, np.full(n_batches, 1 / n_batches), size=replicates
    )
    n = len(fingerprints)
    squared = np.zeros((replicates, n, n))
    for batch, features in batch_features(fingerprints, batches, first.features):
        products = (features @ features.T).astype(np.float64)
        norms = np.diagonal(products)
        distances = np.maximum(norms[:, None] + norms[None, :] - 2 * products, 0)
        for r in np.flatnonzero(draws[:, batch]):
            squared[r] += draws[r, batch] * distances
    squared /= (draws @ batches.weight)[:, None, None]
    squared[:, np.arange(n), np.arange(n)] = 0
    return Resampled(matrix, (squared + squared.transpose(0, 2, 1)) / 2)


def _clades(matrix: DistanceMatrix) -> set[frozenset[str]]:
    """Sets of two to N - 1 labels that the dendrogram joins."""
    members: list[frozenset[str]] = [frozenset([label]) for label in matrix.labels]
    for left, right, _, _ in linkage(matrix.distances):
        members.append(members[int(left)] | members[int(right)])
    return {m for m in members if 1 < len(m) < len(matrix)}
