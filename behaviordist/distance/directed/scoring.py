"""log f(y|x) of given answers under given behaviors, whatever their tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.behaviors import Behavior, shared_log_probs
from behaviordist.behaviors.abilities import ChecksSpelling, GivenRows, ScoresTexts
from behaviordist.distance.directed.answers import AnswerSet
from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array, IntArray
from behaviordist.probes import Probe, ProbeSet
from behaviordist.store import digest_of, is_finished, publish
from behaviordist.store.bars import Progress


def answer_nats(
    behaviors: Sequence[Behavior],
    answers: AnswerSet,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Float64Array:
    """Return log-probabilities of whole answers, (S, M), nats; -inf where one is impossible.

    An answer's bytes are spelled by each behavior's own tokens. An answer that its author ended is
    scored with the behavior's own end marker, where it has one.

    Parameters
    ----------
    behaviors
        S of them; those that differ in logit-level settings share a forward pass.
    answers
        M answers.
    folder
        Where scores are kept, to be computed once.
    progress
        Called with (label, answers done, answers in all).

    Raises
    ------
    InputError
        For a behavior that cannot score or spell an answer.
    """
    nats = np.full((len(behaviors), len(answers.flat)), np.nan)
    texts: dict[int, tuple[ProbeSet, IntArray]] = {}
    waiting: dict[str, list[int]] = {}
    for index, behavior in enumerate(behaviors):
        texts[index] = answer_texts(behavior, answers)
        kept = _kept(folder, behavior, texts[index][0])
        if kept is not None:
            nats[index] = kept[texts[index][1]]
        else:
            waiting.setdefault(_end(behavior), []).append(index)
    for members in waiting.values():
        probes, place = texts[members[0]]
        scored = _scored([behaviors[i] for i in members], probes, progress)
        for index, row in zip(members, scored, strict=True):
            _keep(folder, behaviors[index], probes, row)
            nats[index] = row[place]
    return nats


def _end(behavior: Any) -> str:
    return str(getattr(behavior, "end_text", ""))


def answer_texts(behavior: Behavior, answers: AnswerSet) -> tuple[ProbeSet, IntArray]:
    """Return the different (prompt, answer) pairs as probes, and each answer's place in them."""
    if isinstance(behavior, GivenRows):
        raise InputError(
            f"'{behavior.label}' is an array: it cannot score answers; compare arrays with arrays"
        )
    if behavior.settings.shots:
        raise InputError(f"'{behavior.label}': shots are not drawn for answers; drop shots")
    end, place = _end(behavior), []
    seen: dict[tuple[str, str, tuple[tuple[str, str], ...]], int] = {}
    for i, answer in zip(answers.probe, answers.flat, strict=True):
        text = answer.text + (end if answer.ended else "")
        if not text:
            raise InputError(
                f"'{behavior.label}' has no end marker to score the empty answer of"
                f" '{answers.name}' to '{answers.probes[i].id}' with; leave empty answers out"
            )
        question = answers.probes[i]
        key = (question.prompt, text, question.messages)
        place.append(seen.setdefault(key, len(seen)))
    pairs = tuple(
        Probe(str(k), prompt, text, messages=messages)
        for k, (prompt, text, messages) in enumerate(seen)
    )
    probes = ProbeSet(f"answers of {answers.name}", pairs)
    _check_spelling(behavior, probes, answers)
    return probes, np.array(place)


def _check_spelling(behavior: Behavior, probes: ProbeSet, answers: AnswerSet) -> None:
    try:
        behavior.check(probes)
    except InputError as error:
        raise InputError(f"'{behavior.label}', answers of '{answers.name}': {error}") from None
    if isinstance(behavior, ChecksSpelling):
        for probe in probes:
            if behavior.cannot_spell(probe.continuation):
                raise InputError(
                    f"'{behavior.label}' cannot spell an answer of '{answers.name}'"
                    f" ({probe.continuation[:40]!r}): its tokenizer has no token for part of it"
                )


def _scored(
    behaviors: Sequence[Behavior], probes: ProbeSet, progress: Progress | None
) -> Float64Array:
    nats = np.zeros((len(behaviors), len(probes)))
    seen = np.zeros(len(behaviors), dtype=int)
    local = [i for i, b in enumerate(behaviors) if not isinstance(b, ScoresTexts)]
    for index, block in shared_log_probs([behaviors[i] for i in local], probes):
        if block.token is None:
            raise InputError(f"'{behaviors[local[index]].label}' does not say what it scores")
        at = np.arange(len(block.token))
        np.add.at(nats[local[index]], block.probe, block.log_p[at, block.token].astype(np.float64))
        seen[local[index]] += len(np.unique(block.probe))
        if progress is not None:
            progress(behaviors[local[index]].label, int(seen[local[index]]), len(probes))
    for index, behavior in enumerate(behaviors):
        if isinstance(behavior, ScoresTexts):
            nats[index] = behavior.text_log_probs(probes)
            if progress is not None:
                progress(behavior.label, len(probes), len(probes))
    return nats


def _path(folder: Path, behavior: Behavior, probes: ProbeSet) -> tuple[Path, list[str]]:
    inputs = [behavior.identity, probes.digest, "nats"]
    return folder / f"nats-{digest_of(inputs)[:16]}.npy", inputs


def _kept(folder: Path | None, behavior: Behavior, probes: ProbeSet) -> Float64Array | None:
    if folder is None:
        return None
    path, inputs = _path(folder, behavior, probes)
    return np.load(path) if is_finished(path, inputs) else None


def _keep(folder: Path | None, behavior: Behavior, probes: ProbeSet, nats: Float64Array) -> None:
    if folder is None:
        return
    path, inputs = _path(folder, behavior, probes)
    with publish(path, inputs) as temporary, open(temporary, "wb") as stream:
        np.save(stream, nats)
