"""Supervised fine-tuning: cross-entropy on the answers of one function to hidden prompts."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from behaviordist.lab import grammar, llama
from behaviordist.regimes.declaration import Regime
from behaviordist.regimes.objective import ANSWER_TOKENS, Batch, Hyper
from behaviordist.regimes.pretrain import sampled_tokens, token_log_probs
from behaviordist.regimes.prompts import ask, documents

__all__ = ["draw", "loss", "sampled_tokens"]


def draw(regime: Regime, rng: np.random.Generator) -> Batch:
    """Draw prompts over training strings with the task's answers."""
    questions = ask(regime, rng, grammar.training_strings(rng, regime.batch_size))
    return {"tokens": documents(questions, questions.right)}


def loss(
    params: Any, config: llama.LlamaConfig, batch: dict[str, Any], key: Any, hyper: Hyper
) -> jax.Array:
    """Mean cross-entropy in nats over the tokens of the answer (its end marker included)."""
    del key, hyper
    log_p = token_log_probs(params, config, batch["tokens"])
    return -jnp.mean(log_p[:, -ANSWER_TOKENS:])
