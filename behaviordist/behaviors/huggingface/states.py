"""Hidden states of `transformers` models, as they enter the output head, and the head itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from behaviordist.behaviors.behavior import LogProbBlock
from behaviordist.behaviors.huggingface.forward_pass import cached_logits, failures, scored_logits
from behaviordist.behaviors.states.head import Head, smallest
from behaviordist.behaviors.text.encoding import batches
from behaviordist.behaviors.text.token_names import names_by_id
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet

ROWS = 256


def forward_states(
    behavior: Any, probes: ProbeSet, most: int, tokens: int
) -> Iterator[tuple[LogProbBlock, Any, Head]]:
    """Yield what `forward` yields, the hidden states (m, d) float32 of the rows, and the head.

    `behavior` is a `TransformersBehavior`, `most` the number of positions of a block,
    `tokens` of a batch.

    Raises
    ------
    InputError
        If the settings make logits no function of a state: sampled thoughts, repetition penalties.
    """
    settings = behavior.settings
    if settings.thoughts or settings.repetition_penalty != 1:
        raise InputError(
            f"'{behavior.label}': thoughts and repetition_penalty are no function of a hidden"
            " state; leave out --states"
        )
    seen: list[Any] = []
    compute, size = (cached_logits, 1) if settings.kv_cache else (scored_logits, tokens)
    with behavior.model() as model, failures(behavior.label):
        module = model.get_output_embeddings()
        head = _head(behavior, model, module)
        hook = module.register_forward_hook(lambda _, given, __: seen.append(given[0][0]))
        try:
            for batch in batches(behavior.encoder()(probes), size, most):
                seen.clear()
                log_p = compute(model, batch).log_softmax(dim=-1).cpu().numpy()
                rows = [step[-1:] for step in seen] if settings.kv_cache else seen
                states = np.concatenate([r.detach().float().cpu().numpy() for r in rows])
                yield LogProbBlock(batch.probe, log_p, batch.target), states, head
        finally:
            hook.remove()


def _head(behavior: Any, model: Any, module: Any) -> Head:
    """Return the head as it acts: adapters, packed weights and all."""
    import torch

    config = getattr(model.config, "get_text_config", lambda: model.config)()
    if type(module) is torch.nn.Linear:
        weight, bias = module.weight, module.bias
    else:
        weight, bias = _acts(module, model, int(config.hidden_size))
    empty = np.empty(0, dtype=np.float32)
    values = empty if bias is None else bias.detach().float().cpu().numpy()
    scale = float(getattr(config, "logit_scale", None) or 1)
    scale /= float(getattr(config, "logits_scaling", None) or 1)
    try:
        first = np.asarray(behavior.first_bytes(), dtype=np.int64)
    except InputError:
        first = np.empty(0, dtype=np.int64)
    return Head(
        weight=smallest(weight.detach().float().cpu().numpy()),
        bias=values if values.any() else empty,
        scale=scale,
        cap=float(getattr(config, "final_logit_softcapping", None) or 0),
        texts=tuple(behavior.token_text(t) for t in range(behavior.vocabulary_size)),
        names=tuple(names_by_id(behavior.token_ids(), behavior.vocabulary_size)),
        first=first,
        vocabulary=behavior.vocabulary,
    )


def _acts(module: Any, model: Any, width: int) -> tuple[Any, Any]:
    """Return weight (V, d) and bias (V,) of a head that is more than a matrix, by what it does."""
    import torch

    like = next(p for p in model.parameters() if p.is_floating_point())
    options = {"dtype": like.dtype, "device": like.device}
    with torch.inference_mode():
        bias = module(torch.zeros(1, 1, width, **options))[0, 0].float()
        unit = torch.eye(width, **options)
        parts = [
            (module(unit[None, i : i + ROWS])[0].float() - bias).T for i in range(0, width, ROWS)
        ]
    return torch.cat(parts, dim=1), bias
