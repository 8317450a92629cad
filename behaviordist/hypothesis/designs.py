"""Simulated studies: behaviors as points in space, in units or not, and what their runs cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from behaviordist.hypothesis.permutation.ranks import FloatArray, IntArray

DIMENSION = 3
ALIKE = 0.8
"""Share of the variance of places that members of a unit have in common."""
COMMON = 0.5
"""Share of the noise of pairs that pairs of the same two units have in common."""


@dataclass(frozen=True)
class Design:
    """Behaviors and their units: labels, and the number of each one's unit (n,)."""

    labels: tuple[str, ...]
    unit: IntArray

    @classmethod
    def of(cls, units: Mapping[str, str]) -> Design:
        """Return the design that a file of units describes."""
        labels = tuple(sorted(units))
        _, unit = np.unique([units[label] for label in labels], return_inverse=True)
        return cls(labels, unit.astype(np.intp))

    @classmethod
    def single(cls, n: int) -> Design:
        """Return n behaviors, each a unit of its own."""
        return cls(tuple(f"{i:04d}" for i in range(n)), np.arange(n))

    @property
    def shared(self) -> bool:
        """Whether any unit has two members."""
        return len(np.unique(self.unit)) < len(self.unit)

    @property
    def units(self) -> dict[str, str]:
        """Unit of each label; empty where each is its own."""
        return dict(zip(self.labels, map(str, self.unit), strict=True)) if self.shared else {}

    def tiled(self, least: int) -> Design:
        """Return the design several times over, with at least so many behaviors."""
        times = -(-least // len(self.unit))
        step = int(self.unit.max()) + 1
        unit = np.concatenate([self.unit + i * step for i in range(times)])
        return Design(tuple(map(str, range(len(unit)))), unit)


def study(
    design: Design, slope: float, share: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Distances and noise-free costs (n, n), NaN on the diagonal; residual variance is 1."""
    unit, n = design.unit, len(design.unit)
    alike, common = (ALIKE, COMMON) if design.shared else (0.0, 0.0)
    offsets, centre = rng.normal(size=(n, DIMENSION)), rng.normal(size=(n, DIMENSION))[unit]
    points = np.sqrt(1 - alike) * offsets + np.sqrt(alike) * centre
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distance, np.nan)
    noise, block = rng.normal(size=(n, n)), rng.normal(size=(n, n))[np.ix_(unit, unit)]
    residual = np.sqrt(1 - share) * (np.sqrt(1 - common) * noise + np.sqrt(common) * block)
    quality = rng.normal(size=(n, 1))[unit]
    cost: FloatArray = slope * distance + residual + np.sqrt(share) * quality
    return distance, cost
