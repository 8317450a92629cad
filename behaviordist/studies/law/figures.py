"""Figures of studies of the law: cost against nats and weights, heatmaps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from behaviordist.hypothesis.models.law import Law
from behaviordist.record import Grid, Panel, Points, Scatter, Series
from behaviordist.studies.law.tables import Tables


def scatter(
    name: str,
    title: str,
    caption: str,
    x: str,
    tables: Tables,
    predictor: pd.DataFrame,
    laws: Mapping[str, Law],
) -> Scatter:
    """Draw costs against a predictor, a panel an algorithm, with the fitted law."""
    panels = []
    for algorithm, law in laws.items():
        targets = tables.of(algorithm)
        points = [
            _points(kind, tables, predictor, targets)
            for kind in dict.fromkeys(tables.kind.values())
        ]
        panels.append(
            Panel(title=algorithm, points=tuple(points), lines=(_line(law, predictor[targets]),))
        )
    return Scatter(
        name=name,
        title=title,
        caption=caption,
        x=x,
        y="steps to tau",
        panels=tuple(panels),
        bound="never arrived",
    )


def _points(kind: str, tables: Tables, predictor: pd.DataFrame, targets: list[str]) -> Points:
    rows = [s for s, its in tables.kind.items() if its == kind]
    x, y, late = (
        frame.loc[rows, targets].to_numpy(dtype=float).ravel()
        for frame in (predictor, tables.costs, tables.late)
    )
    known = np.isfinite(x) & np.isfinite(y)
    return Points(
        label=kind,
        x=tuple(x[known].tolist()),
        y=tuple(y[known].tolist()),
        bound=tuple((late[known] > 0.5).tolist()),
    )


def _line(law: Law, predictor: pd.DataFrame) -> Series:
    values = predictor.to_numpy(dtype=float)
    x = np.linspace(max(0.0, np.nanmin(values)), np.nanquantile(values, 0.98), 30)
    centre = float(np.nanmedian(values))
    level = float(np.mean(list(law.intercepts.values())))
    y = level + law.slope * x
    half = np.abs(law.high - law.slope) * np.abs(x - centre)
    return Series(
        label="law",
        x=tuple(x.tolist()),
        y=tuple(np.maximum(y, 0).tolist()),
        low=tuple(np.maximum(y - half, 0).tolist()),
        high=tuple(np.maximum(y + half, 0).tolist()),
    )


def turned(nats: pd.DataFrame, costs: pd.DataFrame, late: pd.DataFrame) -> Points:
    """Draw pairs tuned both ways by half their differences, the more surprising way first.

    All are square; a pair is a bound where one of its ways never arrived.
    """
    upper = np.triu_indices(len(nats), 1)
    x, y = (((f - f.T) / 2).to_numpy(dtype=float)[upper] for f in (nats, costs))
    sign = np.where(x < 0, -1.0, 1.0)
    return Points(
        label="pairs",
        x=tuple((x * sign).tolist()),
        y=tuple((y * sign).tolist()),
        bound=tuple(((late + late.T).to_numpy(dtype=float)[upper] > 0).tolist()),
    )


def maps(tables: Tables) -> tuple[Grid, Grid]:
    """Draw the tables of KL and of cost."""
    return (
        grid("map-nats", "How surprising each target is to each source", tables.nats, "nats", 1),
        grid("map-costs", "What tuning cost", tables.costs, "steps to tau", 0),
    )


def grid(name: str, title: str, frame: pd.DataFrame, scale: str, digits: int) -> Grid:
    """Draw one table, sources by targets."""
    return Grid.of(
        frame,
        name=name,
        title=title,
        caption="Rows are sources, columns targets.",
        scale=scale,
        row_axis="source A",
        column_axis="target B",
        digits=digits,
    )
