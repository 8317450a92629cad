"""How a statistic's jackknife counts the noise of single pairs, and what is taken off for it."""

from __future__ import annotations

from typing import NamedTuple


class PairNoise(NamedTuple):
    """Correction of the jackknife's variance V by the variance V0 that noise of pairs makes.

    ``max(V - excess * V0, floor * V)``.

    Attributes
    ----------
    excess
        How often V counts the noise too much.
    floor
        The share of V that always stays.
    """

    excess: float = 1.0
    floor: float = 0.6


# Once for each end of a pair (Efron & Stein 1981): V = 2 V0 where there is nothing else. Half of V
# would be right; V itself is uncertain, so a little more stays.
SMOOTH = PairNoise()

# Without one behavior both residuals lose more than their share of degrees of freedom, so V is a
# little large already, and half of it is enough.
RESIDUALS = PairNoise(floor=0.5)

# Where the nearest source is left out, the next one, with a noise of its own, takes its place: a
# difference of two noises, twice the variance of one. With the target's own, V = 3 V0.
CHOICE = PairNoise(excess=2.0, floor=0.4)
