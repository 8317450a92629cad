"""KL between checkpoints of the lab in a study: how surprised a source is at a target's answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from behaviordist.lab import grammar
from behaviordist.probes import Probe, ProbeSet
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.study_file import AnswerSection

if TYPE_CHECKING:
    from behaviordist.distance.directed import AnswerSet, DirectedMatrix


def question_set(seed: int, strings: int) -> ProbeSet:
    """Return held-out strings as hidden prompts: what targets answer, and no run trains on."""
    rng = np.random.default_rng(derived_seed(seed, "questions"))
    x = grammar.held_out_strings(rng, strings)
    prompts = [grammar.decode(row) for row in grammar.hidden_prompts(x)]
    answers = [" " + grammar.decode(row) for row in grammar.letters(x)]
    pairs = enumerate(zip(prompts, answers, strict=True))
    return ProbeSet("held-out strings", tuple(Probe(f"x{i:03d}", p, a) for i, (p, a) in pairs))


def right_answers(task: str, seed: int, strings: int) -> AnswerSet:
    """Return what a function answers to the `question_set`: surely, so KL from it is -log p."""
    from behaviordist.distance.directed import Answer, AnswerSet

    x = grammar.held_out_strings(np.random.default_rng(derived_seed(seed, "questions")), strings)
    said = tuple(
        (Answer(" " + grammar.decode(row), ended=True, log_p=0.0),)
        for row in grammar.answers(task, x)
    )
    return AnswerSet(task, question_set(seed, strings).probes, said)


def checkpoint_divergences(
    sources: Mapping[str, Path],
    targets: Mapping[str, Path | AnswerSet],
    answers: AnswerSection,
    seed: int,
    folder: Path,
    geometry: str = "kl",
) -> DirectedMatrix:
    """Return KL(target || source), or the overlap, of checkpoints by name.

    Answers are kept with the targets' checkpoints, with the targets' own log-probabilities.

    Parameters
    ----------
    sources, targets
        Folders of checkpoints by the names that rows and columns get; a target may be answers.
    answers
        How many strings are asked, and answers drawn at each.
    seed
        Of the strings and of the draws.
    folder
        Of the study; answers lie below it.
    geometry
        ``"kl"`` or ``"overlap"``.
    """
    from behaviordist.behaviors import load
    from behaviordist.distance.directed import divergences
    from behaviordist.distance.directed.kept import keep_answers

    def opened(name: str, place: Path | AnswerSet) -> Any:
        return load(str(place), label=name) if isinstance(place, Path) else place

    rows, columns = ([opened(*item) for item in side.items()] for side in (sources, targets))
    questions = question_set(seed, answers.strings)
    drawing: dict[str, Any] = {
        "max_tokens": 8,
        "seed": seed,
        "exact": False,
        "folder": folder / "answers",
    }
    matrix = divergences(rows, columns, questions, geometry, answers=answers.draws, **drawing)
    for author, place in zip(columns, targets.values(), strict=True):
        if isinstance(place, Path):  # so that sources to come need no target
            keep_answers(place, author, questions, count=answers.draws, **drawing)
    return matrix
