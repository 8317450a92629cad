"""What `behaviordist compare` and `gate` do: two models, closely, and a third for the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from behaviordist.behaviors import Behavior
from behaviordist.distance.comparison import Comparison, compare
from behaviordist.distance.feature_comparison import FEATURES_ALONE, compare_features
from behaviordist.distance.fingerprints.fingerprinting import GivesFingerprints
from behaviordist.distance.gate import with_limits
from behaviordist.errors import InputError
from behaviordist.measurements.answers import DRAWS, Draws, compare_by_answers, only_answers
from behaviordist.measurements.inputs import (
    notes_of,
    open_inputs,
    recorded,
    write_on_policy,
)
from behaviordist.probes import ProbeSet
from behaviordist.record import AnswersRecord, CompareRecord, Probes, made_now, write_record
from behaviordist.record.files import COMPARE_FILE
from behaviordist.report.write import write_report
from behaviordist.store.bars import Progress, told
from behaviordist.store.folders import check_folder

R = TypeVar("R", CompareRecord, AnswersRecord)


def write_comparison(
    reference: Behavior | str,
    candidate: Behavior | str,
    out: Path | str,
    probes: ProbeSet | str | None = None,
    *,
    replicate: Behavior | str | None = None,
    probes_limit: int | None = None,
    on_policy: int | None = None,
    draws: Draws = DRAWS,
    device: str | None = None,
    command: str = "",
    progress: Progress | bool | None = None,
) -> CompareRecord | AnswersRecord:
    """Compare two behaviors and write the folder that `behaviordist compare` writes.

    Parameters
    ----------
    reference, candidate
        Behaviors over one vocabulary, or what `load` opens, or fingerprint files. From features
        alone the distance is known, by tag and probe; KL, agreement, tokens are not: it is said.
    out
        Folder of the results: ``comparison.json`` and ``index.html``.
    probes, probes_limit, on_policy, device, command, progress
        As in `write_distances`.
    replicate
        The reference, made again (another seed): its distance is the noise floor.
    draws
        Where a model only answers (behind a server): how many answers, how long, by which kernel.

    Returns
    -------
    AnswersRecord where a model only answers: distance of answers, two-sample test, what first
    tokens bound. Else CompareRecord: squared Hellinger distance, KL both ways in nats a token, the
    share of positions with the same first choice, each with its standard error over probes.

    Raises
    ------
    InputError
        If models or probes cannot be opened or compared; nothing is written then.

    Examples
    --------
    >>> import numpy as np, tempfile, behaviordist as bd
    >>> from behaviordist.behaviors import ArrayBehavior
    >>> probes = bd.ProbeSet("two", tuple(bd.Probe(f"p{i}", "x", "y") for i in range(2)))
    >>> fair = ArrayBehavior("fair", [0, 1], np.log([[0.5, 0.5]] * 2))
    >>> biased = ArrayBehavior("biased", [0, 1], np.log([[0.9, 0.1]] * 2))
    >>> folder = tempfile.TemporaryDirectory()
    >>> record = bd.write_comparison(fair, biased, folder.name, probes)
    >>> round(record.comparison.overall["kl_forward"].value, 3)  # nats: 0.5 log(0.25 / 0.09)
    0.511
    >>> folder.cleanup()
    """
    out = Path(out)
    check_folder(out)
    models = [reference, candidate, *([] if replicate is None else [replicate])]
    if only_answers(models):
        if on_policy is not None:
            raise InputError(
                "models behind servers are compared by answers that they write themselves: leave"
                " --on-policy out; --answer-tokens says how long those are"
            )
        _, answers = compare_by_answers(
            models,
            probes,
            probes_limit,
            draws=draws,
            folder=out / "answers",
            device=device,
            command=command,
            progress=told(progress),
        )
        return _written(out, answers)
    _, record = compare_models(
        models,
        probes,
        probes_limit,
        on_policy=on_policy,
        folder=out,
        device=device,
        command=command,
        progress=told(progress),
    )
    return _written(out, record)


def _written(out: Path, record: R) -> R:
    write_record(out / COMPARE_FILE, record)
    write_report(out)
    return record


def compare_models(
    models: Sequence[Behavior | str],
    probes: ProbeSet | str | None = None,
    limit: int | None = None,
    *,
    on_policy: int | None = None,
    folder: Path | None = None,
    device: str | None = None,
    command: str = "",
    before: Callable[[ProbeSet], None] | None = None,
    progress: Progress | None = None,
) -> tuple[Comparison, CompareRecord]:
    """Compare the first model with the second, and with the third if there is one.

    `before` is as in `open_inputs`; probes that models write lie in
    `folder`. The rest is as in `write_comparison`.
    """
    behaviors, chosen = open_inputs(
        models,
        probes,
        limit,
        answers_only=on_policy is not None,
        device=device,
        before=before,
    )
    if len(behaviors) != len(models):
        raise InputError(
            f"{len(models)} names stand for {len(behaviors)} behaviors: name single fingerprint"
            " files, not folders of them"
        )
    notes = notes_of(behaviors)
    if any(isinstance(b, GivesFingerprints) for b in behaviors):
        notes.append(FEATURES_ALONE)
    if on_policy is not None:  # written by the two that are compared
        kept = folder or Path()
        chosen, note = write_on_policy(behaviors[:2], chosen, on_policy, kept, progress=progress)
        notes.append(note)
    if progress is not None:
        for behavior in behaviors[1:]:
            progress(behavior.label, 0, len(chosen))
    first, *floor = [
        with_limits(_compared(behaviors[0], b, chosen, progress)) for b in behaviors[1:]
    ]
    record = CompareRecord(
        provenance=made_now(command),
        probes=Probes(name=chosen.name, n=len(chosen), digest=chosen.digest),
        behaviors=recorded(behaviors),
        notes=tuple(notes),
        comparison=first,
        floor=floor[0] if floor else None,
    )
    return first, record


def _compared(
    reference: Behavior, candidate: Behavior, probes: ProbeSet, progress: Progress | None
) -> Comparison:
    """Compare two, by their features where one of them has nothing else."""
    known = any(isinstance(b, GivesFingerprints) for b in (reference, candidate))
    if known:
        return compare_features(reference, candidate, probes, progress=progress)
    return compare(reference, candidate, probes, progress=progress)
