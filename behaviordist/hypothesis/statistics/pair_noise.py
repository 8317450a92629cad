"""What statistics share: the noise of single pairs that their jackknife counts, and takes off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.permutation.relabelling import units_of


class PairNoise(NamedTuple):
    """Correction of the jackknife's variance V by the variance P that single pairs make.

    ``max(V - excess * P, floor * V)``.

    Attributes
    ----------
    excess
        How often V counts P too much.
    floor
        The share of V that always stays.
    """

    excess: float
    floor: float


# V counts a pair once for each of its ends (Efron & Stein 1981), so P would have to go off once,
# and half of V would stay where there is nothing else. But leaving out a pair re-ranks the others,
# which makes P a little large, and V - P is uncertain: these cover 95 % from 10 to 30 behaviors.
SMOOTH = PairNoise(excess=0.7, floor=0.35)

# Where the nearest source is left out, the next one, with a noise of its own, takes its place: a
# difference of two noises, twice the variance of one. With the target's own, V is three times the
# noise of pairs, and P is twice that noise.
CHOICE = PairNoise(excess=0.9, floor=0.32)

# Where P is the variance under relabelling, of statistics from which source effects are removed
# (else it holds more than the noise of pairs).
RELABELLED = PairNoise(excess=1.0, floor=0.6)


def pair_variance(
    effects: FloatArray,
    sources: Sequence[str],
    targets: Sequence[str],
    units: Mapping[str, str] | None = None,
) -> FloatArray:
    """Return the variance (K,) that single pairs of units make.

    Parameters
    ----------
    effects
        (K, S, T) change of the statistic when a pair is left out, 0 where there is none.
    sources, targets
        Labels of rows and columns.
    units
        Unit of each label; default: each label is one. Pairs inside a unit make no such variance:
        they are left out with it once.

    Notes
    -----
    The two directions of a pair are one unit, as in the dyadic cluster-robust variance of Aronow,
    Samii & Assenova (2015): sum over pairs of ``(effect_ij + effect_ji)^2``. The jackknife over
    behaviors holds these terms once for each end of a pair.
    """
    rows, columns = units_of(sources, targets, units)
    names = np.array(list(dict.fromkeys([*rows, *columns])))
    source, target = (np.array(side)[:, None] == names for side in (rows, columns))
    whole = source.T.astype(np.float64) @ effects @ target.astype(np.float64)
    between = ~np.eye(len(names), dtype=bool)
    variance: FloatArray = ((whole + whole.transpose(0, 2, 1)) ** 2 * between).sum(axis=(1, 2)) / 2
    return variance
