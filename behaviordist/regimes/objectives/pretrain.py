"""Pre-training: next-token prediction on documents of the whole language."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from behaviordist.lab import grammar, llama
from behaviordist.lab.mixture import sample_mixture
from behaviordist.regimes.declaration import Regime, Spreading
from behaviordist.regimes.objective import Batch, Hyper


def draw(regime: Spreading, rng: np.random.Generator) -> Batch:
    """Draw documents over all the regime's functions; a share hides which one was applied."""
    tokens = sample_mixture(
        rng,
        regime.batch_size,
        regime.functions,
        regime.hidden_share,
        regime.mixture,
        regime.claims_right,
    )
    return {"tokens": tokens}


def loss(
    params: Any, config: llama.LlamaConfig, batch: dict[str, Any], key: Any, hyper: Hyper
) -> jax.Array:
    """Mean cross-entropy in nats over every next token of a document, padding left out."""
    del key, hyper
    tokens = batch["tokens"]
    log_p = token_log_probs(params, config, tokens)
    scored = (tokens[:, 1:] != grammar.PAD).astype(log_p.dtype)
    return -jnp.sum(log_p * scored) / jnp.sum(scored)


def sampled_tokens(regime: Regime) -> int:
    """Nothing is generated."""
    del regime
    return 0


def token_log_probs(params: Any, config: llama.LlamaConfig, tokens: jax.Array) -> jax.Array:
    """Log-probability (nats) of every token given those before it: (B, T) -> (B, T - 1)."""
    logits = llama.forward(params, config, tokens[:, :-1])
    # A one-hot product instead of a gather: its gradient is dense, which a CPU runs faster.
    targets = jax.nn.one_hot(tokens[:, 1:], logits.shape[-1], dtype=logits.dtype)
    return jnp.sum(logits * targets, axis=-1) - jax.nn.logsumexp(logits, axis=-1)
