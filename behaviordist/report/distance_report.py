"""The page of `behaviordist distance`, and the sections on distances that every study shares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from behaviordist.distance.analysis.ordination import principal_coordinates
from behaviordist.distance.heatmap import draw_heatmap
from behaviordist.drawing.style import abbreviate
from behaviordist.report.figures.ordination import draw_ordination
from behaviordist.report.figures.render import render_figure
from behaviordist.report.folder import RunFolder
from behaviordist.report.formatting import MISSING, cell, count, decimal, digits_for, plural
from behaviordist.report.kinds import Kinds, kinds_of
from behaviordist.report.page import (
    Block,
    Fact,
    Page,
    Paragraph,
    RenderedFigure,
    Section,
    Summary,
    Table,
)
from behaviordist.report.reproduce import notes_section, reproduce_section

# Half width of a 95 % interval in standard errors.
Z95 = 1.96
# Beyond this many behaviors the table of all distances is wider than any page; the CSV has it.
FULL_TABLE = 7


@dataclass(frozen=True)
class PairSummary:
    """Counts and extremes over unordered pairs of behaviors."""

    pairs: int
    missing: int
    same: int
    nearest: tuple[str, str, float] | None
    farthest: tuple[str, str, float] | None


def distance_page(run: RunFolder) -> Page:
    """Return the report of a distance run."""
    kinds = kinds_of(run.rows("behaviors"))
    sections = (
        distance_section(run, kinds),
        Section("From the first model", _from_first(run)),
        Section("The models", _models(run)),
        notes_section(run),
        reproduce_section(run),
    )
    n, geometry = len(run.distances), str(run.record.get("geometry", "")).strip()
    title = f"Distances between {plural(n, 'behavior')}"
    return Page(title, f"behaviordist · {geometry or 'distance'}", _summary(run), sections)


def distance_section(run: RunFolder, kinds: Kinds) -> Section:
    """Return heatmap, ordination and tables of a run's distances; no blocks where it has none."""
    if not len(run.distances):
        return Section("Distances", ())
    blocks: list[Block] = [_heatmap(run)]
    figure = _ordination(run, kinds)
    if figure is not None:
        blocks.append(figure)
    if len(run.distances) <= FULL_TABLE:
        blocks.append(_all_distances(run))
    if len(run.distances) > 2:
        blocks.append(_nearest(run))
    return Section("Distances", tuple(blocks))


def summarize_pairs(run: RunFolder) -> PairSummary:
    """Count pairs, missing ones and indistinguishable ones, and find the extremes."""
    labels = [str(x) for x in run.distances.index]
    rows, columns = np.triu_indices(len(labels), k=1)
    values = run.distances.to_numpy(dtype=float)[rows, columns]
    same = _flags(run)[rows, columns]
    finite = np.flatnonzero(np.isfinite(values))

    def pair(index: int) -> tuple[str, str, float]:
        return labels[rows[index]], labels[columns[index]], float(values[index])

    return PairSummary(
        pairs=len(values),
        missing=len(values) - len(finite),
        same=int(same.sum()),
        nearest=pair(finite[values[finite].argmin()]) if len(finite) else None,
        farthest=pair(finite[values[finite].argmax()]) if len(finite) else None,
    )


def with_error(run: RunFolder, row: str, column: str) -> str:
    """Return ``0.34 [0.30, 0.38]``, the 95 % interval cut at zero; the bare value without error."""
    value = cell(run.distances, row, column)
    error = cell(run.standard_errors, row, column)
    if not (math.isfinite(value) and math.isfinite(error)):
        return decimal(value, 3)
    low, high, digits = max(0.0, value - Z95 * error), value + Z95 * error, digits_for(error)
    return f"{decimal(value, digits)} [{decimal(low, digits)}, {decimal(high, digits)}]"


def _summary(run: RunFolder) -> Summary:
    pairs = summarize_pairs(run)
    sentences = []
    if pairs.nearest and pairs.farthest:
        (a, b, _), (c, d, _) = pairs.nearest, pairs.farthest
        sentences.append(
            f"Nearest are {a} and {b} at {with_error(run, a, b)}; "
            f"farthest are {c} and {d} at {with_error(run, c, d)}."
        )
    else:
        sentences.append("The folder holds no distances.")
    if pairs.same:
        sentences.append(
            f"{pairs.same} of {plural(pairs.pairs, 'pair')} cannot be told apart by these probes."
        )
    elif pairs.pairs and len(run.indistinguishable):
        sentences.append(
            f"These probes tell {'all ' * (pairs.pairs > 1)}{plural(pairs.pairs, 'pair')} apart."
        )
    sentences.append("Distances stand with their 95% interval over probes.")
    probes = run.table("probes")
    facts = [
        Fact("behaviors", count(len(run.distances))),
        Fact("geometry", str(run.record.get("geometry") or MISSING)),
        Fact("probes", count(probes.get("n")), str(probes.get("name") or "")),
        Fact("indistinguishable pairs", f"{pairs.same} of {pairs.pairs}"),
    ]
    if pairs.missing:
        facts.append(Fact("missing pairs", count(pairs.missing), "drawn grey, counted nowhere"))
    return Summary(tuple(sentences), tuple(facts), tone="plain")


