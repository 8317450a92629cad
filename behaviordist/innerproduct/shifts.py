"""Angles between shifts from a common origin: which way a behavior was moved, not only how far.

    cos(f - o, g - o) = <f - o, g - o> / (||f - o|| ||g - o||)

With per-probe products G_ij, G_ii, G_jj and their means, the delta method gives the variance of the
cosine c as the variance of the mean of its linearisation

    z = G_ij / sqrt(m_ii m_jj) - c / 2 * (G_ii / m_ii + G_jj / m_jj),

whose second moments are sums of products of G: one pass over the probes is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array, FloatArray
from behaviordist.innerproduct.batches import plan_batches
from behaviordist.innerproduct.blocks import batch_features
from behaviordist.innerproduct.fingerprint import Fingerprint, check_mixable
from behaviordist.innerproduct.pairs import standard_error


@dataclass(frozen=True, eq=False)
class ShiftMoments:
    """Inner products and cosines of N shifts from one origin.

    Parameters
    ----------
    labels
        N behaviors, the origin not among them.
    gram
        (N, N) <f - o, g - o>, squared units of the geometry; its diagonal is d^2(f, o).
    cosines
        (N, N), NaN where a shift is zero; diagonal 1.
    cosine_standard_errors
        (N, N), diagonal 0; NaN for a single batch.
    degrees_of_freedom
        Number of batches - 1, or fewer where groups of paraphrases are of unequal size.
    """

    labels: tuple[str, ...]
    gram: Float64Array
    cosines: Float64Array
    cosine_standard_errors: Float64Array
    degrees_of_freedom: float


def shift_moments(
    fingerprints: Sequence[Fingerprint],
    origin: Fingerprint,
    *,
    weights: FloatArray | None = None,
) -> ShiftMoments:
    """Gram matrix and cosines of the shifts of N behaviors from an origin.

    Parameters
    ----------
    fingerprints
        N, all of one kind with `origin`.
    origin
        Usually the pre-trained base.
    weights
        As for `pairs.pair_moments`.

    Raises
    ------
    InputError
        On fingerprints that cannot be mixed, bad weights, or none.
    """
    if not fingerprints:
        raise InputError("no fingerprints given; a shift needs at least one beside the origin")
    check_mixable([origin, *fingerprints])
    batches = plan_batches(origin.probe, origin.group, weights)
    n = len(fingerprints)
    sums = _Sums(*(np.zeros((n, n)) for _ in range(5)))
    for _, features in batch_features(fingerprints, batches, origin.features):
        sums.add((features @ features.T).astype(np.float64))
    gram = sums.gram / batches.weight.sum()
    cosines, residual = _linearised(gram, sums)
    np.fill_diagonal(cosines, np.where(np.isnan(np.diagonal(cosines)), np.nan, 1.0))
    errors = standard_error(residual, batches)
    np.fill_diagonal(errors, 0)
    labels = tuple(f.label for f in fingerprints)
    return ShiftMoments(labels, gram, cosines, errors, batches.degrees_of_freedom)


@dataclass
class _Sums:
    """Sums over batches, all (N, N): G, G*G, G_ij*G_ii, G_ii*G_jj, G_ii*G_ii."""

    gram: Float64Array
    square: Float64Array
    with_row: Float64Array
    row_column: Float64Array
    row_row: Float64Array

    def add(self, products: Float64Array) -> None:
        norms = np.diagonal(products)
        self.gram += products
        self.square += products**2
        self.with_row += products * norms[:, None]
        self.row_column += np.outer(norms, norms)
        self.row_row += (norms**2)[:, None]


def _linearised(gram: Float64Array, sums: _Sums) -> tuple[Float64Array, Float64Array]:
    """Cosines and sum_b Z_b^2 of their linearisation z, whose mean is exactly 0."""
    norm = np.diagonal(gram).copy()
    norm[norm <= 0] = np.nan
    scale = np.sqrt(np.outer(norm, norm))
    cosines = gram / scale
    half = cosines / 2
    row, column = half / norm[:, None], half / norm[None, :]
    residual: Float64Array = (
        sums.square / scale**2
        + row**2 * sums.row_row
        + column**2 * sums.row_row.T
        - 2 * row / scale * sums.with_row
        - 2 * column / scale * sums.with_row.T
        + 2 * row * column * sums.row_column
    )
    return cosines, residual
