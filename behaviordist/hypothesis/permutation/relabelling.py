"""The null hypothesis as relabellings: which behaviors may swap names when nothing is true.

N behaviors give N(N-1) pairs that are not independent: every pair that touches a behavior shares
its quirks. So behaviors, not pairs, are exchanged. A behavior that is both a source and a target
keeps its row and its column together (the quadratic assignment procedure, QAP; Hubert & Schultz
1976; Krackhardt 1988). Behaviors that are only sources swap among themselves, inside strata
where those are given; behaviors that are only targets stay.

Behaviors that share a function, a base or a family are one *unit*, and units are what is
exchanged: all members of one take the places of all members of another of the same make-up (as
many sources, targets and both, one stratum), in the order of their labels, so that
``copy-dpo, copy-sft`` become ``sort-dpo, sort-sft``. Units without a source stay.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from behaviordist.errors import InputError
from behaviordist.hypothesis.permutation.ranks import FloatArray, IntArray


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

    @staticmethod
    def identity(shape: tuple[int, ...]) -> Relabelling:
        """Return the one relabelling of an (S, T) matrix that leaves it as it is."""
        rows, columns = (np.arange(n)[None] for n in shape)
        return Relabelling(rows, columns)


def relabellings(
    sources: Sequence[str],
    targets: Sequence[str],
    permutations: int,
    rng: np.random.Generator,
    strata: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> Relabelling:
    """Draw the identity and `permutations` random relabellings of the behaviors.

    Where there are at most `permutations` orders, each is listed once instead, and the p-value is
    exact.

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
    units
        Unit of each label; units swap as wholes. Default: each label is one.

    Raises
    ------
    InputError
        A unit whose members lie in several strata.
    """
    union = list(dict.fromkeys([*sources, *targets]))
    groups = _groups(union, set(sources), set(targets), strata or {}, units or {})
    orders, exact = _orders(len(union), groups, permutations, rng)
    position = {label: i for i, label in enumerate(union)}
    return Relabelling(
        _select(orders, union, sources, position), _select(orders, union, targets, position), exact
    )


def _groups(
    union: list[str],
    sources: set[str],
    targets: set[str],
    strata: Mapping[str, str],
    units: Mapping[str, str],
) -> list[IntArray]:
    """Units that may swap places: a group is (m, k), m units of k members each (as positions)."""
    role = {label: (label in targets, label not in sources) for label in union}
    members: dict[str, list[int]] = {}
    for i, label in enumerate(union):
        members.setdefault(units.get(label, label), []).append(i)
    alike: dict[tuple[object, ...], list[list[int]]] = {}
    for unit, places in members.items():
        inside = sorted({strata.get(union[i], "") for i in places if not role[union[i]][1]})
        if not inside:
            continue  # no source in it
        if len(inside) > 1:
            raise InputError(f"unit '{unit}' lies in strata {inside[0]} and {inside[1]}; only one")
        ordered = sorted(places, key=lambda i: (role[union[i]], union[i]))
        make_up = (inside[0], *(role[union[i]] for i in ordered))
        alike.setdefault(make_up, []).append(ordered)
    return [np.array(group, dtype=np.intp) for group in alike.values()]


def _orders(
    n: int, groups: list[IntArray], permutations: int, rng: np.random.Generator
) -> tuple[IntArray, bool]:
    if math.prod(math.factorial(min(len(group), 20)) for group in groups) <= permutations:
        listed = itertools.product(*(itertools.permutations(range(len(g))) for g in groups))
        chosen = [[np.array(order, dtype=np.intp) for order in orders] for orders in listed]
        every = np.tile(np.arange(n, dtype=np.intp), (len(chosen), 1))
        for k, group in enumerate(groups):
            order = np.array([orders[k] for orders in chosen])
            every[:, group.ravel()] = group[order].reshape(len(chosen), -1)
        return every, True
    drawn = np.tile(np.arange(n, dtype=np.intp), (permutations + 1, 1))
    for group in groups:
        order = rng.permuted(np.tile(np.arange(len(group)), (permutations, 1)), axis=1)
        drawn[1:, group.ravel()] = group[order].reshape(permutations, -1)
    return drawn, False


def _select(
    orders: IntArray, union: list[str], labels: Sequence[str], position: dict[str, int]
) -> IntArray:
    """Turn orders of the union into indices of one side."""
    index = np.full(len(union), -1, dtype=np.intp)
    places = np.array([position[label] for label in labels], dtype=np.intp)
    index[places] = np.arange(len(places))
    selected: IntArray = index[orders[:, places]]
    return selected


def units_of(
    sources: Sequence[str], targets: Sequence[str], units: Mapping[str, str] | None
) -> tuple[list[str], list[str]]:
    """Return the unit of each source and of each target; a label without one is its own."""
    known = units or {}
    rows, columns = ([known.get(label, label) for label in side] for side in (sources, targets))
    return rows, columns


def multiplicities(
    sources: Sequence[str],
    targets: Sequence[str],
    draws: int,
    rng: np.random.Generator,
    units: Mapping[str, str] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Draw bootstrap samples of units: how often each source and each target is drawn.

    A unit that has both is drawn once for both sides; units that are only sources are resampled
    among themselves, and those that are only targets among themselves.

    Returns
    -------
    (B, S) and (B, T) float64 counts.
    """
    rows, columns = units_of(sources, targets, units)
    sides: dict[tuple[bool, bool], list[str]] = {}
    for name in dict.fromkeys([*rows, *columns]):
        sides.setdefault((name in set(rows), name in set(columns)), []).append(name)
    counts: dict[str, FloatArray] = {}
    for names in sides.values():
        n = len(names)
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
        counts |= dict(zip(names, drawn.T, strict=True))
    return np.stack([counts[u] for u in rows], 1), np.stack([counts[u] for u in columns], 1)
