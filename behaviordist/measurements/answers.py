"""What `compare` and `gate` do where a model only answers: two models by what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from behaviordist.behaviors import Behavior
from behaviordist.behaviors.abilities import FirstTokens, ScoresTexts
from behaviordist.distance.black_box.comparison import AnswerComparison, compare_answers
from behaviordist.distance.fingerprints.samples import steady, steady_note
from behaviordist.distance.fingerprints.texts import check_answers, draw_answers, draw_first_tokens
from behaviordist.errors import InputError
from behaviordist.measurements.inputs import notes_of, open_inputs, recorded
from behaviordist.probes import ProbeSet
from behaviordist.record import AnswersRecord, Probes, made_now
from behaviordist.store.bars import Progress


@dataclass(frozen=True)
class Draws:
    """How answers are drawn and compared: how many a prompt, how long, by which kernel."""

    answers: int = 8
    answer_tokens: int = 32
    kernel: str = "character-ngrams"


DRAWS = Draws()


def only_answers(models: Sequence[Behavior | str]) -> bool:
    """Whether one of the models has no next-token distributions: it is behind a server."""
    return any(
        model.startswith(("http://", "https://"))
        if isinstance(model, str)
        else isinstance(model, ScoresTexts)
        for model in models
    )


def compare_by_answers(
    models: Sequence[Behavior | str],
    probes: ProbeSet | str | None = None,
    limit: int | None = None,
    *,
    draws: Draws = DRAWS,
    first_tokens: bool = True,
    folder: Path | None = None,
    device: str | None = None,
    command: str = "",
    before: Callable[[ProbeSet], None] | None = None,
    progress: Progress | None = None,
) -> tuple[AnswerComparison, AnswersRecord]:
    """Compare the first model with the second by their answers, and with a third if there is one.

    `first_tokens` are asked for where servers say them. Answers are kept in `folder`, one probe
    after the other: a killed run continues. The rest is as in `compare_models`.

    Raises
    ------
    InputError
        If a model cannot be opened or does not answer, or the draws leave nothing to compare.
    """
    check_answers(draws.answers, draws.answer_tokens, draws.kernel)
    behaviors, chosen = open_inputs(
        models,
        probes,
        limit,
        one_vocabulary=False,
        answers_only=True,
        device=device,
        before=before,
    )
    kept: dict[str, Any] = {"folder": folder, "progress": progress}
    answers = draw_answers(
        behaviors, chosen, count=draws.answers, max_tokens=draws.answer_tokens, **kept
    )
    notes = notes_of(behaviors) + [steady_note(label) for label in steady(behaviors, answers)]
    tops = None
    if first_tokens:
        try:
            tops = _first_tokens(behaviors, chosen, folder)
        except InputError as error:  # it answered: it does not offer these
            notes.append(f"first tokens are not compared: {error}")
    reference = behaviors[0].label
    first, *floor = [
        compare_answers(
            {reference: answers[reference], b.label: answers[b.label]},
            chosen,
            draws.kernel,
            first_tokens=None if tops is None else (tops[reference], tops[b.label]),
        )
        for b in behaviors[1:]
    ]
    record = AnswersRecord(
        geometry="samples",
        provenance=made_now(command),
        probes=Probes(name=chosen.name, n=len(chosen), digest=chosen.digest),
        behaviors=recorded(behaviors),
        notes=tuple(notes),
        comparison=first,
        floor=floor[0] if floor else None,
    )
    return first, record


def _first_tokens(
    behaviors: Sequence[Behavior], probes: ProbeSet, folder: Path | None
) -> dict[str, list[dict[str, float]]]:
    """Return what every behavior says of first tokens.

    Raises
    ------
    InputError
        Where one says nothing of them.
    """
    for behavior in behaviors:
        if not isinstance(behavior, FirstTokens):
            raise InputError(f"'{behavior.label}' says no log-probabilities of them")
    return {b.label: draw_first_tokens(b, probes, folder) for b in behaviors}
