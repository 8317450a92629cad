"""`behaviordist distance --geometry kl|overlap`: how surprising each target is to each source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from behaviordist.cli.inputs import check_folder, command_line, progress
from behaviordist.cli.terminal import cell
from behaviordist.errors import InputError

if TYPE_CHECKING:
    from behaviordist.behaviors import Behavior
    from behaviordist.distance.directed import AnswerSet, DirectedMatrix
    from behaviordist.probes import ProbeSet
    from behaviordist.record import StudyRecord

GEOMETRIES = ("kl", "overlap")
MOST_SHOWN = 10


def directed(
    models: Sequence[str],
    targets: Sequence[str],
    named: tuple[str | None, int | None, str | None],
    geometry: str,
    out: Path,
    margin: float | None,
    options: dict[str, Any],
) -> None:
    """Measure, write and show directed distances.

    `named` are the probes, how many of them, and the device; `options` as `bd.divergences` has
    them.
    """
    from behaviordist.distance.directed import divergences

    check_folder(out)
    if len(models) < 2 and not targets:
        raise InputError("a directed distance is between two: name two models, or --targets")
    sources, wanted, chosen = _opened(models, targets, *named)
    shown = [b for b in (*sources, *wanted) if hasattr(b, "forward")]
    bars = list({b.label: b for b in shown}.values())  # type: ignore[union-attr]
    with progress(bars, chosen, set()) as update:  # type: ignore[arg-type]

        def tick(label: str, done: int, total: int) -> None:
            update(label, round(done / total * len(chosen)), len(chosen))

        matrix = divergences(
            sources,
            wanted if targets else None,
            chosen,
            geometry,
            folder=out / "answers",
            progress=tick,
            **options,
        )
    if margin is not None:
        matrix.metadata["margin"] = margin
    _write(out, matrix, _record(matrix, sources, chosen))
    _show(matrix, margin)
    typer.echo(f"Report: {out / 'index.html'}")


def _opened(
    models: Sequence[str],
    targets: Sequence[str],
    probes: str | None,
    limit: int | None,
    device: str | None,
) -> tuple[list[Behavior], list[Behavior | AnswerSet], ProbeSet]:
    """Open sources, targets (models, or files of answers) and the probe set."""
    from behaviordist.behaviors import load, load_all, speaks_lab
    from behaviordist.probes import ProbeSet

    sources = load_all(models, device)
    wanted: list[Behavior | AnswerSet] = []
    known = dict(zip(models, sources, strict=True))
    for spec in targets:
        kept = kept_answers(spec, probes)
        if kept is None and spec not in known:
            known[spec] = load(spec, device=device)
        wanted.append(known[spec] if kept is None else kept)
    named = ProbeSet.load(probes or ("lab" if speaks_lab(sources[0]) else "general"))
    chosen = named if limit is None else named.subset(limit)
    return sources, wanted, chosen.answerable()  # continuations play no part


def kept_answers(spec: str, probes: str | None) -> AnswerSet | None:
    """Return what a target said: a file of answers, or those kept beside a checkpoint."""
    from behaviordist.distance.directed import AnswerSet
    from behaviordist.distance.directed.answers import ANSWERS

    path = Path(spec).expanduser()
    if path.suffix == ".jsonl":
        return AnswerSet.load(path)
    if probes is None and (path / ANSWERS).is_file():
        return AnswerSet.load(path / ANSWERS)
    return None


def _record(matrix: DirectedMatrix, sources: Sequence[Behavior], probes: ProbeSet) -> StudyRecord:
    from behaviordist.record import (
        Behavior,
        Findings,
        Grid,
        Probes,
        Provenance,
        Section,
        StudyRecord,
        library_versions,
        this_commit,
        this_cpu,
    )

    per = matrix.metadata["per"]
    unit = "a probability" if matrix.geometry == "overlap" else f"nats per {per}"
    blocks = [
        Grid.of(
            frame,
            name=name,
            title=title,
            caption="Rows are sources, columns targets.",
            scale=unit,
            row_axis="source A",
            column_axis="target B",
            diverging=name == "antisymmetric",
        )
        for name, title, frame in _tables(matrix)
    ]
    return StudyRecord(
        study="distance",
        question="How surprising is each target to each source?",
        geometry=matrix.geometry,
        provenance=Provenance(
            command=command_line(),
            versions=library_versions(),
            commit=this_commit(),
            cpu=this_cpu(),
            digests={"probes": probes.digest},
        ),
        probes=Probes(name=probes.name, n=len(probes), digest=probes.digest),
        behaviors=tuple(
            Behavior(label=b.label, settings=b.settings.canonical, identity=b.identity)
            for b in sources
        ),
        findings=Findings(
            headline=_headline(matrix, unit),
            sections=(Section.of("Directed distances", *blocks), _errors(matrix, unit)),
        ),
        notes=tuple(_notes(matrix)),
    )


def _tables(matrix: DirectedMatrix) -> list[tuple[str, str, Any]]:
    name = "KL(f_B || f_A)" if matrix.geometry == "kl" else "overlap <f_A, f_B>"
    found = [("divergences", name, matrix.to_pandas())]
    if matrix.geometry == "kl" and len(matrix.labels) > 1:
        parts = (("symmetric", "(there + back) / 2"), ("antisymmetric", "(there − back) / 2"))
        found += [(part, title, getattr(matrix, part)) for part, title in parts]
    return found


def _errors(matrix: DirectedMatrix, unit: str) -> Any:
    """Return every cell with its interval and state."""
    from behaviordist.record import Section, Table

    low, high = matrix.interval()
    states = matrix.states(matrix.metadata.get("margin"))
    rows = tuple(
        (a, b, f"{matrix.values[i, j]:.4g}", f"{low[i, j]:.4g} to {high[i, j]:.4g}", states[i, j])
        for i, a in enumerate(matrix.sources)
        for j, b in enumerate(matrix.targets)
        if a != b
    )
    table = Table(
        title=f"Every pair, {unit}",
        header=("source A", "target B", "value", "95 % interval", "state"),
        rows=rows,
        align="llrrl",
        note="Intervals over probes, all answers to a probe one cluster; pair by pair.",
    )
    return Section.of("Intervals", table)


def _headline(matrix: DirectedMatrix, unit: str) -> str:
    import numpy as np

    off = np.where(matrix.diagonal, np.nan, matrix.values)
    if not np.isfinite(off).any():
        return "No pair of different behaviors has a finite value."
    sign = -1 if matrix.geometry == "overlap" else 1
    i, j = np.unravel_index(int(np.nanargmin(sign * off)), off.shape)
    said = "has most in common with" if sign < 0 else "is least surprised by"
    return f"{matrix.sources[i]} {said} {matrix.targets[j]}: {off[i, j]:.3g} ({unit})."


def _notes(matrix: DirectedMatrix) -> list[str]:
    said = matrix.metadata
    notes = [
        f"target '{name}' is known by its answers alone: its column is a cross-entropy, larger than"
        " KL by the target's own entropy; it ranks sources"
        for name in matrix.cross_entropy
    ]
    notes += [
        f"{pair}: {n} answers are impossible for the source, KL is infinite"
        for pair, n in said.get("impossible_answers", {}).items()
    ]
    notes += [
        f"answers of '{name}' were enumerated: {mass:.2%} of the mass"
        for name, mass in said.get("enumerated_mass", {}).items()
    ]
    return notes


def _write(out: Path, matrix: DirectedMatrix, record: StudyRecord) -> None:
    from behaviordist.record import write_record
    from behaviordist.report.write import write_report

    matrix.save(out)
    write_record(out / "run.json", record)
    matrix.heatmap(out / "heatmap.png")
    write_report(out)


def _show(matrix: DirectedMatrix, margin: float | None) -> None:
    """Print the matrix, rows = source; past ten behaviors the page and the files serve better."""
    from rich.console import Console
    from rich.table import Table

    if max(len(matrix.sources), len(matrix.targets)) > MOST_SHOWN:
        return
    states = matrix.states(margin)
    kind = "overlap" if matrix.geometry == "overlap" else f"nats per {matrix.metadata['per']}"
    table = Table(title=f"{kind} ± standard error; rows: source A, columns: target B")
    table.add_column("")
    for label in matrix.targets:
        table.add_column(cell(label), justify="right")
    for i, label in enumerate(matrix.sources):
        cells = [
            f"{'≈ ' if states[i, j] != 'apart' and matrix.geometry == 'kl' else ''}"
            f"{matrix.values[i, j]:.3g} ±{matrix.standard_errors[i, j]:.2g}"
            for j in range(len(matrix.targets))
        ]
        table.add_row(cell(label), *cells)
    Console().print(table)
