"""Supervised fine-tuning: cross-entropy on the answers of a task to hidden prompts.

A task that is a mixture has no right answer: its model is scored by ``exp(-KL)`` of the mixture's
law of answers from the model's, exact over the answers that the mixture gives. It is 1 where the
model says what the mixture says as often; for one function it would be the geometric mean of the
probabilities whose arithmetic mean the expected exact match is.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from behaviordist.lab import grammar, llama
from behaviordist.regimes.declaration import Tuning
from behaviordist.regimes.evaluation import EVALUATION_SEED, evaluation_documents
from behaviordist.regimes.evaluation import evaluate as score_of_one
from behaviordist.regimes.objective import ANSWER_TOKENS, Batch, Hyper
from behaviordist.regimes.objectives.pretrain import sampled_tokens, token_log_probs
from behaviordist.regimes.prompts import ask, documents, ended
from behaviordist.regimes.tasks import answer_law

__all__ = ["draw", "evaluate", "held_out", "loss", "sampled_tokens"]


def draw(regime: Tuning, rng: np.random.Generator) -> Batch:
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


def held_out(regime: Tuning) -> Any:
    """Return held-out documents, or for a mixture all its answers with their probabilities.

    Returns
    -------
    ``(n, T)`` documents; or a dict of ``documents`` ``(K, n, T)`` and ``share`` ``(K, n)``.
    """
    if not isinstance(regime.task, dict):
        return evaluation_documents(regime)
    rng = np.random.default_rng(EVALUATION_SEED)
    strings = grammar.held_out_strings(rng, regime.convergence.strings)
    questions = ask(regime, rng, strings)
    answers, share = answer_law(regime.task, strings)
    both = np.stack([documents(questions, ended(answer)) for answer in answers])
    return {"documents": both, "share": share.astype(np.float32)}


def evaluate(params: Any, config: llama.LlamaConfig, held_out: Any, frozen: Any) -> jax.Array:
    """Score a model: expected and greedy exact match; for a mixture ``exp(-KL)``, twice."""
    if not isinstance(held_out, dict):
        return score_of_one(params, config, held_out, frozen)
    share, documents = held_out["share"], held_out["documents"]
    rows = token_log_probs(params, config, documents.reshape(-1, documents.shape[-1]))
    log_p = rows[:, -ANSWER_TOKENS:].sum(axis=-1).reshape(share.shape)
    terms = jnp.where(share > 0, share * (jnp.log(jnp.where(share > 0, share, 1)) - log_p), 0)
    closeness = jnp.exp(-terms.sum(axis=0).mean())
    return jnp.stack([closeness, closeness])
