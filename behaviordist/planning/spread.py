"""How far costs lie from their prediction, for a target that nobody has tried.

On a logarithmic scale, since errors grow with the cost, an error has two parts: one that a target
brings with it for all its starts (how hard it is, how it differs from the targets before), and one
of the single run. Held-out targets show both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]
COVERAGE = 0.9
SOFTENING = 0.1


def scaled(cost: FloatArray) -> FloatArray:
    """Return ``log(cost + 1/10)``, costs in units of the reference start's; 0 stays finite."""
    return np.asarray(np.log(cost + SOFTENING))


@dataclass(frozen=True)
class Spread:
    """Where a new target's costs lie about their prediction.

    Attributes
    ----------
    shift, half
        Mean error and half width of the 90 % limits, both of `scaled` costs; NaN where fewer than
        two targets were held out.
    """

    shift: float
    half: float

    def limits(self, predicted: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return 90 % limits of costs in units of the reference start's."""
        middle = scaled(predicted) + self.shift
        low, high = (np.exp(middle + way * self.half) - SOFTENING for way in (-1, 1))
        return np.maximum(low, 0.0), np.maximum(high, 0.0)


def spread_of(errors: Sequence[FloatArray]) -> Spread:
    """Return the spread that the errors of held-out targets, one array each, lead one to expect.

    Variance ``A + B``: A of the targets' mean errors, and B of single runs about them, of which A
    holds ``1/n``; Student's t with the degrees of freedom of Satterthwaite (1946).
    """
    if len(errors) < 2:
        return Spread(np.nan, np.nan)
    means = np.array([error.mean() for error in errors])
    sizes = np.array([len(error) for error in errors])
    spare = int((sizes - 1).sum())
    inside = sum(((error - error.mean()) ** 2).sum() for error in errors) / max(spare, 1)
    n = len(errors)
    # Errors of held-out targets hold the error of what was learnt from the others already.
    between = means.var(ddof=1)
    single = inside * (1 - 1 / sizes).mean()
    variance = between + single
    spent = between**2 / (n - 1) + single**2 / max(spare, 1)
    freedom = variance**2 / spent if spent > 0 else n - 1.0
    half = stats.t.ppf((1 + COVERAGE) / 2, freedom) * np.sqrt(variance)
    return Spread(float(means.mean()), float(half))
