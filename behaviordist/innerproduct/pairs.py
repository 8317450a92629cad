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

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float32Array, Float64Array, FloatArray
from behaviordist.innerproduct.batches import MAX_BATCHES, Batches, plan_batches
from behaviordist.innerproduct.blocks import BLOCK_BYTES, Block, batch_blocks
from behaviordist.innerproduct.fingerprint import Fingerprint, check_mixable
from behaviordist.innerproduct.threads import tile_map

TILE = 256


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
        Number of batches - 1, or fewer where groups of paraphrases are of unequal size.
    skewness
        (N, N) skewness of the estimate: that of the batch sums over the root of their number; 0
        where it cannot be known.
    """

    squared: Float64Array
    squared_standard_errors: Float64Array
    degrees_of_freedom: float
    skewness: Float64Array


def pair_moments(
    fingerprints: Sequence[Fingerprint],
    *,
    weights: FloatArray | None = None,
    max_batches: int = MAX_BATCHES,
    block_bytes: int = BLOCK_BYTES,
    backend: str = "auto",
    since: int = 0,
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
        Bound on the read buffer. Peak memory is about this plus 80 N^2 bytes.
    backend
        ``"numpy"``, ``"jax"``, or ``"auto"``: jax where it is loaded and runs on an accelerator.
    since
        Only pairs with one of the fingerprints from this one on are wanted: tiles without any are
        left out, and NaN. The others come out the same to the last bit (``"numpy"``).

    Raises
    ------
    InputError
        On fingerprints that cannot be mixed, bad weights or an unknown backend.
    """
    check_mixable(fingerprints)
    batches = plan_batches(fingerprints[0].probe, fingerprints[0].group, weights, max_batches)
    blocks = batch_blocks(
        fingerprints, batches, fingerprints[0].features, pad_to=TILE, block_bytes=block_bytes
    )
    n = len(fingerprints)
    if since == 0 and choose_backend(backend) == "jax":
        from behaviordist.innerproduct.pairs_jax import accumulate

        return _moments(accumulate(blocks, batches.weight)[:, :n, :n], batches)
    return _moments(_accumulate(blocks, batches.weight, n, since), batches)


def choose_backend(backend: str) -> str:
    """Return "numpy" or "jax"; "auto" never imports jax, and takes it on an accelerator alone."""
    if backend not in ("auto", "numpy", "jax"):
        raise InputError(f"unknown backend '{backend}'; known: auto, numpy, jax")
    if backend != "auto":
        return backend
    jax = sys.modules.get("jax")
    return "jax" if jax is not None and jax.default_backend() != "cpu" else "numpy"


def _accumulate(
    blocks: Iterable[Block], weight: Float64Array, n: int, since: int = 0
) -> Float64Array:
    """Sums of A_b, A_b^2, W_b A_b and A_b^3 over batches, (4, n, n); the upper triangle counts."""
    starts = range(0, n, TILE)
    # The diagonal tiles go first: the others need the norms found there.
    corners = [(i, i) for i in starts]
    others = [(i, j) for i in starts for j in starts if i < j and j + TILE > since]
    tiles = {corner: np.zeros((4, TILE, TILE)) for corner in corners + others}
    norms = np.empty((len(weight), len(starts) * TILE), dtype=np.float32)
    with tile_map(len(tiles)) as over:
        for block in blocks:
            for several in (corners, others):
                work = partial(_add_tile, block, norms, weight, tiles)
                list(over(work, several))
    sums = np.full((4, len(starts) * TILE, len(starts) * TILE), np.nan if since else 0.0)
    for (i, j), tile in tiles.items():
        sums[:, i : i + TILE, j : j + TILE] = tile
    return sums[:, :n, :n]


def _add_tile(
    block: Block,
    norms: Float32Array,
    weight: Float64Array,
    tiles: dict[tuple[int, int], Float64Array],
    corner: tuple[int, int],
) -> None:
    """Add the moments of a block of batches to one tile (4, T, T)."""
    left, right = (slice(k, k + TILE) for k in corner)
    total, square, weighted, cube = tiles[corner]
    second = np.empty((TILE, TILE), dtype=np.float32)
    squared = np.empty((TILE, TILE), dtype=np.float32)
    for batch, features in block:
        np.matmul(features[left], features[right].T, out=squared)
        if corner[0] == corner[1]:
            norms[batch, left] = np.diagonal(squared)
        squared *= np.float32(-2)
        squared += norms[batch, left, None]
        squared += norms[batch, None, right]
        total += squared
        weighted += squared if weight[batch] == 1 else squared * np.float32(weight[batch])
        np.multiply(squared, squared, out=second)
        square += second
        second *= squared
        cube += second


def _moments(sums: Float64Array, batches: Batches) -> PairMoments:
    total, square, weighted, cube = sums
    squared = total / batches.weight.sum()
    variance = square - 2 * squared * weighted + squared**2 * np.sum(batches.weight**2)
    errors = standard_error(variance, batches)
    return PairMoments(
        _symmetric(np.maximum(squared, 0)),
        _symmetric(errors),
        batches.degrees_of_freedom,
        _symmetric(skewness_of_mean(total, square, cube, len(batches))),
    )


def skewness_of_mean(
    total: Float64Array, square: Float64Array, cube: Float64Array, n: int
) -> Float64Array:
    """Skewness of the mean of n values from the sums of their first three powers; 0 if constant.

    The sample skewness G_1 = sqrt(n (n - 1)) / (n - 2) m_3 / m_2^(3/2), over sqrt(n).
    """
    if n < 3:
        return np.zeros_like(total)
    mean = total / n
    second = np.maximum(square / n - mean**2, 0)
    third = cube / n - 3 * mean * square / n + 2 * mean**3
    # Spreads below what float32 products leave are rounding, and so is their shape.
    known = second > 1e-10 * mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(known, third / second**1.5, 0.0)
    # No n values are more skewed than one unlike the others.
    most = (n - 2) / np.sqrt(n - 1)
    skewness: Float64Array = np.clip(ratio, -most, most) * np.sqrt(n - 1) / (n - 2)
    return skewness


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
