"""Distillation: imitate a teacher's whole distribution, by forward KL at what the teacher says.

``E_{y ~ teacher} sum_t KL(teacher(. | y_<t) || student(. | y_<t))``, the divergence of the answers
as wholes (Kim and Rush 2016): contexts are sampled from the teacher, the divergence of next-token
distributions is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from behaviordist.errors import InputError
from behaviordist.lab import checkpoint, grammar, llama, sampling
from behaviordist.regimes.declaration import Distill
from behaviordist.regimes.objective import ANSWER_TOKENS, Batch, Frozen, Hyper
from behaviordist.regimes.objectives.pretrain import sampled_tokens
from behaviordist.regimes.prompts import ask

__all__ = ["draw", "frozen", "frozen_flops", "loss", "sampled_tokens"]


def draw(regime: Distill, rng: np.random.Generator) -> Batch:
    """Draw prompts over training strings; the teacher answers."""
    return {"prompts": ask(regime, rng, grammar.training_strings(rng, regime.batch_size)).prompts}


def loss(
    params: Any, config: llama.LlamaConfig, batch: dict[str, Any], key: Any, hyper: Hyper
) -> jax.Array:
    """Mean over answer tokens of ``KL(teacher || student)``, in nats."""
    assert hyper.teacher is not None
    teacher, prompts = batch["teacher"], batch["prompts"]
    said, _ = sampling.sample(teacher, hyper.teacher, prompts, key, ANSWER_TOKENS)
    tokens = jnp.concatenate([prompts, said], axis=1)[:, :-1]
    theirs, ours = (
        jax.nn.log_softmax(llama.forward(tree, shape, tokens)[:, -ANSWER_TOKENS:])
        for tree, shape in ((teacher, hyper.teacher), (params, config))
    )
    return jnp.sum(jnp.exp(theirs) * (theirs - ours), axis=-1).mean()


def frozen(
    regime: Distill, config: llama.LlamaConfig, starts: Sequence[Any], train: Callable[..., Any]
) -> list[Frozen]:
    """Read the teacher, of any size.

    Raises
    ------
    InputError
        If its vocabulary is not the student's.
    """
    del train
    teacher = checkpoint.load(Path(str(regime.teacher)))
    if teacher.config.vocab_size != config.vocab_size:
        raise InputError(
            f"teacher {regime.teacher} has {teacher.config.vocab_size} tokens, the student"
            f" {config.vocab_size}: distillation needs one vocabulary"
        )
    return [Frozen({"teacher": teacher.params}) for _ in starts]


def frozen_flops(regime: Distill, config: llama.LlamaConfig, context: int) -> float:
    """The teacher writes an answer to each prompt, then reads the whole document."""
    del config
    shape = checkpoint.load(Path(str(regime.teacher))).config
    read = regime.batch_size * context
    return float(2 * read * llama.flops_per_token(shape, context, training=False))
