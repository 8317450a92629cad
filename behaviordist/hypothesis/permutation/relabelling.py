"""The null hypothesis as relabellings: which behaviors may swap names when nothing is true.

N behaviors give N(N-1) pairs that are not independent: every pair that touches a behavior shares
its quirks. So behaviors, not pairs, are exchanged. A behavior that is both a source and a target
keeps its row and its column together (the quadratic assignment procedure, QAP; Hubert & Schultz
1976; Krackhardt 1988). Behaviors that are only sources swap among themselves, inside strata
where those are given; behaviors that are only targets stay.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Relabelling:
    """A batch of B relabellings; the first is the identity.

    Attributes
    ----------
    rows
        (B, S) ``cost[rows[b], :]`` gives the relabelled sources.
    columns
        (B, T) the same for targets; where a label is both, both arrays move it together.
    exact
        Whether the batch is every possible relabelling, once.
    """

    rows: IntArray
    columns: IntArray
    exact: bool = False

    def __len__(self) -> int:
        return len(self.rows)


def relabellings(
    sources: Sequence[str],
    targets: Sequence[str],
    permutations: int,
    rng: np.random.Generator,
    strata: Mapping[str, str] | None = None,
) -> Relabelling:
    """Draw the identity and `permutations` random relabellings of the behaviors.

    Where all behaviors are one group with at most `permutations` orders, every order is listed
    once instead, and the p-value is exact.

    Parameters
    ----------
    sources, targets
        Labels of rows (S) and columns (T) of the cost matrix.
    permutations
        Number of random relabellings B.
    rng
        Source of randomness.
    strata
        Stratum of each label; labels swap only inside a stratum.
    """
    union = list(dict.fromkeys([*sources, *targets]))
    groups = _groups(union, set(sources), set(targets), strata or {})
    orders, exact = _orders(len(union), groups, permutations, rng)
    position = {label: i for i, label in enumerate(union)}
    return Relabelling(
        _select(orders, union, sources, position), _select(orders, union, targets, position), exact
    )


def _groups(
    union: list[str], sources: set[str], targets: set[str], strata: Mapping[str, str]
) -> list[IntArray]:
    """Sets of labels (as positions) that may swap names; targets alone never do."""
    members: dict[tuple[bool, str], list[int]] = {}
    for i, label in enumerate(union):
        if label in sources:
            members.setdefault((label in targets, strata.get(label, "")), []).append(i)
    return [np.array(group, dtype=np.intp) for group in members.values()]


def _orders(
    n: int, groups: list[IntArray], permutations: int, rng: np.random.Generator
) -> tuple[IntArray, bool]:
    if len(groups) == 1 and math.factorial(min(len(groups[0]), 20)) <= permutations:
        orders = np.array(list(itertools.permutations(groups[0].tolist())), dtype=np.intp)
        every = np.tile(np.arange(n, dtype=np.intp), (len(orders), 1))
        every[:, groups[0]] = orders
        return every, True
    drawn = np.tile(np.arange(n, dtype=np.intp), (permutations + 1, 1))
    for group in groups:
        drawn[1:, group] = rng.permuted(np.tile(group, (permutations, 1)), axis=1)
    return drawn, False


def _select(
    orders: IntArray, union: list[str], labels: Sequence[str], position: dict[str, int]
) -> IntArray:
    """Turn orders of the union into indices of one side."""
    index = np.full(len(union), -1, dtype=np.intp)
    own = np.array([position[label] for label in labels], dtype=np.intp)
    index[own] = np.arange(len(own))
    selected: IntArray = index[orders[:, own]]
    return selected


def multiplicities(
    sources: Sequence[str], targets: Sequence[str], draws: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw bootstrap samples of behaviors: how often each source and each target is drawn.

    A behavior that is both is drawn once for both sides; behaviors that are only sources are
    resampled among themselves, and those that are only targets among themselves.

    Returns
    -------
    (B, S) and (B, T) float64 counts.
    """
    union = list(dict.fromkeys([*sources, *targets]))
    sides: dict[tuple[bool, bool], list[int]] = {}
    for i, label in enumerate(union):
        sides.setdefault((label in set(sources), label in set(targets)), []).append(i)
    counts = np.zeros((draws, len(union)))
    for side in sides.values():
        n = len(side)
        counts[:, side] = rng.multinomial(n, np.full(n, 1 / n), size=draws)
    position = {label: i for i, label in enumerate(union)}
    return counts[:, [position[s] for s in sources]], counts[:, [position[t] for t in targets]]


def leave_one_out(sources: Sequence[str], targets: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Weights that drop one behavior at a time, from its row and its column: (N, S) and (N, T)."""
    union = list(dict.fromkeys([*sources, *targets]))
    rows = np.array([[float(s != out) for s in sources] for out in union])
    columns = np.array([[float(t != out) for t in targets] for out in union])
    return rows, columns
