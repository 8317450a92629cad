"""Squared distances of all pairs, with standard errors, in one pass over the probes.

Per probe, the squared distance is the mean over its positions of ||phi_f - phi_g||^2; d^2 is the
(weighted) mean over probes. With batch b holding probes of total weight W_b and weighted sum of
squared distances A_b (`batches.plan_batches`), B batches:

    d^2      = sum_b A_b / W,                                          W = sum_b W_b
    Var(d^2) = B / (B - 1) * sum_b (A_b - W_b d^2)^2 / W^2

With equal weights and one probe a batch that is the sample variance (ddof 1) over n. Products are
float32, sums float64. Features are shifted by one behavior's before the product, which leaves
distances as they are and takes away the cancellation in |f|^2 + |g|^2 - 2 <f, g>.

Tiles have a fixed size, filled up with zeros: the distance of two behaviors does not depend, to the
last bit, on how many others come after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.innerproduct.batches import MAX_BATCHES, Batches, plan_batches
from behaviordist.innerproduct.blocks import BLOCK_BYTES, batch_features
from behaviordist.innerproduct.fingerprint import Fingerprint, check_mixable

FloatArray = NDArray[np.floating[Any]]
Float64Array = NDArray[np.float64]

TILE = 128


@dataclass(frozen=True, eq=False)
class PairMoments:
    """Squared distances of all pairs and the standard error of each.

    Parameters
    ----------
    squared
        (N, N) float64, in squared units of the geometry; diagonal exactly 0, symmetric, >= 0.
    squared_standard_errors
        (N, N) float64, same units; NaN where only one batch exists.
    degrees_of_freedom
        Number of batches - 1.
    """

    squared: Float64Array
    squared_standard_errors: Float64Array
    degrees_of_freedom: int


def pair_moments(
    fingerprints: Sequence[Fingerprint],
    *,
    weights: FloatArray | None = None,
    max_batches: int = MAX_BATCHES,
    block_bytes: int = BLOCK_BYTES,
) -> PairMoments:
    """Squared distances of all pairs with standard errors over probes.

    Parameters
    ----------
    fingerprints
        N of the same geometry, probes, sketch, vocabulary and reference.
    weights
        (n_probes,) weights of the probes; default equal.
    max_batches
        Upper bound on the number of batches the variance is taken over.
    block_bytes
        Bound on the read buffer. Peak memory is about this plus 48 N^2 bytes.

    Raises
    ------
    InputError
        On fingerprints that cannot be mixed, or bad weights.
    """
    check_mixable(fingerprints)
    batches = plan_batches(fingerprints[0].probe, fingerprints[0].group, weights, max_batches)
    n = len(fingerprints)
    sums = np.zeros((3, -(-n // TILE) * TILE, -(-n // TILE) * TILE))
    stream = batch_features(
        fingerprints,
        batches,
        fingerprints[0].features,
        pad_to=TILE,
        block_bytes=block_bytes,
    )
    for batch, features in stream:
        _add_batch(features, float(batches.weight[batch]), sums)
    return _moments(sums[:, :n, :n], batches)


def _add_batch(features: NDArray[np.float32], weight: float, sums: Float64Array) -> None:
    """Add A_b, A_b^2 and W_b A_b of one batch to the upper tiles of `sums` (3, N', N')."""
    tiles = [slice(k, k + TILE) for k in range(0, len(features), TILE)]
    norms = []
    for tile in tiles:
        products = features[tile] @ features[tile].T
        norms.append(np.diagonal(products).copy())
        _add_tile(products, norms[-1], norms[-1], weight, sums[:, tile, tile])
    for i, left in enumerate(tiles):
        for j, right in enumerate(tiles[i + 1 :], start=i + 1):
            products = features[left] @ features[right].T
            _add_tile(products, norms[i], norms[j], weight, sums[:, left, right])


def _add_tile(
    products: NDArray[np.float32],
    row_norms: NDArray[np.float32],
    column_norms: NDArray[np.float32],
    weight: float,
    sums: Float64Array,
) -> None:
    """Turn products into squared distances in place, and add their moments to (3, T, T)."""
    products *= np.float32(-2)
    products += row_norms[:, None]
    products += column_norms[None, :]
    sums[0] += products
    sums[2] += products if weight == 1 else products * np.float32(weight)
    products *= products
    sums[1] += products


def _moments(sums: Float64Array, batches: Batches) -> PairMoments:
    total, square, weighted = sums
    squared = total / batches.weight.sum()
    variance = square - 2 * squared * weighted + squared**2 * np.sum(batches.weight**2)
    errors = standard_error(variance, batches)
    return PairMoments(
        _symmetric(np.maximum(squared, 0)), _symmetric(errors), max(len(batches) - 1, 0)
    )


def standard_error(sum_of_squares: Float64Array, batches: Batches) -> Float64Array:
    """Standard error of a weighted mean from sum_b (A_b - W_b mean)^2; NaN for a single batch."""
    n = len(batches)
    if n < 2:
        return np.full(sum_of_squares.shape, np.nan)
    error: Float64Array = np.sqrt(np.maximum(sum_of_squares, 0) * n / (n - 1))
    error /= batches.weight.sum()
    return error


def _symmetric(upper: Float64Array) -> Float64Array:
    """Mirror the upper triangle, with an exact zero diagonal."""
    strict = np.triu(upper, k=1)
    full: Float64Array = strict + strict.T
    return full
