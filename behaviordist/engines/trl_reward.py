"""Reward models on engine `trl`: a language model with one number at the end of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.engines.trl_models import (
    add_adapter,
    base_folder,
    is_adapter,
    load_policy,
    load_tokenizer,
    load_whole,
    padded,
)
from behaviordist.errors import InputError
from behaviordist.regimes.sections import Adapter

CLASSIFIER = "AutoModelForSequenceClassification"


def load_reward(source: Path, adapter: Adapter | None, seed: int) -> Any:
    """Open what a reward model starts from: a causal model's body, a new head that says 0.

    The head starts at zero: every text is worth the same until a preference says otherwise. In
    the lab's language it starts as the logit of ``yes`` less that of ``no``, as the lab's engine's.
    A source's adapter is merged: a new one is put on, of the kind that keeps the head.
    """
    import torch

    if is_adapter(source):
        merged = load_policy(source, None, seed)
        model = _classifier(base_folder(source))
        getattr(model, model.base_model_prefix).load_state_dict(
            getattr(merged, merged.base_model_prefix).state_dict()
        )
        head = merged.get_output_embeddings().weight
    else:
        model = _classifier(source)
        head = load_whole(source).get_output_embeddings().weight
    with torch.no_grad():
        model.score.weight.copy_(_start_of_head(head, load_tokenizer(source)))
    torch.manual_seed(seed)
    return model if adapter is None else add_adapter(model, adapter, task="SEQ_CLS")


def _start_of_head(head: Any, tokenizer: Any) -> Any:
    from behaviordist.lab.grammar import TOKEN_IDS, VOCABULARY

    if len(tokenizer) == len(VOCABULARY) and tokenizer.get_vocab() == TOKEN_IDS:
        return (head[TOKEN_IDS["yes"]] - head[TOKEN_IDS["no"]])[None]
    return head.new_zeros((1, head.shape[1]))


def _classifier(folder: Path) -> Any:
    tokenizer = load_tokenizer(folder)
    model = load_whole(folder, CLASSIFIER, num_labels=1)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model


def open_reward(folder: Path) -> Any:
    """Open a trained reward model for reading, as `trl_models.save` left it."""
    if not is_adapter(folder):
        return _classifier(folder).eval()
    from peft import PeftModel

    base = _classifier(base_folder(folder))
    return PeftModel.from_pretrained(base, str(folder)).eval()


def rewards(model: Any, texts: Sequence[list[int]], batch_size: int = 16) -> NDArray[np.float64]:
    """Return the reward of each text (ids, end marker included), (n,).

    Read as TRL's trainer trains it, at the last token that is not padding.
    """
    import torch

    pad = int(model.config.get_text_config().pad_token_id)
    device = next(model.parameters()).device
    values: list[float] = []
    with torch.no_grad():
        for start in range(0, len(texts), batch_size):
            ids, mask = padded(texts[start : start + batch_size], pad, "right", device)
            out = model(input_ids=ids, attention_mask=mask)
            values.extend(out.logits[:, 0].double().tolist())
    return np.array(values)


def reward_function(
    folder: Path, prompt_ids: Callable[[Any], list[int]]
) -> Callable[..., list[float]]:
    """Return the reward model in `folder` as TRL calls rewards.

    Raises (when called)
    --------------------
    InputError
        If a reward is no number: the reward model has diverged, and no policy can learn from it.
    """
    model = open_reward(folder)

    def reward_model(prompts: Any, completion_ids: Any, **others: Any) -> list[float]:
        del others
        pairs = zip(prompts, completion_ids, strict=True)
        texts = [[*prompt_ids(prompt), *map(int, ids)] for prompt, ids in pairs]
        values = rewards(model, texts)
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise InputError(
                f"the reward of {bad.size} of {len(values)} answers is NaN or infinite: the reward"
                f" model {folder.name} has diverged; lower reward_model.learning_rate"
            )
        return [float(value) for value in values]

    return reward_model
