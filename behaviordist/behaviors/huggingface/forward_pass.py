"""Forward passes of `transformers` models: logits where they are wanted, and nowhere else."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from behaviordist.behaviors.text.encoding import Batch
from behaviordist.errors import InputError, in_brief


@contextmanager
def failures(label: str) -> Iterator[None]:
    """Turn what a model raises while it runs into one line that names it.

    Raises
    ------
    InputError
        For what torch and `transformers` raise on a model they cannot run: ids outside the
        embedding, shapes that do not fit, no memory.
    """
    try:
        yield
    except InputError:
        raise
    except (RuntimeError, IndexError, ValueError, MemoryError, NotImplementedError) as error:
        reason = in_brief(error) or type(error).__name__
        raise InputError(
            f"'{label}' cannot be run ({reason}); check that tokenizer, config.json and weights"
            " belong together, and that there is memory for it"
        ) from error


def input_device(model: Any) -> Any:
    """Return where a model takes its inputs: where it runs, if its weights lie on disk."""
    import torch

    if model.device.type != "meta":
        return model.device
    places = getattr(model, "hf_device_map", {}).values()
    return torch.device(next((p for p in places if p not in ("cpu", "disk")), "cpu"))


def scored_logits(model: Any, batch: Batch) -> Any:
    """Return logits (m, V) float32 at the scored positions of a batch.

    The output head sees the hidden states of those positions only; whatever the model does to its
    logits afterwards (soft caps, scales) still happens.
    """
    import torch

    rows = torch.from_numpy(batch.rows).to(input_device(model))
    columns = torch.from_numpy(batch.columns).to(input_device(model))
    mask = torch.arange(batch.tokens.shape[1])[None, :] < torch.from_numpy(batch.lengths)[:, None]

    def select(module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ARG001
        # Virtual tokens of an adapter (prompt tuning) stand before the text, and have states too.
        virtual = arguments[0].shape[1] - batch.tokens.shape[1]
        return (arguments[0][rows, columns + virtual][None], *arguments[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(select)
    try:
        with torch.inference_mode():
            return (
                model(
                    input_ids=torch.from_numpy(batch.tokens).to(input_device(model)),
                    attention_mask=mask.long().to(input_device(model)),
                    use_cache=False,
                )
                .logits[0]
                .float()
            )
    finally:
        hook.remove()


def cached_logits(model: Any, batch: Batch) -> Any:
    """Return the same as `scored_logits` for a batch of one probe, as generation computes it.

    The prompt fills a key-value cache in one pass; every token after it is a pass of its own.
    """
    import torch

    tokens = torch.from_numpy(batch.tokens).to(input_device(model))
    first = int(batch.columns[0])
    with torch.inference_mode():
        step = advance(model, tokens[:, : first + 1])
        logits = [step.logits[0, -1]]
        for place in range(first + 1, int(batch.lengths[0])):
            step = advance(model, tokens[:, place : place + 1], step)
            logits.append(step.logits[0, -1])
        return torch.stack(logits).float()


def advance(model: Any, tokens: Any, step: Any = None) -> Any:
    """Return a model's output for tokens (B, T) behind what `step`, an output, has in its cache.

    After its first pass a PEFT model's virtual tokens are in the cache: they must not come again.
    """
    if step is None:
        return model(input_ids=tokens, use_cache=True)
    rest = model.get_base_model() if hasattr(model, "get_base_model") else model
    # Its name changed within transformers 5.
    named = inspect.signature(rest.forward).parameters
    cache = "cache" if "cache" in named else "past_key_values"
    return rest(input_ids=tokens, use_cache=True, **{cache: getattr(step, cache)})


def penalize(logits: Any, batch: Batch, penalty: float) -> None:
    """Apply the repetition penalty of Keskar et al. 2019 (CTRL) to logits (m, V), in place."""
    import torch

    with torch.inference_mode():
        for i, (row, column) in enumerate(zip(batch.rows, batch.columns, strict=True)):
            seen = np.unique(batch.tokens[row, : column + 1])
            scores = logits[i, seen]
            logits[i, seen] = (scores / penalty).where(scores > 0, scores * penalty)
