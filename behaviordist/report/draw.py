"""From the blocks of a record to what a page shows: figures drawn, everything else as it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from behaviordist.drawing.cells import CellMark, Cells
from behaviordist.drawing.colours import DIVERGING
from behaviordist.drawing.matrix import draw_matrix
from behaviordist.drawing.panels import WARNING
from behaviordist.drawing.style import figure_style
from behaviordist.record import (
    AnyBlock,
    CostCurves,
    Distances,
    Grid,
    Intervals,
    Lines,
    Scatter,
    Section,
)
from behaviordist.record.directed import VALUES
from behaviordist.record.formatting import decimal
from behaviordist.report.directed_map import directed_map
from behaviordist.report.distances import distance_blocks
from behaviordist.report.figures.cost_curves import draw_cost_curves
from behaviordist.report.figures.forest import draw_forest
from behaviordist.report.figures.lines import draw_lines
from behaviordist.report.figures.render import render_figure
from behaviordist.report.figures.scatter import draw_scatter
from behaviordist.report.folder import RunFolder
from behaviordist.report.maps import Layer, Map
from behaviordist.report.page import Block, DrawnSection


def drawn(section: Section, run: RunFolder) -> DrawnSection:
    """Return a section with its figures drawn, some of them from files of the run's folder.

    Tables of the same rows and columns, one after the other, are one map with as many layers.
    """
    blocks: list[Block] = []
    for one in section.blocks:
        for block in _drawn(one, run):
            last = blocks[-1] if blocks else None
            if isinstance(last, Map) and isinstance(block, Map) and last.like(block):
                blocks[-1] = last.with_layers(block)
            else:
                blocks.append(block)
    return DrawnSection(section.title, tuple(blocks))


def _drawn(block: AnyBlock, run: RunFolder) -> tuple[Block, ...]:
    behaviors = {row.label: row for row in run.record.behaviors}
    if isinstance(block, Distances):
        more = [
            Layer(name=name, unit=f"{name} distance", values=table.to_numpy(dtype=float))
            for name, table in run.geometries.items()
        ]
        return distance_blocks(run.matrix, behaviors, more, run.look) if run.matrix else ()
    if isinstance(block, CostCurves):
        known = [t for t in block.targets if (run.transfers["target"] == t).any()]
        if not known:
            return ()
        figure = draw_cost_curves(run.transfers, known, run.matrix, behaviors)
    elif isinstance(block, Lines):
        figure = draw_lines(block)
    elif isinstance(block, Intervals):
        figure = draw_forest(block)
    elif isinstance(block, Scatter):
        figure = draw_scatter(block)
    elif isinstance(block, Grid):
        if run.directed is not None and block.name == VALUES:
            return (directed_map(block, run.directed, behaviors, run.look),)
        return (_grid(block, run.look.palette),)
    else:
        return (block,)
    return (render_figure(block.name, figure, block.title, block.caption),)


@figure_style()
def _grid(block: Grid, palette: str) -> Map:
    values = np.array(block.values, float).reshape(len(block.rows), len(block.columns))
    frame = pd.DataFrame(values, index=list(block.rows), columns=list(block.columns))
    text = np.array([[decimal(x, block.digits) for x in row] for row in values])
    palette = palette or "red"
    colors = DIVERGING if block.diverging else palette
    marks, states = [], np.full(values.shape, "", dtype="<U9")
    for sign in block.marks:
        mask = np.zeros(values.shape, dtype=bool)
        mask[tuple(np.array(sign.cells, int).reshape(-1, 2).T)] = True
        marks.append(CellMark(mask, sign.style, sign.label))
        states[mask] = sign.label
    figure = draw_matrix(Cells(frame, text, colors, block.scale, marks, block.diverging))
    figure.axes[0].set(xlabel=block.column_axis, ylabel=block.row_axis)
    for tick, column in zip(figure.axes[0].get_xticklabels(), block.columns, strict=True):
        if column in block.struck:
            tick.set_color(WARNING)
    unit = " ".join(block.scale.split())
    layer = Layer(block.title, unit, values, words=states, diverging=block.diverging)
    return Map(
        name=block.name,
        title=block.title,
        caption=block.caption,
        rows=block.rows,
        columns=block.columns,
        layers=(layer,),
        figures=(render_figure(block.name, figure, block.title, block.caption),),
        axes=(block.row_axis, block.column_axis),
        palette=palette,
    )