def _heatmap(run: RunFolder) -> RenderedFigure:
    pairs = summarize_pairs(run)
    caption = (
        "Every cell is the distance between the behaviors of its row and its column: the lighter, "
        "the nearer. Rows and columns are ordered by average linkage, whose tree stands on top: "
        "branches that join low are close."
    )
    if pairs.same:
        caption += (
            f" A ring marks the {plural(pairs.same, 'pair')} (of {pairs.pairs}) whose distance "
            "cannot be told from noise: do not read an order into those."
        )
    if pairs.missing:
        caption += f" {plural(pairs.missing, 'pair')} missing (grey)."
    alt = f"Clustered heatmap of distances between {len(run.distances)} behaviors."
    figure = draw_heatmap(run.matrix, indistinguishable=_flags(run))
    return render_figure("distances", figure, "How far apart the behaviors lie", caption, alt)


def _ordination(run: RunFolder, kinds: Kinds) -> RenderedFigure | None:
    complete = _complete(run.distances)
    left_out = [str(x) for x in run.distances.index if x not in complete]
    if len(complete) < 3 or not np.nanmax(run.distances.to_numpy()) > 0:
        return None
    ordination = principal_coordinates(run.matrix.select(complete))
    figure, crowded = draw_ordination(ordination, kinds)
    first, second = ordination.explained[:2]
    caption = (
        "Principal coordinates: points as far apart as their distances, as well as a plane can "
        f"show it. The two axes hold {first:.0%} and {second:.0%} of the total squared distance; "
        "what lies beyond them is not seen here, so points that look close may be apart (the "
        "heatmap decides)."
    )
    if any(kind.algorithm for kind in kinds.values()):
        caption += " Colour is the algorithm, shape the task."
    if crowded:
        caption += f" {plural(len(crowded), 'name')} found no room."
    if left_out:
        caption += f" Left out for missing distances: {', '.join(left_out)}."
    return render_figure("ordination", figure, "A map of the behaviors", caption)


def _complete(distances: pd.DataFrame) -> list[str]:
    """Return the labels that remain when the one with most gaps is dropped until none is left."""
    missing = distances.isna()
    while missing.to_numpy().any():
        worst = missing.sum().idxmax()
        missing = missing.drop(index=worst, columns=worst)
    return [str(x) for x in missing.index]


def _nearest(run: RunFolder) -> Table:
    rows = []
    flags = pd.DataFrame(_flags(run), index=run.distances.index, columns=run.distances.columns)
    for label in run.distances.index:
        column = run.distances.loc[label].drop(index=label).dropna()
        if column.empty:
            rows.append((str(label), MISSING, MISSING, MISSING, MISSING))
            continue
        near = str(column.idxmin())
        median = decimal(float(column.median()), 3)
        same = int(flags.loc[label].sum())
        rows.append((str(label), near, with_error(run, str(label), near), median, str(same)))
    return Table(
        "Nearest neighbours",
        ("behavior", "nearest", "distance [95% interval]", "median distance", "not tellable from"),
        tuple(rows),
        "llrrr",
    )


def _all_distances(run: RunFolder) -> Table:
    labels = [str(x) for x in run.distances.index]
    flags = _flags(run)
    rows = []
    for i, row in enumerate(labels):
        cells = [
            MISSING if i == j else _plus_minus(run, row, x, flags[i, j])
            for j, x in enumerate(labels)
        ]
        rows.append((row, *cells))
    return Table(
        "All distances, ± standard error",
        ("", *abbreviate(labels, 20)),
        tuple(rows),
        "l" + "r" * len(labels),
        "≈ marks pairs that cannot be told apart." if flags.any() else "",
    )


def _plus_minus(run: RunFolder, row: str, column: str, same: bool) -> str:
    value, error = cell(run.distances, row, column), cell(run.standard_errors, row, column)
    digits = digits_for(error)
    known = math.isfinite(value) and math.isfinite(error)
    text = decimal(value, digits) + (f" ± {decimal(error, digits)}" if known else "")
    return f"≈ {text}" if same else text


def _from_first(run: RunFolder) -> tuple[Block, ...]:
    """Answer what most comparisons ask: what did the change do to the model named first?"""
    if len(run.distances) < 2:
        return ()
    first = str(run.distances.index[0])
    flags = _flags(run)[0]
    column = run.distances.loc[first].to_numpy(dtype=float)
    order = sorted(range(1, len(column)), key=lambda i: (math.isnan(column[i]), column[i]))
    rows = tuple(
        (
            label,
            with_error(run, first, label),
            "no" if flags[i] else "yes" if column[i] == column[i] else MISSING,
        )
        for i, label in ((i, str(run.distances.index[i])) for i in order)
    )
    words = Paragraph(
        f"If {first} is the model you changed, this is what each change did, the smallest first."
    )
    header = ("behavior", "distance [95% interval]", "tellable from it")
    return (words, Table(f"Distance from {first}", header, rows, "lrl"))


def _models(run: RunFolder) -> tuple[Block, ...]:
    rows = tuple(
        (
            str(row.get("label", MISSING)),
            _settings(row.get("settings")),
            str(row.get("identity") or MISSING)[:16],
        )
        for row in run.rows("behaviors")
    )
    if not rows:
        return ()
    header = ("label", "inference settings", "identity (first 16 digits)")
    return (Table("Behaviors compared", header, rows, "lll"),)


def _settings(value: object) -> str:
    if not isinstance(value, dict):
        return str(value or MISSING)
    return ", ".join(f"{k}={v}" for k, v in value.items() if v is not None) or MISSING


def _flags(run: RunFolder) -> np.ndarray:
    if not len(run.indistinguishable):
        return np.zeros(run.distances.shape, dtype=bool)
    frame = run.indistinguishable.reindex(index=run.distances.index, columns=run.distances.columns)
    flags = frame.to_numpy(dtype=float) > 0
    np.fill_diagonal(flags, False)
    return np.asarray(flags)
