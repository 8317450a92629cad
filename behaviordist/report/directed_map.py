"""The map of directed distances: values with intervals and states, by the folder's look."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from behaviordist.distance.directed.heatmap import default_palette, draw_directed, largest
from behaviordist.distance.directed.matrix import DirectedMatrix
from behaviordist.distance.states import UNDECIDED
from behaviordist.record import Grid
from behaviordist.report.figures.render import render_figure
from behaviordist.report.figures.style import Behaviors
from behaviordist.report.look import Look, groups_of
from behaviordist.report.maps import Layer, Map


def directed_map(block: Grid, matrix: DirectedMatrix, behaviors: Behaviors, look: Look) -> Map:
    """Return the map of the matrix; the block has its words."""
    low, high = matrix.interval()
    states = matrix.states(matrix.metadata.get("margin"))
    states = np.where(matrix.tested[None, :], states, "")
    layer = Layer(
        name=block.title,
        unit=" ".join(block.scale.split()),
        values=matrix.values,
        low=low,
        high=high,
        states=states if (states != "").any() else None,
        most=largest(matrix),
    )
    names = tuple(dict.fromkeys((*matrix.sources, *matrix.targets)))
    groups = {
        kind: dict(zip(names, of, strict=True))
        for kind, of in groups_of(names, behaviors, look).items()
    }
    figure = draw_directed(
        matrix,
        palette=look.palette,
        full_range=look.full_range,
        groups=groups,
    )
    caption = block.caption
    if (states == UNDECIDED).any():
        caption += " A ring marks a pair that is not shown to be apart."
    return Map(
        name=block.name,
        title=block.title,
        caption=caption,
        rows=matrix.sources,
        columns=matrix.targets,
        layers=(layer,),
        figures=(render_figure(block.name, figure, block.title, caption),),
        axes=(block.row_axis, block.column_axis),
        groups=_of(groups, matrix.sources),
        column_groups=_of(groups, matrix.targets),
        palette=look.palette or default_palette(matrix),
    )


def _of(
    groups: Mapping[str, Mapping[str, str]], names: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    return {kind: tuple(of[name] for name in names) for kind, of in groups.items()}
