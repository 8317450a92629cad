"""The seed of every draw, which kept answers depend on, and on-policy probes (`rollout`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.behaviors.abilities import Samples, SamplesInTurn
from behaviordist.behaviors.behavior import Behavior
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from behaviordist.store import digest_of, is_finished, publish


def seed_of(seed: int, probe: Probe, draw: int = 0) -> int:
    """Return the seed of one draw for one probe: below 2^31, as servers want it."""
    digest = hashlib.sha256(f"{seed}\n{probe.id}\n{draw}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1


def rollout(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    *,
    max_tokens: int = 32,
    seed: int = 0,
    folder: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> ProbeSet:
    """Return the probes with continuations that the behaviors themselves would write.

    Every probe is continued by one behavior, drawn at random from an equal mixture: distances are
    then measured where the behaviors go, not only where a reference text goes.

    Parameters
    ----------
    behaviors
        At least one.
    probes
        Whose prompts or chats are continued. A probe that is answered with nothing keeps its
        continuation; one that has none is left out.
    max_tokens
        Longest continuation.
    seed
        Of the draws.
    folder
        Where the set is kept; it is made once.
    progress
        Called with (what, probes continued, probes in all of that author).

    Returns
    -------
    ProbeSet with the same ids and groups, and a tag `by:LABEL` on every probe that was continued.

    Raises
    ------
    InputError
        If there is no behavior, one cannot answer, or none says anything.
    """
    if not behaviors:
        raise InputError("no behaviors given to continue the probes; at least one is needed")
    if max_tokens < 1:
        raise InputError(f"a continuation of {max_tokens} tokens is none; allow one or more")
    for behavior in behaviors:
        if not isinstance(behavior, Samples):
            raise InputError(
                f"'{behavior.label}' writes no continuations (arrays and lab checkpoints do not);"
                " leave out --on-policy"
            )
    name = f"{probes.name} (on policy)"
    made_from = [[b.identity for b in behaviors], probes.digest, max_tokens, seed]
    path = None if folder is None else folder / f"rollout-{digest_of(made_from)[:12]}.jsonl"
    if path is not None and is_finished(path, made_from):
        return replace(ProbeSet.load(path), name=name)
    turn = np.random.default_rng(seed).integers(len(behaviors), size=len(probes))
    continued = list(probes.probes)
    for index, behavior in enumerate(behaviors):
        mine = np.flatnonzero(turn == index)
        if not len(mine):
            continue
        part = ProbeSet(probes.name, tuple(probes.answerable().probes[i] for i in mine))
        for done, (text,) in enumerate(_written(behavior, part, max_tokens, seed), start=1):
            if text:
                probe = continued[mine[done - 1]]
                tags = (*probe.tags, f"by:{behavior.label}")
                continued[mine[done - 1]] = replace(probe, continuation=text, tags=tags)
            if progress is not None:
                progress(f"{behavior.label} writes", done, len(mine))
    said = tuple(probe for probe in continued if probe.continuation)
    if not said:
        raise InputError(f"no behavior says anything to the prompts of '{probes.name}'")
    continued_set = ProbeSet(name, said)
    if path is not None:
        with publish(path, made_from) as temporary:
            continued_set.save(temporary)
    return continued_set


def _written(
    behavior: Any, probes: ProbeSet, max_tokens: int, seed: int
) -> Iterable[tuple[str, ...]]:
    """Return one answer to every probe, one after another where the behavior can."""
    if isinstance(behavior, SamplesInTurn):
        return (texts for _, texts in behavior.samples_rest(probes, 1, max_tokens, seed))
    return list(behavior.samples(probes, 1, max_tokens, seed))
