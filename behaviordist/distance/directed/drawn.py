"""A behavior's answers: enumerated where a few carry all the mass, else drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from behaviordist.behaviors import Behavior
from behaviordist.behaviors.abilities import EndsAnswers, ListsAnswers, SamplesInTurn
from behaviordist.distance.directed.answers import Answer, AnswerSet
from behaviordist.distance.fingerprints.row_log import collected, own_seed
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of, is_finished, publish
from behaviordist.store.bars import Progress

LEFT_OUT = 1e-3
"""Most mass that an enumeration may leave out, at any prompt."""


def draw_answers(
    behavior: Behavior,
    probes: ProbeSet,
    *,
    count: int = 8,
    max_tokens: int = 32,
    seed: int = 0,
    exact: bool = True,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> AnswerSet:
    """Let a behavior answer every prompt of a probe set.

    Parameters
    ----------
    behavior
        The author.
    probes
        Whose prompts are answered.
    count, max_tokens, seed
        Draws a prompt, longest answer, and the seed of the draws.
    exact
        Enumerate where a few answers carry all but `LEFT_OUT` of the mass (the lab); weights are
        then probabilities.
    folder
        Where answers are kept, to be drawn once; a killed run goes on with the next prompt.
    progress
        Called with (label, prompts done, prompts in all).

    Raises
    ------
    InputError
        No draws, or a behavior that gives no answers (arrays).
    """
    if count < 1 or max_tokens < 1:
        raise InputError("answers need at least one draw of at least one token")
    if exact and isinstance(behavior, ListsAnswers):
        listed = _enumerated(behavior, probes, max_tokens, folder)
        if listed is not None:
            return listed
    work = _drawing(behavior, probes, count, max_tokens, seed)
    inputs = [behavior.identity, behavior.label, probes.digest, "drawn", count, max_tokens, seed]
    path = _place(folder, inputs)
    if path is not None and is_finished(path, inputs):
        return AnswerSet.load(path, behavior.label)
    with collected(path, inputs, work, len(probes), behavior.label, progress) as rows:
        answers = tuple(tuple(Answer(*answer) for answer in several) for several in rows)
        return _kept(AnswerSet(behavior.label, probes.probes, answers), path, inputs)


def _place(folder: Path | None, inputs: list[Any]) -> Path | None:
    return None if folder is None else folder / f"answers-{digest_of(inputs)[:16]}.jsonl"


def _kept(said: AnswerSet, path: Path | None, inputs: list[Any]) -> AnswerSet:
    if path is not None:
        with publish(path, inputs) as temporary:
            said.save(temporary)
    return said


def _enumerated(
    behavior: Any, probes: ProbeSet, max_tokens: int, folder: Path | None
) -> AnswerSet | None:
    """Return all answers that matter, or None where they are too many to list."""
    inputs = [behavior.identity, behavior.label, probes.digest, "enumerated", max_tokens]
    path = _place(folder, inputs)
    if path is not None and is_finished(path, inputs):
        return AnswerSet.load(path, behavior.label)
    answers = []
    for _, rows in behavior.likely_answers(probes, max_tokens):
        answers.append(tuple(Answer(*row) for row in rows))
        if sum(answer.weight for answer in answers[-1]) < 1 - LEFT_OUT:
            return None
    return _kept(AnswerSet(behavior.label, probes.probes, tuple(answers)), path, inputs)


def _drawing(
    behavior: Any, probes: ProbeSet, count: int, max_tokens: int, seed: int
) -> Callable[..., Iterable[tuple[int, list[list[Any]]]]]:
    """Return what yields (index, rows of `Answer`'s fields) of the prompts that are not done."""
    seed_here = own_seed(behavior, seed)
    if isinstance(behavior, EndsAnswers):
        rest: Callable[..., Iterable[Any]] = partial(
            behavior.answers_rest, probes, count, max_tokens, seed_here
        )
    elif isinstance(behavior, SamplesInTurn):
        rest = partial(behavior.samples_rest, probes, count, max_tokens, seed_here)
    else:
        raise InputError(
            f"'{behavior.label}' gives no answers; give them as a file of JSON lines (prompt,"
            " answer), or compare arrays with arrays"
        )

    def rows(done: frozenset[int]) -> Iterable[tuple[int, list[list[Any]]]]:
        for index, several in rest(done=done):
            pairs: Sequence[Any] = [(a, False) if isinstance(a, str) else a for a in several]
            yield index, [[text, ended, 1 / len(pairs)] for text, ended in pairs]

    return rows
