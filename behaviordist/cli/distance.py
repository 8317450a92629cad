"""`behaviordist distance`: how far apart some models lie, with settings, on a probe set."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from behaviordist.cli.help import out_to
from behaviordist.cli.inputs import (
    Device,
    check_folder,
    command_line,
    heartbeat,
    made_now,
    open_inputs,
    progress,
    write_on_policy,
)
from behaviordist.cli.report import Format, FullRange, Groups, Labels, Palette, check_format
from behaviordist.cli.terminal import cell, visible
from behaviordist.errors import InputError

if TYPE_CHECKING:
    from behaviordist.behaviors import Behavior
    from behaviordist.distance import DistanceMatrix
    from behaviordist.probes import ProbeSet
    from behaviordist.record import DistanceRecord
    from behaviordist.report.look import Look

MOST_SHOWN, EXTREMES = 10, 3


def distance(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Folders, .gguf files or hub ids, with settings: MODEL@temperature=0.7,quant=int8",
            show_default=False,
        ),
    ],
    probes: Annotated[
        str | None,
        typer.Option(help="A shipped set's name or a .jsonl file.", show_default="general"),
    ] = None,
    geometry: Annotated[
        str,
        typer.Option(
            help="The inner product: hellinger, euclidean, aitchison, fisher; where tokenizers"
            " differ next-byte, loglik, samples. Directed, over whole answers: kl, overlap."
        ),
    ] = "hellinger",
    out: Annotated[Path, out_to("Folder of the results.")] = Path("reports/distance"),
    device: Device = None,
    probes_limit: Annotated[
        int | None, typer.Option(help="Draw so many of the probes.", show_default="all")
    ] = None,
    sketch: Annotated[
        str, typer.Option(help="auto, exact, or numbers kept a position (64, 256, ...).")
    ] = "auto",
    answers: Annotated[int, typer.Option(help="samples, kl, overlap: answers a prompt.")] = 8,
    answer_tokens: Annotated[int, typer.Option(help="The same: longest answer.")] = 32,
    kernel: Annotated[
        str, typer.Option(help="samples: character-ngrams or exact-match.")
    ] = "character-ngrams",
    on_policy: Annotated[
        int | None,
        typer.Option(help="Let the models continue the probes themselves, by so many tokens."),
    ] = None,
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
    from rich.console import Console

    from behaviordist.cli.directed import GEOMETRIES, directed
    from behaviordist.distance import distances
    from behaviordist.distance.fingerprints.next_byte import check_bytes
    from behaviordist.distance.fingerprints.texts import check_answers
    from behaviordist.innerproduct import get_geometry
    from behaviordist.report.look import Look, changed
    from behaviordist.store.stages import stage

    started = time.perf_counter()
    check_format(form)
    look = changed(Look(), palette, full_range, labels, groups)
    size = _sketch(sketch)
    if margin is not None and not 0 < margin < float("inf"):
        raise InputError(f"--margin is a distance above 0, not {margin}")
    if on_policy is not None and geometry in (*GEOMETRIES, "samples"):
        raise InputError(f"--geometry {geometry} draws its own answers; leave out --on-policy")
    if geometry in GEOMETRIES:
        options: dict[str, Any] = {"answers": answers, "max_tokens": answer_tokens}
        options |= {"per": per, "error": error}
        named = (probes, probes_limit, device)
        directed(models, targets or (), named, geometry, out, margin, options)
        return
    if targets or error is not None or per != "answer":
        raise InputError("--targets, --per and --error go with --geometry kl or overlap")
    if len(models) < 2:
        raise InputError(
            "a distance is between two: name at least two models, or one twice with other settings"
            " (MODEL MODEL@temperature=0.7)"
        )
    if get_geometry(geometry).unit == "answers":
        check_answers(answers, answer_tokens, kernel)
    check_folder(out)
    across, unit = get_geometry(geometry).across_tokenizers, get_geometry(geometry).unit
    behaviors, chosen = open_inputs(
        models,
        probes,
        probes_limit,
        one_vocabulary=not across,
        answers_only=unit == "answers" or on_policy is not None,
        device=device,
    )
    _check_geometry(geometry, behaviors)
    look.check([b.label for b in behaviors])
    more: list[str] = []
    if on_policy is not None:
        chosen, note = write_on_policy(
            behaviors, chosen, on_policy, out / "fingerprints", one_vocabulary=not across
        )
        more.append(note)
    if unit == "byte":
        with heartbeat(Console(stderr=True)), stage("reading the bytes of tokens"):
            check_bytes(behaviors, chosen)
    opened = time.perf_counter()
    ran: set[str] = set()
    resumed = any((out / "fingerprints").glob("*.part*"))
    with progress(behaviors, chosen, ran) as update:
        matrix = distances(
            behaviors,
            chosen,
            geometry,
            folder=out / "fingerprints",
            sketch=size,
            margin=margin,
            answers=answers,
            answer_tokens=answer_tokens,
            kernel=kernel,
            progress=update,
        )
    times = {"opening": round(opened - started, 1)}
    # Where part of the work was found finished, its time is not known.
    if len(ran) == len(behaviors) and not resumed:
        times["fingerprints"] = round(time.perf_counter() - opened, 1)
    record = _record(behaviors, chosen, matrix, times, more)
    _write(out, matrix, record, None if look == Look() else look, form == "slide")
    _show(matrix)
    typer.echo(f"Report: {out / 'index.html'}")
    if form == "slide":
        typer.echo(f"Slide: {out / 'slide.png'}")


def _check_geometry(geometry: str, behaviors: Sequence[Behavior]) -> None:
    """Refuse an unknown geometry, or one that a behavior has no features in."""
    from behaviordist.innerproduct.geometries import get_geometry, without_full_support

    chosen = get_geometry(geometry)
    for behavior in behaviors:
        if chosen.full_support and not behavior.settings.keeps_support:
            raise InputError(
                f"'{behavior.label}' gives some tokens probability zero, and log p does not exist"
                f" in the {geometry} geometry; use {' or '.join(without_full_support())}"
            )


def _sketch(text: str) -> int | str | None:
    if text in ("auto", "exact"):
        return None if text == "exact" else text
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"--sketch is auto, exact or a whole number above 0, not '{text}'")
    return int(text)


def _record(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    matrix: DistanceMatrix,
    times: dict[str, float],
    more: Sequence[str] = (),
) -> DistanceRecord:
    """Return `run.json`."""
    from behaviordist.innerproduct import get_geometry
    from behaviordist.record import Behavior as Named
    from behaviordist.record import DistanceRecord, Probes

    notes = [*(f"{b.label}: {note}" for b in behaviors for note in b.notes), *more]
    for label, bits in matrix.metadata.get("bits_per_byte", {}).items():
        notes.append(f"{label}: {bits:.4f} bits per byte on these continuations")
    if "tokens" in matrix.metadata:
        notes.append(_positions(matrix.metadata))
    rounding = get_geometry(matrix.metadata["geometry"]).rounding
    if rounding:
        notes.append(f"distances below {rounding:g} count as rounding, not as a difference")
    notes.extend(matrix.cautions())
    if str(matrix.metadata.get("sketch", "exact")) != "exact":
        notes.append(
            f"features are kept as {matrix.metadata['sketch']} at every position; the intervals"
            " contain the error of the sketch"
        )
    return DistanceRecord(
        provenance=made_now(command_line(), digests={"probes": probes.digest}, times_s=times),
        geometry=matrix.metadata["geometry"],
        probes=Probes(name=probes.name, n=len(probes), digest=probes.digest),
        behaviors=tuple(
            Named(label=b.label, settings=b.settings.canonical or "none", identity=b.identity)
            for b in behaviors
        ),
        notes=tuple(notes),
    )


def _positions(metadata: dict[str, Any]) -> str:
    """Return what a report says about the positions of next-byte distributions."""
    of = ", ".join(f"{n} of {label}" for label, n in metadata["tokens"].items())
    return (
        f"the next byte is compared at the {metadata['positions']} places where the tokens of all"
        f" behaviors begin (tokens in all: {of}); each distribution is given the context as that"
        " model's tokens cut it"
    )


def _write(
    out: Path, matrix: DistanceMatrix, record: DistanceRecord, look: Look | None, slide: bool
) -> None:
    from behaviordist.record import write_record
    from behaviordist.report.write import write_report

    matrix.save(out)
    write_record(out / "run.json", record)
    write_report(out, look, slide=slide)


def _show(matrix: DistanceMatrix) -> None:
    """Print the matrix; past ten behaviors what is nearest, farthest and undecided of it."""
    from rich.console import Console
    from rich.table import Table

    if len(matrix) > MOST_SHOWN:
        for line in _extremes(matrix):
            typer.echo(visible(line))
        return
    title = f"{matrix.metadata['geometry']} distance ± standard error (? undecided, = the same)"
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
    mark = {"undecided": "? ", "same": "= "}.get(state, "")
    return f"{mark}{matrix.distances[i, j]:.3f} ±{matrix.standard_errors[i, j]:.3f}"
