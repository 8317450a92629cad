"""How much of the distances between behaviors a factor accounts for (regime, corpus, size)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from behaviordist.distance.analysis.scikit_bio import scikit_bio
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError, did_you_mean


class VarianceShare(NamedTuple):
    """What PERMANOVA says about one factor.

    Attributes
    ----------
    share
        R^2: the share of the sum of squared distances that lies between levels, 0 to 1.
    pseudo_f
        Between levels over within levels, each per degree of freedom; infinite where behaviors
        of one level do not differ.
    p_value
        Share of relabellings, the true one among them, with a pseudo-F at least as large.
    """

    share: float
    pseudo_f: float
    p_value: float


def variance_shares(
    matrix: DistanceMatrix,
    factor: Mapping[str, object],
    *,
    permutations: int = 999,
    seed: int = 0,
) -> VarianceShare:
    """One-way PERMANOVA of a distance matrix (Anderson 2001), by scikit-bio.

    Parameters
    ----------
    matrix
        N behaviors, all distances known. Squared distances that came out negative count as 0.
    factor
        The level of each behavior; other labels may be in it too.
    permutations
        Random relabellings behind the p-value.
    seed
        Of the relabellings.

    Returns
    -------
    VarianceShare

    Raises
    ------
    InputError
        A behavior without a level; only one level, or as many as behaviors (nothing is left to
        compare with); missing distances, or none above 0; permutations below 1, a negative seed.

    Notes
    -----
    With SS(all) the sum of squared distances over pairs divided by N, and SS(within) the sum over
    levels of the same inside each level, ``R^2 = 1 - SS(within) / SS(all)`` and ``F = ((SS(all) -
    SS(within)) / (a - 1)) / (SS(within) / (N - a))`` for a levels. A difference in spread between
    levels of unequal size can make p small too (Anderson & Walsh 2013).
    """
    if permutations < 1 or seed < 0:
        raise InputError("permutations is at least 1, and a seed is 0 or more")
    levels = _levels(matrix, factor)
    permanova = scikit_bio("skbio.stats.distance").permanova
    with np.errstate(divide="ignore"):  # nothing within levels: an infinite pseudo-F
        test = permanova(matrix.to_skbio(), levels, permutations=permutations, seed=seed)
    n, a, pseudo_f = len(levels), len(set(levels)), float(test["test statistic"])
    between = pseudo_f * (a - 1)
    share = between / (between + n - a) if np.isfinite(pseudo_f) else 1.0
    return VarianceShare(share, pseudo_f, float(test["p-value"]))


def _levels(matrix: DistanceMatrix, factor: Mapping[str, object]) -> list[str]:
    """Return the level of each behavior, or say in one line why they cannot be compared."""
    for label in matrix.labels:
        if label not in factor:
            raise InputError(f"behavior '{label}' has no level; {did_you_mean(label, factor)}")
    levels = [str(factor[label]) for label in matrix.labels]
    if len(set(levels)) < 2:
        raise InputError(f"factor has {len(set(levels))} level; two or more are compared")
    if len(set(levels)) == len(levels):
        raise InputError("each behavior has its own level; some level needs two behaviors")
    distances = np.asarray(matrix.distances)
    missing = np.argwhere(~np.isfinite(distances))
    if len(missing):
        first, second = (matrix.labels[i] for i in missing[0])
        raise InputError(f"no distance of '{first}' and '{second}'; select behaviors that have all")
    if not distances.any():
        raise InputError("all distances are 0; there is no variance to share out")
    return levels
