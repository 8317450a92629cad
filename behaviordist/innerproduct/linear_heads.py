"""Exact aitchison inner products of linear heads, from hidden states alone.

Logits W h give log p = W h - log Z, and centring over tokens removes log Z: the feature is C W h
with C = I - 11'/V. So <f, g> at a position is h_f' (W_f' C W_g) h_g: hidden states (n, d) and one
(d, d) matrix a pair of heads stand for n x V features, without any sketch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.innerproduct.batches import MAX_BATCHES, plan_batches
from behaviordist.innerproduct.pairs import PairMoments, standard_error

FloatArray = NDArray[np.floating[Any]]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Hidden states and the matrix that turns them into logits.

    Parameters
    ----------
    hidden
        (n, d) after the final norm, positions in canonical order.
    weight
        (V, d) output embedding; a bias is a further column, with ones in `hidden`.
    """

    hidden: FloatArray
    weight: FloatArray


def head_moments(
    heads: Sequence[LinearHead],
    probe: NDArray[np.int64],
    *,
    group: NDArray[np.int64] | None = None,
    max_batches: int = MAX_BATCHES,
) -> PairMoments:
    """Squared `aitchison` distances of all pairs with standard errors, exactly.

    Parameters
    ----------
    heads
        N heads over one vocabulary, at the same n positions; widths may differ.
    probe
        (n,) probe of each position, 0 .. n_probes - 1, not decreasing.
    group
        (n_probes,) paraphrase groups; default every probe alone.
    max_batches
        As for `pairs.pair_moments`.

    Raises
    ------
    InputError
        On no heads, or shapes that do not fit.
    """
    _check(heads, probe)
    n_probes = int(probe[-1]) + 1
    batches = plan_batches(
        probe, np.arange(n_probes) if group is None else group, max_batches=max_batches
    )
    scale = batches.scale.astype(np.float64) ** 2
    n = len(heads)
    products = np.empty((n, n, len(batches)))
    for i, first in enumerate(heads):
        for j, second in enumerate(heads[: i + 1]):
            at_position = _inner(first, second)[batches.rows] * scale
            products[i, j] = products[j, i] = np.add.reduceat(at_position, batches.bounds[:-1])
    norms = np.einsum("iib->ib", products)
    squared = np.maximum(norms[:, None] + norms[None, :] - 2 * products, 0)
    mean = squared.sum(axis=2) / batches.weight.sum()
    residual = np.sum((squared - batches.weight * mean[:, :, None]) ** 2, axis=2)
    errors = standard_error(residual, batches)
    np.fill_diagonal(mean, 0)
    np.fill_diagonal(errors, 0)
    return PairMoments(mean, errors, max(len(batches) - 1, 0))


def _inner(first: LinearHead, second: LinearHead) -> Float64Array:
    """<C W h, C W' h'> at every position, (n,), float64."""
    w, v = (np.asarray(head.weight, dtype=np.float64) for head in (first, second))
    kernel = (w - w.mean(axis=0)).T @ (v - v.mean(axis=0))
    h, k = (np.asarray(head.hidden, dtype=np.float64) for head in (first, second))
    inner: Float64Array = np.einsum("nd,nd->n", h @ kernel, k)
    return inner


def _check(heads: Sequence[LinearHead], probe: NDArray[np.int64]) -> None:
    if not heads:
        raise InputError("no heads given; at least one is needed")
    for index, head in enumerate(heads):
        fits = head.hidden.ndim == head.weight.ndim == 2 and (
            head.hidden.shape[1] == head.weight.shape[1]
            and len(head.hidden) == len(probe)
            and len(head.weight) == len(heads[0].weight)
        )
        if not fits:
            raise InputError(
                f"head {index}: hidden states {head.hidden.shape} and weights {head.weight.shape}"
                f" do not fit {len(probe)} positions and {len(heads[0].weight)} tokens"
            )
