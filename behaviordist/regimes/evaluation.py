"""How far a model has come in a regime: exact match on held-out strings."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from behaviordist.lab import grammar, llama
from behaviordist.regimes.declaration import Regime
from behaviordist.regimes.objective import ANSWER_TOKENS

EVALUATION_SEED = 20_011
"""Every run of a regime is scored on the same held-out strings, whatever its own seed."""


def evaluation_documents(regime: Regime) -> NDArray[np.int32]:
    """Held-out documents (n, T) that a regime is scored on.

    Post-training is scored on hidden prompts with the task's answers; pre-training on named
    prompts, spread evenly over its functions: a model that follows those is coherent.
    """
    rng = np.random.default_rng(EVALUATION_SEED)
    strings = grammar.held_out_strings(rng, regime.convergence.strings)
    if regime.task is not None:
        return grammar.documents(regime.task, strings, hidden=True)
    parts = np.array_split(strings, len(regime.functions))
    pairs = zip(regime.functions, parts, strict=True)
    return np.concatenate([grammar.documents(name, part, hidden=False) for name, part in pairs])


def evaluate(params: Any, config: llama.LlamaConfig, documents: Any) -> jax.Array:
    """Score a model: array (2,) of expected exact match and greedy exact match, in [0, 1].

    The expected exact match is the mean over documents of the probability of the whole answer
    (end marker included), the exact value of what sampling at temperature 1 estimates. Greedy
    decoding is right exactly where every token of the answer is its context's argmax.
    """
    wanted = documents[:, -ANSWER_TOKENS :]
    logits = llama.forward(params, config, documents[:, :-1])[:, -ANSWER_TOKENS :]
    log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), wanted[..., None], axis=-1)[..., 0]
    greedy = jnp.all(logits.argmax(-1) == wanted, axis=-1)
    return jnp.stack([jnp.exp(log_p.sum(-1)).mean(), greedy.mean(dtype=jnp.float32)])
