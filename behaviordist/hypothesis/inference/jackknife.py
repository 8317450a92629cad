"""Leave one unit out at a time: the spread of a statistic over what was sampled.

Units that are sources and targets are left out altogether, row and column. Where sources and
targets are different things, they are two samples: each side is left out on its own, and the
variances are added (the two-way jackknife; Owen 2007, Ann. Appl. Stat. 1:386), with the degrees of
freedom of Satterthwaite (1946). A unit on both sides of such a table brings the square of its sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from behaviordist.hypothesis.permutation.ranks import FloatArray, IntArray
from behaviordist.hypothesis.statistics.pair_noise import PairNoise


@dataclass(frozen=True)
class Jackknife:
    """What is left out in turn.

    Attributes
    ----------
    rows, columns
        (B, S) and (B, T) 1 for what stays, 0 for what is left out.
    unit
        (B,) Which unit is left out, as a number below U.
    side
        (B,) Of which sample it is left out: 0 the first (sources, or both sides), 1 the targets.
    """

    rows: FloatArray
    columns: FloatArray
    unit: IntArray
    side: IntArray

    def variance(self, without: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return variance and degrees of freedom (K,) from values (K, B) without each unit."""
        influence = np.zeros((len(without), int(self.unit.max()) + 1))
        parts, squares = np.zeros(len(without)), np.zeros(len(without))
        for side in np.unique(self.side):
            left = self.side == side
            n = int(left.sum())
            if n < 2:
                return np.full(len(without), np.nan), np.full(len(without), np.nan)
            centred = without[:, left] - without[:, left].mean(axis=1, keepdims=True)
            scaled = np.sqrt((n - 1) / n) * centred
            influence[:, self.unit[left]] += scaled
            part = (scaled**2).sum(axis=1)
            parts, squares = parts + part, squares + part**2 / (n - 1)
        fewest = min(int((self.side == side).sum()) - 1 for side in np.unique(self.side))
        freedom = np.divide(parts**2, squares, out=np.full(len(parts), fewest, dtype=np.float64),
                            where=squares > 0)  # fmt: skip
        return (influence**2).sum(axis=1), freedom

    def half_width(
        self,
        without: FloatArray,
        noise: FloatArray | float,
        counted: PairNoise,
        level: float = 0.95,
    ) -> FloatArray:
        """Half width (K,) of Student's t interval, corrected for the noise of single pairs.

        Parameters
        ----------
        without
            (K, B) values without each unit.
        noise
            (K,) variance that the noise of single pairs gives the statistic; 0 does not correct.
        counted
            How the jackknife counts that noise.
        level
            Coverage.
        """
        variance, freedom = self.variance(without)
        corrected = np.maximum(variance - counted.excess * noise, counted.floor * variance)
        return np.asarray(stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(corrected))


def jackknife_of(
    sources: Sequence[str], targets: Sequence[str], units: Mapping[str, str] | None = None
) -> Jackknife:
    """Return what to leave out: whole units, or those of each side where the sides differ.

    Parameters
    ----------
    sources, targets
        Labels of rows (S) and columns (T).
    units
        Unit of each label; default: each label is one.
    """
    unit = dict(units or {})
    rows, columns = (np.array([unit.get(x, x) for x in side]) for side in (sources, targets))
    names = list(dict.fromkeys([*rows, *columns]))
    number = {name: i for i, name in enumerate(names)}
    if set(rows) == set(columns):
        left = [(name, name, 0) for name in names]
    else:
        left = [(name, None, 0) for name in dict.fromkeys(rows)]
        left += [(None, name, 1) for name in dict.fromkeys(columns)]
    return Jackknife(
        np.array([np.ones(len(rows)) if r is None else (rows != r).astype(float)
                  for r, _, _ in left]),
        np.array([np.ones(len(columns)) if c is None else (columns != c).astype(float)
                  for _, c, _ in left]),
        np.array([number[r if r is not None else str(c)] for r, c, _ in left], dtype=np.intp),
        np.array([side for _, _, side in left], dtype=np.intp),
    )  # fmt: skip
