"""Drift along a series of checkpoints: how far from the first, how fast, how straight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError


@dataclass(frozen=True)
class Place:
    """A checkpoint of a series.

    Parameters
    ----------
    label
        Which.
    start, start_low, start_high
        Distance from the first, with the 95 % interval of that pair by itself.
    step, step_low, step_high
        The same from the one before.
    path
        Sum of the steps so far. Every step is a distance and none can be negative, so that noise
        lengthens it.
    straight
        `start` over `path`: 1 where the series goes straight, NaN for the first.
    """

    label: str
    start: float
    start_low: float
    start_high: float
    step: float
    step_low: float
    step_high: float
    path: float
    straight: float


def series(labels: Sequence[str], pattern: str) -> list[str]:
    """Return the labels that match a pattern (``*``, ``?``), numbers in them in order.

    Raises
    ------
    InputError
        If fewer than two do.
    """
    found = [label for label in labels if fnmatchcase(label, pattern)]
    if len(found) < 2:
        raise InputError(f"'{pattern}' is {len(found)} of the labels; a series takes two or more")
    return sorted(found, key=_natural)


def drift(matrix: DistanceMatrix, labels: Sequence[str]) -> list[Place]:
    """Return where each checkpoint of a series lies.

    Parameters
    ----------
    matrix
        Has them all.
    labels
        In order.

    Raises
    ------
    InputError
        If a label is unknown.
    """
    part = matrix.select(labels)
    low, high = (np.sqrt(np.maximum(end, 0)) for end in part.interval())
    distances, path, places = part.distances, 0.0, []
    for k, label in enumerate(labels):
        before = max(k - 1, 0)
        path += float(distances[before, k])
        place = Place(
            label,
            start=float(distances[0, k]),
            start_low=float(low[0, k]),
            start_high=float(high[0, k]),
            step=float(distances[before, k]),
            step_low=float(low[before, k]),
            step_high=float(high[before, k]),
            path=path,
            straight=float(distances[0, k]) / path if path > 0 else np.nan,
        )
        places.append(place)
    return places


def _natural(label: str) -> list[tuple[int, float, str]]:
    """Order step9 before step10."""
    parts = re.split(r"(\d+(?:\.\d+)?)", label)
    return [(1, float(part), "") if k % 2 else (0, 0.0, part) for k, part in enumerate(parts)]
