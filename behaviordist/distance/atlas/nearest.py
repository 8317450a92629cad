"""The behaviors nearest to one, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Near:
    """A neighbour.

    Parameters
    ----------
    label
        Which.
    distance, low, high
        Its distance and the 95 % interval of that, of this pair by itself.
    state
        ``apart``, ``undecided`` or ``missing``.
    surely
        Whether it is shown to be nearer than each that is farther, listed or not: its interval ends
        below where theirs begin.
    """

    label: str
    distance: float
    low: float
    high: float
    state: str
    surely: bool


def nearest(matrix: DistanceMatrix, label: str, k: int = 10) -> list[Near]:
    """Return the k behaviors nearest to one, the nearest first.

    Parameters
    ----------
    matrix
        N behaviors.
    label
        One of them.
    k
        How many; at most N - 1 are there.

    Raises
    ------
    InputError
        If the label is unknown, or k is below 1.
    """
    if label not in matrix.labels:
        raise InputError(f"no behavior '{label}': {did_you_mean(label, matrix.labels)}")
    if k < 1:
        raise InputError(f"{k} neighbours are none; ask for one or more")
    i = matrix.labels.index(label)
    ends = matrix.interval()
    low, high = (np.sqrt(np.maximum(end[i], 0)) for end in ends)
    states, row = matrix.states().table[i], matrix.distances[i]
    others = [j for j in np.argsort(row, kind="stable") if j != i and np.isfinite(row[j])]
    # The smallest lower end of all that lie farther; the last has nothing to be nearer than.
    beyond = [*np.minimum.accumulate(low[others[:0:-1]])[::-1], -np.inf]
    return [
        Near(
            matrix.labels[j],
            float(row[j]),
            float(low[j]),
            float(high[j]),
            str(states[j]),
            bool(high[j] < beyond[place]),
        )
        for place, j in enumerate(others[:k])
    ]
