"""Sampled answers: what black boxes give, and what on-policy probes are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from behaviordist.behaviors.behavior import Behavior
from behaviordist.behaviors.forward_pass import advance, input_device
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from behaviordist.store import digest_of, is_finished, publish


class Sampler(Protocol):
    """A behavior that answers: `transformers` models and those behind servers."""

    @property
    def label(self) -> str: ...
    @property
    def identity(self) -> str: ...

    def samples(
        self, probes: ProbeSet, count: int, max_tokens: int = 64, seed: int = 0
    ) -> list[tuple[str, ...]]:
        """Return `count` answers to every probe's prompt."""
        ...


def seed_of(seed: int, probe: Probe, draw: int = 0) -> int:
    """Return the seed of one draw for one probe: below 2^31, as servers want it."""
    digest = hashlib.sha256(f"{seed}\n{probe.id}\n{draw}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1


def generate(
    model: Any,
    context: Sequence[int],
    settings: InferenceSettings,
    count: int,
    max_tokens: int,
    seed: int,
) -> Any:
    """Return `count` sampled continuations of token ids, (count, up to max_tokens).

    The global random state of torch is as before afterwards.
    """
    import torch
    from transformers import GenerationConfig

    ids = torch.tensor([list(context)], device=input_device(model))
    chosen: dict[str, Any] = {"do_sample": False}
    if settings.temperature > 0:
        chosen = {
            "do_sample": True,
            "temperature": settings.temperature,
            "top_k": settings.top_k or 0,
            "top_p": settings.top_p or 1.0,
            "min_p": settings.min_p,
        }
    with torch.random.fork_rng(), torch.inference_mode(), _plain_generation(model) as plain:
        torch.manual_seed(seed)
        config = getattr(model, "active_peft_config", None)
        if config is not None and config.is_prompt_learning:
            return _behind_virtual_tokens(model, ids.repeat(count, 1), settings, max_tokens)
        rows = model.generate(
            ids.repeat(count, 1),
            attention_mask=torch.ones_like(ids).repeat(count, 1),
            generation_config=GenerationConfig(
                eos_token_id=plain.eos_token_id,
                pad_token_id=plain.pad_token_id,
                max_new_tokens=max_tokens,
                repetition_penalty=settings.repetition_penalty,
                **chosen,
            ),
        )
    return rows[:, ids.shape[1] :]


def _behind_virtual_tokens(
    model: Any, ids: Any, settings: InferenceSettings, max_tokens: int
) -> Any:
    """Return sampled continuations (B, up to max_tokens) of ids (B, T), step by step.

    peft's own `generate` loses the virtual tokens where transformers has renamed its cache.
    """
    import torch

    end = model.config.eos_token_id if isinstance(model.config.eos_token_id, int) else None
    drawn: list[Any] = []
    step = advance(model, ids)
    ended = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    for _ in range(max_tokens):
        logits = step.logits[:, -1].float()
        if settings.repetition_penalty != 1:
            seen = torch.cat([ids, *(row[:, None] for row in drawn)], dim=1)
            score = logits.gather(1, seen)
            score = torch.where(
                score > 0, score / settings.repetition_penalty, score * settings.repetition_penalty
            )
            logits = logits.scatter(1, seen, score)
        p = np.exp(settings.apply(logits.log_softmax(dim=-1).cpu().numpy()))
        token = torch.multinomial(torch.from_numpy(p), 1)[:, 0].to(ids.device)
        drawn.append(token if end is None else token.masked_fill(ended, end))
        ended |= token == end
        if bool(ended.all()):
            break
        step = advance(model, drawn[-1][:, None], step)
    return torch.stack(drawn, dim=1)


@contextmanager
def _plain_generation(model: Any) -> Iterator[Any]:
    """Leave of a checkpoint's generation_config.json what ends a text, for a while.

    Suppressed tokens, beams, penalties or n-gram bans in it are no settings that anybody named.
    """
    from transformers import GenerationConfig

    told = model.generation_config
    ends = model.config.eos_token_id if told.eos_token_id is None else told.eos_token_id
    first = ends[0] if isinstance(ends, list) and ends else ends
    plain = GenerationConfig(eos_token_id=ends, pad_token_id=first if isinstance(first, int) else 0)
    model.generation_config = plain
    try:
        yield plain
    finally:
        model.generation_config = told


def rollout(
    behaviors: Sequence[Sampler | Behavior],
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
        if not hasattr(behavior, "samples"):
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
    made = ProbeSet(name, said)
    if path is not None:
        with publish(path, made_from) as temporary:
            made.save(temporary)
    return made


def _written(
    behavior: Any, probes: ProbeSet, max_tokens: int, seed: int
) -> Iterable[tuple[str, ...]]:
    """Return one answer to every probe, one after another where the behavior can."""
    if hasattr(behavior, "samples_rest"):
        return (texts for _, texts in behavior.samples_rest(probes, 1, max_tokens, seed))
    return list(behavior.samples(probes, 1, max_tokens, seed))
