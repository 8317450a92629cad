"""`behaviordist distance`: how far apart some models lie, with settings, on a probe set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from behaviordist.cli.help import out_to
from behaviordist.cli.inputs import Device, Limit, OnPolicy, Probes, Sketch, command_line, watching
from behaviordist.cli.report import Format, FullRange, Groups, Labels, Palette, check_format
from behaviordist.cli.terminal import cell, table, visible
from behaviordist.errors import InputError

if TYPE_CHECKING:
    from behaviordist.distance import DistanceMatrix
    from behaviordist.distance.directed import DirectedMatrix

MOST_SHOWN, EXTREMES = 10, 3

SIGNS = "(? undecided, = the same, else apart)"
MARKS = {"undecided": "? ", "same": "= "}


def distance(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Folders, .gguf files or hub ids, with settings: MODEL@temperature=0.7,quant=int8;"
            " or fingerprints of them, and folders of these.",
            show_default=False,
        ),
    ],
    probes: Probes = None,
    geometry: Annotated[
        str,
        typer.Option(
            help="The inner product: hellinger, euclidean, aitchison, fisher; where tokenizers"
            " differ next-byte, loglik, samples. Directed, over whole answers: kl, overlap. Yours:"
            " module:NAME."
        ),
    ] = "hellinger",
    out: Annotated[Path, out_to("Folder of the results.")] = Path("reports/distance"),
    device: Device = None,
    probes_limit: Limit = None,
    sketch: Sketch = "auto",
    answers: Annotated[int, typer.Option(help="samples, kl, overlap: answers a prompt.")] = 8,
    answer_tokens: Annotated[int, typer.Option(help="The same: longest answer.")] = 32,
    kernel: Annotated[
        str, typer.Option(help="samples: character-ngrams, exact-match or module:function.")
    ] = "character-ngrams",
    on_policy: OnPolicy = None,
    margin: Annotated[
        float | None,
        typer.Option(
            help="A distance that does not matter: pairs shown to lie within it are the same.",
            show_default="no pair is called the same",
        ),
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Option(help="kl, overlap: models or files of answers (.jsonl) that are columns."),
    ] = None,
    per: Annotated[str, typer.Option(help="kl: nats per answer, token or byte.")] = "answer",
    error: Annotated[
        float | None, typer.Option(help="kl, overlap: largest standard error accepted.")
    ] = None,
    palette: Palette = None,
    full_range: FullRange = None,
    labels: Labels = None,
    groups: Groups = None,
    form: Format = "page",
) -> None:
    """Measure the distances between models; run the same command again to continue it."""
    from behaviordist.distance import DistanceMatrix
    from behaviordist.measurements.distance import write_distances
    from behaviordist.report.look import Look, changed

    check_format(form)
    look, size = changed(Look(), palette, full_range, labels, groups), sketch_size(sketch)
    with watching() as update:
        matrix = write_distances(
            models,
            out,
            probes,
            geometry,
            probes_limit=probes_limit,
            device=device,
            sketch=size,
            answers=answers,
            answer_tokens=answer_tokens,
            kernel=kernel,
            on_policy=on_policy,
            margin=margin,
            targets=targets or (),
            per=per,
            error=error,
            look=None if look == Look() else look,
            slide=form == "slide",
            command=command_line(),
            progress=update,
        )
    if isinstance(matrix, DistanceMatrix):
        show_matrix(matrix)
    else:
        _show_directed(matrix, margin)
    typer.echo(f"Report: {out / 'index.html'}")
    if form == "slide":
        typer.echo(f"Slide: {out / 'slide.png'}")


def sketch_size(text: str) -> int | str | None:
    """Return what --sketch asks for."""
    if text in ("auto", "exact"):
        return None if text == "exact" else text
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"--sketch is auto, exact or a whole number above 0, not '{text}'")
    return int(text)


def show_matrix(matrix: DistanceMatrix) -> None:
    """Print the matrix; past ten behaviors what is nearest, farthest and undecided of it."""
    from rich.console import Console
    from rich.table import Table

    if len(matrix) > MOST_SHOWN:
        for line in _extremes(matrix):
            typer.echo(visible(line))
        return
    title = f"{matrix.metadata['geometry']} distance ± standard error {SIGNS}"
    numbers = [str(i + 1) for i in range(len(matrix))]
    table = Table(title=title, title_justify="left")
    for heading in ("", "", *numbers):
        table.add_column(heading, no_wrap=not heading)
    states = matrix.states()
    for i, label in enumerate(matrix.labels):
        cells = [_cell(matrix, str(states.table[i, j]), i, j) for j in range(len(matrix))]
        table.add_row(numbers[i], cell(label), *cells)
    Console().print(table)


def _extremes(matrix: DistanceMatrix) -> Iterator[str]:
    """Name the three nearest and farthest pairs, and what can be said of all."""
    import numpy as np

    rows, columns = np.triu_indices(len(matrix), 1)
    values = matrix.distances[rows, columns]
    order = [int(k) for k in np.argsort(values, kind="stable") if np.isfinite(values[k])]
    states = matrix.states()
    for word, kept in (("nearest", order[:EXTREMES]), ("farthest", order[: -EXTREMES - 1 : -1])):
        for k in kept:
            i, j = int(rows[k]), int(columns[k])
            said = _cell(matrix, str(states.table[i, j]), i, j)
            yield f"{word:<9} {said}  {matrix.labels[i]}  and  {matrix.labels[j]}"
    yield from states.sentences()


def _cell(matrix: DistanceMatrix, state: str, i: int, j: int) -> str:
    if i == j:
        return ""
    return f"{MARKS.get(state, '')}{matrix.distances[i, j]:.3f} ±{matrix.standard_errors[i, j]:.3f}"


def _show_directed(matrix: DirectedMatrix, margin: float | None) -> None:
    """Print the matrix, rows = source; past ten behaviors the page and the files serve better."""
    from rich.console import Console

    from behaviordist.record.directed import directed_findings

    headline = visible(directed_findings(matrix).headline)
    if max(len(matrix.sources), len(matrix.targets)) > MOST_SHOWN:
        typer.echo(headline)
        return
    states = matrix.states(margin)
    kind = "overlap" if matrix.geometry == "overlap" else f"nats per {matrix.metadata['per']}"
    signs = f" {SIGNS}" if matrix.geometry == "kl" else ""
    typer.echo(f"{kind} ± standard error{signs}; rows: source A, columns: target B")
    shown = table(None, ("", *map(cell, matrix.targets)))
    for i, label in enumerate(matrix.sources):
        cells = [
            f"{_mark(matrix, str(states[i, j]), j)}"
            f"{matrix.values[i, j]:.3g} ±{matrix.standard_errors[i, j]:.2g}"
            for j in range(len(matrix.targets))
        ]
        shown.add_row(cell(label), *cells)
    Console().print(shown)
    typer.echo(headline)


def _mark(matrix: DirectedMatrix, state: str, column: int) -> str:
    """Return the sign of a state; an overlap has none, nor has a target known by answers alone."""
    if matrix.geometry != "kl" or matrix.targets[column] in matrix.cross_entropy:
        return ""
    return MARKS.get(state, "")
