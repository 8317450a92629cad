"""Soft behaviors of a study: mixtures of functions, from peaked to flat, tuned both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from behaviordist.studies.study_file import SoftSection
from behaviordist.transfer.runs import Goal, Transfer


@dataclass(frozen=True)
class Source:
    """A source: its name, what kind it is, its shares if soft, what it says the same as.

    `start` is what it is tuned from, where that is not the base.
    """

    name: str
    kind: str
    shares: Mapping[str, float] | None = None
    copy_of: str | None = None
    start: str | None = None


def mixture(functions: Sequence[str], weights: Iterable[float], floor: float) -> dict[str, float]:
    """Return the shares of functions; `floor` of the mass is spread evenly over all."""
    even = floor / len(functions)
    values = [(1 - floor) * float(w) + even for w in weights]
    return dict(zip(functions, values, strict=True))


def peaked_to_flat(
    functions: Sequence[str], section: SoftSection, seed: int
) -> tuple[dict[str, float], ...]:
    """Return the shares of so many mixtures: Dirichlet, concentrations on a geometric scale."""
    rng = np.random.default_rng(seed)
    return tuple(
        mixture(functions, rng.dirichlet(np.full(len(functions), peak)), section.floor)
        for peak in np.geomspace(*section.concentrations, section.behaviors)
    )


def goals_of(levels: Mapping[str, float], share: float) -> dict[str, Goal]:
    """Return what each target asks: `share` of its own level, fixed before any transfer."""
    return {name: Goal(level, share * level, share * level) for name, level in levels.items()}


def both_ways(curves: Mapping[str, Path], role: str) -> list[Transfer]:
    """Return the runs of every source into every other; `curves` are the sources' folders."""
    return [
        Transfer(a, role, b, 0, folder / f"{b}.json")
        for a, folder in curves.items()
        for b in curves
        if a != b
    ]
