"""The page of `behaviordist distance`."""

from __future__ import annotations

import numpy as np

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.states import APART
from behaviordist.distance.states import MISSING as NO_DISTANCE
from behaviordist.record import DistanceRecord, Fact, Paragraph, Table
from behaviordist.record.formatting import MISSING, count, decimal, plural
from behaviordist.report.distances import Limits, distance_blocks
from behaviordist.report.folder import RunFolder
from behaviordist.report.page import Block, DrawnSection, Page, Summary
from behaviordist.report.provenance import notes_section, reproduce_section

# Pairs whose witnesses have a table of their own; the map has those of the others.
WITNESSED = 3


def distance_page(run: RunFolder, record: DistanceRecord) -> Page:
    """Return the report of a distance run."""
    matrix = run.matrix
    behaviors = {row.label: row for row in record.behaviors}
    sections = (
        DrawnSection(
            "Distances", distance_blocks(matrix, behaviors, look=run.look) if matrix else ()
        ),
        DrawnSection("From the first model", _from_first(matrix) if matrix else ()),
        DrawnSection("Where the farthest differ", _witnesses(matrix) if matrix else ()),
        DrawnSection("The models", _models(record)),
        notes_section(record),
        reproduce_section(record, tuple(run.files)),
    )
    title = f"Distances between {plural(len(matrix) if matrix else 0, 'behavior')}"
    subtitle = f"behaviordist · {record.geometry or 'distance'}"
    return Page(title, subtitle, _summary(matrix, record), sections)


def _summary(matrix: DistanceMatrix | None, record: DistanceRecord) -> Summary:
    if matrix is None:
        return Summary(("The folder holds no distances.",), tone="plain")
    states = matrix.states()
    sentences = (
        *_extremes(matrix),
        *states.sentences(),
        "Distances stand with their 95% interval over probes, each pair for itself.",
    )
    probes = record.probes
    facts = [
        Fact.of("behaviors", count(len(matrix))),
        Fact.of("geometry", record.geometry or MISSING),
        Fact.of("probes", count(probes.n) if probes else MISSING, probes.name if probes else ""),
        Fact.of("pairs apart", f"{states.count(APART)} of {states.pairs}"),
    ]
    if states.count(NO_DISTANCE):
        missing = count(states.count(NO_DISTANCE))
        facts.append(Fact.of("missing pairs", missing, "drawn grey, counted nowhere"))
    return Summary(sentences, tuple(facts), tone="plain")


def _extremes(matrix: DistanceMatrix) -> tuple[str, ...]:
    """Name the nearest and the farthest pair."""
    rows, columns = np.triu_indices(len(matrix), k=1)
    values = matrix.distances[rows, columns]
    if not np.isfinite(values).any():
        return ("No pair has a distance.",)
    limits = Limits.of(matrix)
    said = []
    for word, k in (("Nearest", np.nanargmin(values)), ("farthest", np.nanargmax(values))):
        i, j = int(rows[k]), int(columns[k])
        pair = f"{matrix.labels[i]} and {matrix.labels[j]}"
        said.append(f"{word} are {pair} at {limits.text(i, j)}")
    return ("; ".join(said) + ".",)


def _from_first(matrix: DistanceMatrix) -> tuple[Block, ...]:
    """Answer what most comparisons ask: what did the change do to the model named first?"""
    if len(matrix) < 2:
        return ()
    first, limits, states = matrix.labels[0], Limits.of(matrix), matrix.states()
    # NaN sorts last.
    order = 1 + np.argsort(matrix.distances[0, 1:], kind="stable")
    rows = tuple((matrix.labels[i], limits.text(0, i), str(states.table[0, i])) for i in order)
    words = f"If {first} is the model you changed, this is what each change did, smallest first."
    table = Table(
        title=f"Distance from {first}",
        header=("behavior", "distance [95% interval]", "from it"),
        rows=rows,
        align="lrl",
    )
    return (Paragraph(text=words), table)


def _witnesses(matrix: DistanceMatrix) -> tuple[Block, ...]:
    """Name the probes that make up the largest distances."""
    rows = tuple(
        (" and ".join(farthest["pair"]), one["probe"], str(one["position"] + 1),
         decimal(one["squared"] ** 0.5, 3), f"{one['share']:.1%}")
        for farthest in matrix.metadata.get("witnesses", ())[:WITNESSED]
        for one in farthest["witnesses"]
    )  # fmt: skip
    if not rows:
        return ()
    table = Table(
        title="Probes that make up the largest distances",
        header=("pair", "probe", "position", "distance there", "share of d²"),
        rows=rows,
        align="llrrr",
        note="Positions of the continuation, from 1, of those compared.",
    )
    return (table,)


def _models(record: DistanceRecord) -> tuple[Block, ...]:
    rows = tuple(
        (row.label, row.settings or MISSING, row.identity[:16] or MISSING)
        for row in record.behaviors
    )
    if not rows:
        return ()
    header = ("label", "inference settings", "identity (first 16 digits)")
    return (Table(title="Behaviors compared", header=header, rows=rows, align="lll"),)
