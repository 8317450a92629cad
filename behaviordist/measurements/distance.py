"""What `behaviordist distance` does: measure behaviors, and write the folder of the answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from behaviordist.behaviors import Behavior
from behaviordist.behaviors.huggingface.kept import kept_open
from behaviordist.distance import DistanceMatrix, distances
from behaviordist.distance.directed import AnswerSet, DirectedMatrix
from behaviordist.distance.directed.matrix import GEOMETRIES
from behaviordist.distance.fingerprints.next_byte import check_bytes
from behaviordist.distance.fingerprints.samples import steady_note
from behaviordist.distance.fingerprints.texts import check_answers
from behaviordist.errors import InputError
from behaviordist.innerproduct import get_geometry
from behaviordist.measurements.directed import write_directed
from behaviordist.measurements.inputs import (
    check_geometry,
    notes_of,
    open_inputs,
    recorded,
    write_on_policy,
)
from behaviordist.probes import ProbeSet
from behaviordist.record import DistanceRecord, Probes, made_now, write_record
from behaviordist.report.look import Look
from behaviordist.report.write import write_report
from behaviordist.store.bars import Progress, told
from behaviordist.store.folders import check_folder
from behaviordist.store.stages import stage


def write_distances(
    models: Sequence[Behavior | str],
    out: Path | str,
    probes: ProbeSet | str | None = None,
    geometry: str = "hellinger",
    *,
    probes_limit: int | None = None,
    device: str | None = None,
    sketch: float | str | None = "auto",
    answers: int = 8,
    answer_tokens: int = 32,
    kernel: str = "character-ngrams",
    on_policy: int | None = None,
    margin: float | None = None,
    targets: Sequence[Behavior | AnswerSet | str] = (),
    per: str = "answer",
    error: float | None = None,
    look: Look | None = None,
    slide: bool = False,
    command: str = "",
    progress: Progress | bool | None = None,
) -> DistanceMatrix | DirectedMatrix:
    """Measure behaviors and write the folder that `behaviordist distance` writes.

    `distances` and `divergences` are the measurement alone. Called again with the same folder it
    computes nothing that is there.

    Parameters
    ----------
    models
        Behaviors, or what `load` opens (``"folder@temperature=0.7"``), fingerprint files, folders
        of these; at least two, one for ``kl`` and ``overlap`` with `targets`.
    out
        Folder of the results; docs/architecture.md lists its files.
    probes
        Probe set, its name or file; default `lab` for models of the lab, `general` for others.
    geometry
        As in `distances`, or ``"kl"`` and ``"overlap"`` as in `divergences`.
    probes_limit
        Draw so many of the probes.
    device
        Where what is named is opened, as in `load`.
    sketch, answers, answer_tokens, kernel, margin
        As in `distances`.
    on_policy
        Let the models continue the probes themselves, by so many tokens.
    targets, per, error
        As in `divergences`; files of answers (.jsonl) may be named.
    look, slide
        As in `report.write_report`.
    command
        What the record says it was made by.
    progress
        As in `distances`: True for bars.

    Returns
    -------
    DistanceMatrix, (N, N); DirectedMatrix, (S, T) in nats or a probability, for ``kl`` and
    ``overlap``.

    Raises
    ------
    InputError
        Whatever is wrong with models, probes or options, before a model runs; nothing is written
        then.

    Examples
    --------
    >>> import numpy as np, tempfile, behaviordist as bd
    >>> from behaviordist.behaviors import ArrayBehavior
    >>> probes = bd.ProbeSet("two", tuple(bd.Probe(f"p{i}", "x", "y") for i in range(2)))
    >>> rows = {"fair": [[0.5, 0.5]] * 2, "biased": [[0.9, 0.1]] * 2}
    >>> behaviors = [ArrayBehavior(name, [0, 1], np.log(p)) for name, p in rows.items()]
    >>> folder = tempfile.TemporaryDirectory()
    >>> matrix = bd.write_distances(behaviors, folder.name, probes)
    >>> round(float(matrix.distances[0, 1]), 2)
    0.46
    >>> folder.cleanup()
    """
    out, progress, started = Path(out), told(progress), time.perf_counter()
    if margin is not None and not 0 < margin < float("inf"):
        raise InputError(f"--margin is a distance above 0, not {margin}")
    if on_policy is not None and geometry in (*GEOMETRIES, "samples"):
        raise InputError(f"--geometry {geometry} draws its own answers; leave out --on-policy")
    if geometry in GEOMETRIES:
        options = {"answers": answers, "max_tokens": answer_tokens, "per": per, "error": error}
        named = (probes, probes_limit, device)
        return write_directed(
            models, targets, named, geometry, out, margin, options, command, progress, (look, slide)
        )
    if targets or error is not None or per != "answer":
        raise InputError("--targets, --per and --error go with --geometry kl or overlap")
    _check_two(models)
    unit, across = get_geometry(geometry).unit, get_geometry(geometry).across_tokenizers
    if unit == "answers":
        check_answers(answers, answer_tokens, kernel)
    check_folder(out)
    behaviors, chosen = open_inputs(
        models,
        probes,
        probes_limit,
        one_vocabulary=not across,
        answers_only=unit == "answers" or on_policy is not None,
        device=device,
    )
    _check_two(behaviors)
    check_geometry(geometry, behaviors)
    if look is not None:
        look.check([b.label for b in behaviors])
    kept, notes = out / "fingerprints", []
    with kept_open():
        if on_policy is not None:
            chosen, note = write_on_policy(
                behaviors, chosen, on_policy, kept, one_vocabulary=not across, progress=progress
            )
            notes.append(note)
        if unit == "byte":
            with stage("reading the bytes of tokens"):
                check_bytes(behaviors, chosen)
        opened, resumed = time.perf_counter(), any(kept.glob("*.part*"))
        ran: set[str] = set()

        def tick(label: str, done: int, total: int) -> None:
            if done:
                ran.add(label)
            if progress is not None:
                progress(label, done, total)

        for behavior in behaviors:
            tick(behavior.label, 0, len(chosen))
        matrix = distances(
            behaviors,
            chosen,
            geometry,
            folder=kept,
            sketch=sketch,
            margin=margin,
            answers=answers,
            answer_tokens=answer_tokens,
            kernel=kernel,
            progress=tick,
        )
    times = {"opening": round(opened - started, 1)}
    # Where part of the work was found finished, its time is not known.
    if len(ran) == len(behaviors) and not resumed:
        times["fingerprints"] = round(time.perf_counter() - opened, 1)
    matrix.save(out)
    record = _record(behaviors, chosen, matrix, (*notes, *_notes(matrix)), command, times)
    write_record(out / "run.json", record)
    with stage("drawing the page"):
        write_report(out, look, slide=slide)
    return matrix


def _check_two(named: Sequence[Behavior | str]) -> None:
    """Refuse a single behavior; one name may be a folder of fingerprints."""
    folders = (Path(one) for one in named if isinstance(one, str))
    if len(named) < 2 and not any(any(folder.glob("*.safetensors")) for folder in folders):
        raise InputError(
            "a distance is between two: name at least two models, or one twice with other settings"
            " (MODEL MODEL@temperature=0.7)"
        )


def _record(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    matrix: DistanceMatrix,
    notes: Sequence[str],
    command: str,
    times: dict[str, float],
) -> DistanceRecord:
    """Return `run.json`."""
    return DistanceRecord(
        provenance=made_now(command, digests={"probes": probes.digest}, times_s=times),
        geometry=matrix.metadata["geometry"],
        probes=Probes(name=probes.name, n=len(probes), digest=probes.digest),
        behaviors=recorded(behaviors),
        notes=(*notes_of(behaviors), *notes),
    )


def _notes(matrix: DistanceMatrix) -> list[str]:
    """Return what a reader should know of how the numbers came about."""
    notes = [
        f"{label}: {bits:.4f} bits per byte on these continuations"
        for label, bits in matrix.metadata.get("bits_per_byte", {}).items()
    ]
    if "tokens" in matrix.metadata:
        notes.append(_positions(matrix.metadata))
    rounding = get_geometry(matrix.metadata["geometry"]).rounding
    if rounding:
        notes.append(f"distances below {rounding:g} count as rounding, not as a difference")
    notes.extend(matrix.cautions())
    notes.extend(map(steady_note, matrix.metadata.get("steady", ())))
    if str(matrix.metadata.get("sketch", "exact")) != "exact":
        notes.append(
            f"features are kept as {matrix.metadata['sketch']} at every position; the intervals"
            " contain the error of the sketch"
        )
    return notes


def _positions(metadata: dict[str, Any]) -> str:
    """Return what a report says about the positions of next-byte distributions."""
    of = ", ".join(f"{n} of {label}" for label, n in metadata["tokens"].items())
    return (
        f"the next byte is compared at the {metadata['positions']} places where the tokens of all"
        f" behaviors begin (tokens in all: {of}); each distribution is given the context as that"
        " model's tokens cut it"
    )
