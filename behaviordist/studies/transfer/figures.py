"""The figures of study `transfer` alone: the square both ways, and its heatmaps."""

from __future__ import annotations

from behaviordist.record import Panel, Scatter, Section
from behaviordist.studies.law.figures import grid, maps, turned
from behaviordist.studies.transfer.measure import SquareTables


def square_section(tables: SquareTables) -> Section:
    """Draw the antisymmetric parts of cost against those of KL."""
    points = turned(tables.square_nats, tables.square, tables.square_late)
    figure = Scatter(
        name="both-ways",
        title="Both ways: how much dearer against how much more surprising",
        caption="A pair a point, turned so that the more surprising way comes first: half the"
        " difference of costs against half the difference of KL.",
        x="(KL there − KL back) / 2, nats",
        y="(cost there − cost back) / 2, steps",
        panels=(Panel(title="square", points=(points,)),),
        bound="a direction never arrived",
    )
    return Section.of("Both directions", figure)


def map_section(tables: SquareTables) -> Section:
    """Draw the tables of KL and of cost side by side."""
    return Section.of(
        "Heatmaps",
        *maps(tables),
        grid("map-square-nats", "The square: KL", tables.square_nats, "nats", 1),
        grid("map-square-costs", "The square: cost", tables.square, "steps to tau", 0),
    )
