"""What a page is made of: paragraphs, tables and figures as data, one union of types.

Every study builds its page out of these, ``run.json`` keeps them, and `report` draws them; so a
page can be drawn again from the folder alone. Two blocks stand for files of the folder instead
of carrying numbers: `Distances` and `CostCurves`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from behaviordist.record.estimate import Estimate, Part
from behaviordist.store.numbers import Number

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Scale = Literal["linear", "log", "symlog"]


class Paragraph(Part):
    """Running text."""

    type: Literal["paragraph"] = "paragraph"
    text: str


class Notes(Part):
    """A list of remarks."""

    type: Literal["notes"] = "notes"
    items: tuple[str, ...]


class Code(Part):
    """Text to copy into a shell, kept as it is."""

    type: Literal["code"] = "code"
    text: str


class Table(Part):
    """A table of formatted cells.

    Attributes
    ----------
    title
        What the table holds; shown above it.
    header
        Names of the columns, units included.
    rows
        Formatted cells, as many a row as there are columns.
    align
        One letter a column: ``l`` for text, ``r`` for numbers.
    note
        How to read it; shown below.
    """

    type: Literal["table"] = "table"
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    note: str = ""

    @model_validator(mode="after")
    def _even(self) -> Table:
        if {len(self.align), *map(len, self.rows)} - {len(self.header)}:
            raise ValueError(f"table '{self.title}': header, align and rows differ in width")
        return self


class Series(Part):
    """One line of a figure: points with their intervals (NaN where there is none)."""

    label: str
    x: tuple[float, ...]
    y: tuple[Number, ...]
    low: tuple[Number, ...] = ()
    high: tuple[Number, ...] = ()

    @model_validator(mode="after")
    def _even(self) -> Series:
        lengths = {len(self.y), len(self.low) or len(self.x), len(self.high) or len(self.x)}
        if lengths - {len(self.x)}:
            raise ValueError(f"series '{self.label}': x, y, low and high differ in length")
        return self

    @classmethod
    def over(cls, label: str, x: Iterable[float], estimates: Iterable[Estimate]) -> Series:
        """Return the line of estimates, one at each place of `x`."""
        rows = tuple(estimates)
        return cls(
            label=label,
            x=tuple(float(place) for place in x),
            y=tuple(row.value for row in rows),
            low=tuple(row.low for row in rows),
            high=tuple(row.high for row in rows),
        )


class Figure(Part):
    """What every figure has: a file name without ending, a title, and how to read it."""

    name: str
    title: str
    caption: str


class Lines(Figure):
    """Curves with intervals.

    `x_names` puts words at the places ``0 .. n - 1`` of a categorical axis; `levels` are named
    horizontal lines, `places` named vertical ones. With `band` the intervals are an area.
    """

    type: Literal["lines"] = "lines"
    x: str
    y: str
    series: tuple[Series, ...]
    x_scale: Scale = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    x_names: tuple[str, ...] = ()
    levels: tuple[tuple[str, float], ...] = ()
    places: tuple[tuple[str, float], ...] = ()
    band: bool = False


class Points(Part):
    """Points of one kind: `bound` ones are lower limits (drawn hollow); `names` may be empty.

    The labels ``base`` and ``random`` have marks of their own.
    """

    label: str
    x: tuple[Number, ...]
    y: tuple[Number, ...]
    bound: tuple[bool, ...] = ()
    names: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _even(self) -> Points:
        n = len(self.x)
        if {len(self.y), len(self.bound) or n, len(self.names) or n} - {n}:
            raise ValueError(f"points '{self.label}': x, y, bound and names differ in length")
        return self


class Panel(Part):
    """One of a figure's small plots: points, and lines through them with their bands."""

    title: str
    remark: str = ""
    points: tuple[Points, ...]
    lines: tuple[Series, ...] = ()


class Scatter(Figure):
    """Points in one or more panels, each with its own vertical scale unless `shared`."""

    type: Literal["scatter"] = "scatter"
    x: str
    y: str
    panels: tuple[Panel, ...]
    bound: str = ""
    shared: bool = False


class Intervals(Figure):
    """A forest plot: groups of estimates with their intervals against zero.

    `main` names the estimates that are drawn in colour; `levels` are named vertical lines.
    """

    type: Literal["intervals"] = "intervals"
    unit: str
    groups: tuple[tuple[str, tuple[Estimate, ...]], ...]
    main: tuple[str, ...] = ()
    levels: tuple[tuple[str, float], ...] = ()


class Mark(Part):
    """Cells (row, column) of a grid that carry a sign, and what the sign means."""

    style: Literal["ring", "hatch"]
    label: str
    cells: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, style: Literal["ring", "hatch"], label: str, mask: NDArray[np.bool_]) -> Mark:
        """Return the sign of the cells where a boolean table is true."""
        rows, columns = mask.nonzero()
        cells = tuple(zip(rows.tolist(), columns.tolist(), strict=True))
        return cls(style=style, label=label, cells=cells)


class Grid(Figure):
    """A heatmap of any labelled table; `digits` decimals in the cells.

    `marks` are cells with a sign, `struck` columns that are set apart in the colour of a warning.
    """

    type: Literal["grid"] = "grid"
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[Number, ...], ...]
    scale: str
    row_axis: str = ""
    column_axis: str = ""
    digits: int = 2
    diverging: bool = False
    marks: tuple[Mark, ...] = ()
    struck: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _even(self) -> Grid:
        if len(self.values) != len(self.rows) or set(map(len, self.values)) - {len(self.columns)}:
            raise ValueError(f"grid '{self.name}': rows, columns and values differ in size")
        return self

    @classmethod
    def of(cls, frame: pd.DataFrame, **fields: Any) -> Grid:
        """Return the grid of a labelled table; `fields` as in the class."""
        return cls(
            rows=tuple(map(str, frame.index)),
            columns=tuple(map(str, frame.columns)),
            values=tuple(tuple(row) for row in frame.to_numpy(dtype=float).tolist()),
            **fields,
        )


class Distances(Part):
    """Where the heatmap, map and tables of the folder's distances are to stand."""

    type: Literal["distances"] = "distances"


class CostCurves(Figure):
    """Score against steps from the folder's ``transfers.parquet``, a panel a target."""

    type: Literal["cost-curves"] = "cost-curves"
    targets: tuple[str, ...]


def _words(value: Any) -> Any:
    return Paragraph(text=value) if isinstance(value, str) else value


AnyBlock = (
    Paragraph | Notes | Code | Table | Lines | Scatter | Intervals | Grid | Distances | CostCurves
)
Block = Annotated[
    Annotated[AnyBlock, Field(discriminator="type")],
    BeforeValidator(_words),
]


class Section(Part):
    """A titled part of a page; one without blocks is not shown."""

    title: str
    blocks: tuple[Block, ...] = ()

    @classmethod
    def of(cls, title: str, *blocks: AnyBlock | str | None) -> Section:
        """Return a section; a string is a paragraph, None is left out."""
        kept = tuple(_words(block) for block in blocks if block is not None)
        return cls(title=title, blocks=kept)


class Fact(Part):
    """A number to see at first glance: its name, its value, and what it means."""

    name: str
    value: str
    meaning: str = ""

    @classmethod
    def of(cls, name: str, value: object, meaning: str = "") -> Fact:
        """Return a fact; the value as text."""
        return cls(name=name, value=str(value), meaning=meaning)
