"""How far a model has come in a regime: exact match on held-out strings."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from behaviordist.lab import grammar, llama
from behaviordist.regimes.declaration import Regime, Tuning
from behaviordist.regimes.objective import ANSWER_TOKENS
from behaviordist.regimes.prompts import ask, documents

EVALUATION_SEED = 20_011
"""Every run of a regime is scored on the same held-out strings, whatever its own seed."""


def evaluation_documents(regime: Regime) -> NDArray[np.int32]:
    """Held-out documents (n, T) that a regime is scored on.

    Post-training is scored on prompts of the kind it trains on (`Tuning.prompts`) with the task's
    answers; pre-training on named prompts, spread evenly over its functions: a model that follows
    those is coherent.
    """
    rng = np.random.default_rng(EVALUATION_SEED)
    strings = grammar.held_out_strings(rng, regime.convergence.strings)
    if isinstance(regime, Tuning):
        questions = ask(regime, rng, strings)
        return documents(questions, questions.right)
    parts = np.array_split(strings, len(regime.functions))
    pairs = zip(regime.functions, parts, strict=True)
    return np.concatenate([grammar.documents(name, part, hidden=False) for name, part in pairs])


def evaluate(
    params: Any, config: llama.LlamaConfig, held_out: Any, frozen: Any = None
) -> jax.Array:
    """Score a model: array (2,) of expected exact match and greedy exact match, in [0, 1].

    The means of `string_scores` over the documents `held_out`. The first is the exact value of
    what sampling at temperature 1 estimates.
    """
    del frozen
    return string_scores(params, config, held_out).mean(axis=-1)


def string_scores(params: Any, config: llama.LlamaConfig, documents: Any) -> jax.Array:
    """Probability that a sampled answer is right, and whether the greedy one is, per document.

    Returns
    -------
    array (2, n)
        The probability of the whole answer, end marker included; 1.0 where greedy decoding is
        right, which it is exactly where every token of the answer is its context's argmax.
    """
    answers = documents[:, -ANSWER_TOKENS:]
    logits = llama.forward(params, config, documents[:, :-1])[:, -ANSWER_TOKENS:]
    log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), answers[..., None], axis=-1)[..., 0]
    greedy = jnp.all(logits.argmax(-1) == answers, axis=-1)
    return jnp.stack([jnp.exp(log_p.sum(-1)), greedy.astype(jnp.float32)])
