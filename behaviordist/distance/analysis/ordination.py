"""Ordination: behaviors as points in few dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError


@dataclass(frozen=True, eq=False)
class Ordination:
    """Principal coordinates.

    Parameters
    ----------
    labels
        N behaviors.
    coordinates
        (N, k), in units of the distance; axes by falling variance. The sign of an axis is chosen so
        that its largest entry is positive.
    explained
        (k,) share of the positive eigenvalues that each axis carries.
    negative_share
        Sum of |negative eigenvalues| over the sum of all absolute ones: how far the matrix is from
        a Euclidean one (0 for plug-in distances up to rounding; unbiased ones have noise there).
    """

    labels: tuple[str, ...]
    coordinates: npt.NDArray[np.float64]
    explained: npt.NDArray[np.float64]
    negative_share: float


LANDMARKS = 500
"""Behaviors that carry the map of many more: an exact one takes time with the cube of them."""


def landmark_coordinates(
    matrix: DistanceMatrix, dimensions: int = 2, landmarks: int = LANDMARKS
) -> Ordination:
    """Principal coordinates of some behaviors, and all others placed among them by their distances.

    Landmark scaling (de Silva & Tenenbaum 2004): landmarks are taken one by one, each the farthest
    from those before; a further point lies where its squared distances to them put it. That is
    exact, up to a turn and a shift, where distances are Euclidean in so many dimensions. Up to
    `landmarks` behaviors it is `principal_coordinates`.

    Raises
    ------
    InputError
        As `principal_coordinates`.
    """
    n = len(matrix)
    if n <= landmarks:
        return principal_coordinates(matrix, dimensions)
    if not np.isfinite(matrix.squared).all():
        raise InputError("an ordination needs every distance; select behaviors without gaps")
    chosen, nearest = [0], matrix.squared[0].copy()
    while len(chosen) < landmarks:
        chosen.append(int(nearest.argmax()))
        np.minimum(nearest, matrix.squared[chosen[-1]], out=nearest)
    first = principal_coordinates(matrix.select([matrix.labels[k] for k in chosen]), dimensions)
    sizes = (first.coordinates**2).sum(axis=0)
    inverse = np.divide(
        first.coordinates, sizes, out=np.zeros_like(first.coordinates), where=sizes > 0
    )
    among = matrix.squared[np.ix_(chosen, chosen)].mean(axis=0)
    placed = -0.5 * (matrix.squared[:, chosen] - among) @ inverse
    return Ordination(matrix.labels, placed, first.explained, first.negative_share)


def principal_coordinates(matrix: DistanceMatrix, dimensions: int = 2) -> Ordination:
    """Classical scaling of the squared distances (Torgerson 1952; Gower 1966).

    Squared distances go in as they are: a slightly negative one of an unbiased estimate is not
    clipped, which would bias the others' positions; it shows in `negative_share` instead.

    Raises
    ------
    InputError
        If a distance is missing, or `dimensions` is not between 1 and N - 1.
    """
    n = len(matrix)
    if not 1 <= dimensions < n:
        raise InputError(f"dimensions must be between 1 and {n - 1} for {n} behaviors")
    if not np.isfinite(matrix.squared).all():
        raise InputError("an ordination needs every distance; select behaviors without gaps")
    centred = matrix.squared - matrix.squared.mean(axis=0)
    centred = -0.5 * (centred - centred.mean(axis=1, keepdims=True))
    values, vectors = np.linalg.eigh(centred)
    values, vectors = values[::-1], vectors[:, ::-1]
    largest = np.argmax(np.abs(vectors), axis=0)
    vectors = vectors * np.sign(vectors[largest, np.arange(n)])
    kept = np.maximum(values[:dimensions], 0)
    positive = np.maximum(values, 0).sum()
    total = np.abs(values).sum()
    return Ordination(
        matrix.labels,
        vectors[:, :dimensions] * np.sqrt(kept),
        kept / positive if positive > 0 else np.zeros(dimensions),
        float(-np.minimum(values, 0).sum() / total) if total > 0 else 0.0,
    )
