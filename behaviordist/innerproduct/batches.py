"""Batches of probes: the unit over which means and variances are taken.

The variance of a mean over n independent probes can be estimated from the means of batches of them
(Conway 1963; Glynn & Whitt 1991). A hundred batches lose next to nothing (95% quantile of t with
127 degrees of freedom: 1.979 against 1.960) and cost one matrix product a batch instead of one a
probe. Dependent probes (paraphrases of one another) share a batch, so that their dependence is in
the variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError

MAX_BATCHES = 128


@dataclass(frozen=True, eq=False)
class Batches:
    """Rows of the fingerprints in batches of whole probes.

    Parameters
    ----------
    rows
        (n,) rows, those of one batch adjacent. Rows of probes with weight zero are left out.
    bounds
        (B + 1,) batch b holds ``rows[bounds[b]:bounds[b + 1]]``.
    scale
        (n,) sqrt(weight of the probe / its number of positions), for the row at the same place in
        `rows`: after it, the sum of squares over a batch is the sum of its weighted probe means.
    weight
        (B,) sum of the weights of the batch's probes.
    spread
        (B,) sum over the batch's groups of the squared weight of each.
    """

    rows: NDArray[np.int64]
    bounds: NDArray[np.int64]
    scale: NDArray[np.float32]
    weight: NDArray[np.float64]
    spread: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def degrees_of_freedom(self) -> float:
        """Those of a variance over the batches; 0 for a single one."""
        return effective_freedom(self.spread)

    def slice_of(self, batch: int) -> slice:
        """Return the places of a batch inside `rows`."""
        return slice(int(self.bounds[batch]), int(self.bounds[batch + 1]))


def plan_batches(
    probe: NDArray[np.int64],
    group: NDArray[np.int64],
    weights: NDArray[np.floating[Any]] | None = None,
    max_batches: int = MAX_BATCHES,
) -> Batches:
    """Deal the probes to batches: in order, groups whole, sizes as equal as can be.

    Parameters
    ----------
    probe
        (n,) probe of each row.
    group
        (n_probes,) group of each probe.
    weights
        (n_probes,) weight of each probe, none negative; default all 1.
    max_batches
        At most so many batches; at least 2 groups are needed for a standard error.

    Raises
    ------
    InputError
        On weights of the wrong shape, negative, not finite, or all zero.
    """
    weights = _checked_weights(weights, len(group))
    used = np.flatnonzero(weights)
    _, first, member = np.unique(group[used], return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))  # groups in the order of their first probe
    batch_of_group = np.arange(len(first)) * min(max_batches, len(first)) // len(first)
    batch_of_probe = np.full(len(group), -1, dtype=np.int64)
    batch_of_probe[used] = batch_of_group[rank[member]]

    batch_of_row = batch_of_probe[probe]
    rows = np.argsort(batch_of_row, kind="stable")
    rows = rows[batch_of_row[rows] >= 0]
    n_batches = int(batch_of_group[-1]) + 1
    bounds = np.searchsorted(batch_of_row[rows], np.arange(n_batches + 1))
    positions = np.bincount(probe, minlength=len(group))
    scale = np.sqrt(weights / positions)[probe[rows]].astype(np.float32)
    weight = np.bincount(batch_of_probe[used], weights[used], n_batches).astype(np.float64)
    of_group = np.bincount(rank[member], weights[used])
    spread = np.bincount(batch_of_group, of_group**2, n_batches).astype(np.float64)
    return Batches(rows, bounds.astype(np.int64), scale, weight, spread)


def effective_freedom(variances: NDArray[np.floating[Any]] | NDArray[np.integer[Any]]) -> float:
    """Return the degrees of freedom of a variance that is estimated from unequal parts.

    ``(sum v)^2 / sum v^2 - 1`` (Satterthwaite 1946), B - 1 for B equal parts, at least 1; 0 for one
    part. A group of w paraphrases has v = w^2: they may be alike, and then one large group is most
    of the variance. Its intervals err towards the wide side where paraphrases are independent.

    Parameters
    ----------
    variances
        (B,) of the parts' sums, up to a factor, all above 0.
    """
    v = np.asarray(variances, dtype=np.float64)
    if len(v) < 2:
        return 0.0
    return max(1.0, float(v.sum() ** 2 / (v**2).sum()) - 1)


def _checked_weights(
    weights: NDArray[np.floating[Any]] | None, n_probes: int
) -> NDArray[np.float64]:
    if weights is None:
        return np.ones(n_probes)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (n_probes,):
        raise InputError(f"weights must be one number a probe ({n_probes}), not {given.shape}")
    if not np.all(np.isfinite(given)) or np.any(given < 0) or not np.any(given > 0):
        raise InputError("weights must be finite and not negative, and some must be above zero")
    return given
