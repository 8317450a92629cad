"""Heatmap, map and tables of a distance matrix: what every page with distances shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.analysis.clustering import leaf_order
from behaviordist.distance.analysis.ordination import principal_coordinates
from behaviordist.distance.heatmap import draw_heatmap
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.states import MISSING as NO_DISTANCE
from behaviordist.distance.states import SAME, UNDECIDED
from behaviordist.drawing.style import abbreviate
from behaviordist.record import Table
from behaviordist.record.formatting import MISSING, decimal, digits_for, plural
from behaviordist.report.figures.ordination import draw_ordination
from behaviordist.report.figures.render import render_figure
from behaviordist.report.figures.style import Behaviors
from behaviordist.report.look import Look, groups_of
from behaviordist.report.maps import Layer, Map
from behaviordist.report.page import Block, RenderedFigure
from behaviordist.report.pairs import pair_details

# Beyond this many behaviors the table of all distances is wider than any page; the CSV has it.
FULL_TABLE = 7
SIGNS = {UNDECIDED: "? ", SAME: "≈ "}


@dataclass(frozen=True, eq=False)
class Limits:
    """The 95 % intervals of single distances, from the matrix's intervals of their squares.

    Negative limits of an unbiased square are distances of 0.
    """

    matrix: DistanceMatrix
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, matrix: DistanceMatrix) -> Limits:
        """Ask the matrix once for all pairs."""
        low, high = (np.sqrt(np.maximum(0.0, end)) for end in matrix.interval())
        return cls(matrix, low, high)

    def text(self, i: int, j: int) -> str:
        """Return ``0.34 [0.30, 0.38]``; the bare value where no interval is known."""
        value, low, high = (
            float(table[i, j]) for table in (self.matrix.distances, self.low, self.high)
        )
        if not (np.isfinite(value) and np.isfinite(low) and np.isfinite(high)):
            return decimal(value, 3)
        digits = digits_for((high - low) / 4)
        return f"{decimal(value, digits)} [{decimal(low, digits)}, {decimal(high, digits)}]"


def distance_blocks(
    matrix: DistanceMatrix,
    behaviors: Behaviors,
    more: Sequence[Layer] = (),
    look: Look | None = None,
) -> tuple[Block, ...]:
    """Return map, ordination and tables of a matrix; `more` are tables of the same behaviors."""
    blocks: list[Block] = [_map(matrix, behaviors, more, look or Look())]
    figure = _ordination(matrix, behaviors)
    if figure is not None:
        blocks.append(figure)
    if len(matrix) <= FULL_TABLE:
        blocks.append(_all_distances(matrix))
    if len(matrix) > 2:
        blocks.append(_nearest(matrix))
    return tuple(blocks)


def _map(matrix: DistanceMatrix, behaviors: Behaviors, more: Sequence[Layer], look: Look) -> Map:
    states, limits = matrix.states(), Limits.of(matrix)
    undecided, missing = states.count(UNDECIDED), states.count(NO_DISTANCE)
    geometry = str(matrix.metadata.get("geometry", ""))
    groups = groups_of(matrix.labels, behaviors, look)
    caption = (
        "Every cell is the distance between the behaviors of its row and its column: the stronger"
        " the colour, the farther. Rows and columns are ordered by average linkage."
    )
    if undecided:
        caption += (
            f" A ring marks the {plural(undecided, 'pair')} (of {states.pairs}) that"
            f" {'is' if undecided == 1 else 'are'} neither shown to be apart nor shown to be the"
            " same: do not read an order into those."
        )
    if missing:
        caption += f" {plural(missing, 'pair')} missing (grey)."
    title = "How far apart the behaviors lie"
    drawn = draw_heatmap(matrix, palette=look.palette, full_range=look.full_range, groups=groups)
    alt = f"Clustered heatmap of distances between {len(matrix)} behaviors."
    bound = matrix.metadata.get("bound")
    layer = Layer(
        name=geometry or "distance",
        unit=f"{geometry} distance".strip(),
        values=matrix.distances,
        low=limits.low,
        high=limits.high,
        states=states.table,
        most=float(bound) ** 0.5 if bound else None,
    )
    return Map(
        name="distances",
        title=title,
        caption=caption,
        rows=matrix.labels,
        columns=matrix.labels,
        layers=(layer, *more),
        figures=(render_figure("distances", drawn, title, caption, alt),),
        order=leaf_order(matrix.distances),
        groups=groups,
        pairs=pair_details(matrix),
        palette=look.palette,
    )


def _ordination(matrix: DistanceMatrix, behaviors: Behaviors) -> RenderedFigure | None:
    complete = _complete(matrix)
    left_out = [label for label in matrix.labels if label not in complete]
    if len(complete) < 3 or not np.nanmax(matrix.distances) > 0:
        return None
    ordination = principal_coordinates(matrix.select(complete))
    figure, crowded = draw_ordination(ordination, behaviors)
    first, second = ordination.explained[:2]
    caption = (
        "Principal coordinates: points as far apart as their distances, as well as a plane can "
        f"show it. The two axes hold {first:.0%} and {second:.0%} of the total squared distance; "
        "what lies beyond them is not seen here, so points that look close may be apart (the "
        "heatmap decides)."
    )
    if any(row.algorithm for row in behaviors.values()):
        caption += " Colour is the algorithm, shape the task."
    if crowded:
        caption += f" {plural(len(crowded), 'name')} found no room."
    if left_out:
        caption += f" Left out for missing distances: {', '.join(left_out)}."
    return render_figure("ordination", figure, "A map of the behaviors", caption)


def _complete(matrix: DistanceMatrix) -> list[str]:
    """Return the labels that remain when the one with most gaps is dropped until none is left."""
    missing = matrix.to_pandas().isna()
    while missing.to_numpy().any():
        worst = missing.sum().idxmax()
        missing = missing.drop(index=worst, columns=worst)
    return [str(x) for x in missing.index]


def _nearest(matrix: DistanceMatrix) -> Table:
    rows, limits, states = [], Limits.of(matrix), matrix.states()
    for i, label in enumerate(matrix.labels):
        others = np.where(np.arange(len(matrix)) == i, np.nan, matrix.distances[i])
        known = np.isfinite(others)
        if not known.any():
            rows.append((label, MISSING, MISSING, MISSING, MISSING))
            continue
        j = int(np.nanargmin(others))
        undecided = int(states.are(UNDECIDED)[i].sum())
        median = decimal(float(np.median(others[known])), 3)
        rows.append((label, matrix.labels[j], limits.text(i, j), median, str(undecided)))
    return Table(
        title="Nearest neighbours",
        header=("behavior", "nearest", "distance [95% interval]", "median distance", "undecided"),
        rows=tuple(rows),
        align="llrrr",
        note="Undecided: to so many others it is neither shown to be apart nor to be the same.",
    )


def _all_distances(matrix: DistanceMatrix) -> Table:
    states = matrix.states()
    n = len(matrix)
    rows = [
        (label, *(MISSING if i == j else _cell(matrix, states.table[i, j], i, j) for j in range(n)))
        for i, label in enumerate(matrix.labels)
    ]
    notes = {UNDECIDED: "? marks undecided pairs.", SAME: "≈ marks pairs that are the same."}
    return Table(
        title="All distances, ± standard error",
        header=("", *abbreviate(matrix.labels, 20)),
        rows=tuple(rows),
        align="l" + "r" * n,
        note=" ".join(words for state, words in notes.items() if states.count(state)),
    )


def _cell(matrix: DistanceMatrix, state: str, i: int, j: int) -> str:
    value, error = float(matrix.distances[i, j]), float(matrix.standard_errors[i, j])
    text = decimal(value, digits_for(error))
    if np.isfinite(value) and np.isfinite(error):
        text += f" ± {decimal(error, digits_for(error))}"
    return SIGNS.get(state, "") + text
