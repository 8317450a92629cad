"""Directed distances of models at hand: how surprising each target is to each source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from behaviordist.behaviors import Behavior, load
from behaviordist.distance.directed import AnswerSet, DirectedMatrix, divergences
from behaviordist.distance.directed.answers import ANSWERS
from behaviordist.distance.fingerprints.without_models import open_behaviors
from behaviordist.errors import InputError
from behaviordist.measurements.inputs import choose_probes, notes_of
from behaviordist.probes import ProbeSet
from behaviordist.record import Behavior as Named
from behaviordist.record import Probes, StudyRecord, made_now, write_record
from behaviordist.record.directed import directed_findings
from behaviordist.report.look import Look
from behaviordist.report.write import write_report
from behaviordist.store.bars import Progress
from behaviordist.store.folders import check_folder
from behaviordist.store.stages import stage

Target = Behavior | AnswerSet


def write_directed(
    models: Sequence[Behavior | str],
    targets: Sequence[Target | str],
    named: tuple[ProbeSet | str | None, int | None, str | None],
    geometry: str,
    out: Path,
    margin: float | None,
    options: dict[str, Any],
    command: str,
    progress: Progress | None,
    shown: tuple[Look | None, bool] = (None, False),
) -> DirectedMatrix:
    """Measure directed distances and write their folder; see `distance.write_distances`.

    `named` are the probes, how many of them, and the device; `options` as `divergences` has them;
    `shown` the look, and whether a slide is wanted.
    """
    check_folder(out)
    if len(models) < 2 and not targets:
        raise InputError("a directed distance is between two: name two models, or --targets")
    sources, columns, chosen = _opened(models, targets, *named)
    look, slide = shown
    if look is not None:
        look.check(list(dict.fromkeys(_name(one) for one in (*sources, *columns))))

    said = [len(one.probes) for one in columns if isinstance(one, AnswerSet)]
    prompts = max(said) if columns and len(said) == len(columns) else len(chosen)

    def tick(label: str, done: int, total: int) -> None:
        if progress is not None:  # answers are counted, and shown as their share of the prompts
            progress(label, round(done / total * prompts), prompts)

    for label in dict.fromkeys(
        b.label for b in (*sources, *columns) if not isinstance(b, AnswerSet)
    ):
        tick(label, 0, 1)
    matrix = divergences(
        sources,
        columns if targets else None,
        chosen,
        geometry,
        folder=out / "answers",
        progress=tick,
        **options,
    )
    if margin is not None:
        matrix.metadata["margin"] = margin
    matrix.save(out)
    write_record(out / "run.json", _record(matrix, sources, columns, chosen, command))
    with stage("drawing the page"):
        write_report(out, look, slide=slide)
    return matrix


def _opened(
    models: Sequence[Behavior | str],
    targets: Sequence[Target | str],
    probes: ProbeSet | str | None,
    limit: int | None,
    device: str | None,
) -> tuple[list[Behavior], list[Target], ProbeSet]:
    """Open sources, targets (models, or files of answers) and the probe set."""
    sources, columns = open_behaviors(models, device), []
    for source in sources:
        if hasattr(source, "carried"):  # a file, of features or states
            raise InputError(
                f"'{source.label}' is a fingerprint, and KL and overlap are over whole answers,"
                " which it does not give: name the model"
            )
    known: dict[Any, Behavior] = dict(zip(map(_key, models), sources, strict=True))
    for target in targets:
        if not isinstance(target, str):
            columns.append(target)
            continue
        kept = kept_answers(target, probes)
        if kept is None and target not in known:
            known[target] = load(target, device=device)
        columns.append(known[target] if kept is None else kept)
    return sources, columns, choose_probes(sources[0], probes, limit).answerable()


def _name(one: Target) -> str:
    return one.name if isinstance(one, AnswerSet) else one.label


def _key(model: Behavior | str) -> Any:
    return model if isinstance(model, str) else id(model)


def kept_answers(spec: str, probes: ProbeSet | str | None = None) -> AnswerSet | None:
    """Return what a target said: a file of answers, or those kept beside a checkpoint."""
    path = Path(spec).expanduser()
    if path.suffix == ".jsonl":
        return AnswerSet.load(path)
    if probes is None and (path / ANSWERS).is_file():
        return AnswerSet.load(path / ANSWERS)
    return None


def _record(
    matrix: DirectedMatrix,
    sources: Sequence[Behavior],
    targets: Sequence[Target],
    probes: ProbeSet,
    command: str,
) -> StudyRecord:
    return StudyRecord(
        study="distance",
        question="How surprising is each target to each source?",
        geometry=matrix.geometry,
        provenance=made_now(command, digests={"probes": probes.digest}),
        probes=Probes(name=probes.name, n=len(probes), digest=probes.digest),
        behaviors=tuple(
            Named(label=b.label, settings=b.settings.canonical, identity=b.identity)
            for b in sources
        ),
        findings=directed_findings(matrix),
        notes=(
            *notes_of([b for b in (*sources, *targets) if not isinstance(b, AnswerSet)]),
            *_notes(matrix),
        ),
    )


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
