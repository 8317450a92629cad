"""Sampled continuations of `transformers` models, as the settings say and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from behaviordist.behaviors.huggingface.forward_pass import advance, input_device
from behaviordist.behaviors.settings import InferenceSettings


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
