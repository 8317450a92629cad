"""A reward model from preferences: the Bradley-Terry likelihood of a rater's choices.

The reward of a document is what the model would bet on after its end: the logit of ``yes`` less
the logit of ``no``. So a reward model is a checkpoint like any other.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from behaviordist.lab import grammar, llama
from behaviordist.regimes.declaration import Rated
from behaviordist.regimes.objective import Hyper
from behaviordist.regimes.objectives.preferences import held_out_pairs as held_out
from behaviordist.regimes.objectives.preferences import pair_rows
from behaviordist.regimes.objectives.preferences import rated_pairs as draw
from behaviordist.regimes.objectives.pretrain import sampled_tokens

__all__ = [
    "MEASURES", "SCORE", "draw", "evaluate", "held_out", "loss", "reward", "sampled_tokens",
    "trained_tokens",
]  # fmt: skip

SCORE = "expected agreement with the rater over that of the best possible model, held-out pairs"
MEASURES = ("score", "greedy", "accuracy", "bayes_accuracy", "cross_entropy", "bayes_entropy")
"""`greedy` repeats the score: a preference has no sampled form. Entropies are nats a pair."""

YES, NO = grammar.TOKEN_IDS["yes"], grammar.TOKEN_IDS["no"]


def reward(params: Any, config: llama.LlamaConfig, documents: jax.Array) -> jax.Array:
    """Return the reward of whole documents (B, T), end marker included: array (B,), in nats."""
    logits = llama.forward(params, config, documents)[:, -1]
    return logits[:, YES] - logits[:, NO]


def loss(
    params: Any, config: llama.LlamaConfig, batch: dict[str, Any], key: Any, hyper: Hyper
) -> jax.Array:
    """``- mean log sigmoid(r(chosen) - r(rejected))``, in nats."""
    del key, hyper
    rewards = reward(params, config, jnp.concatenate([batch["chosen"], batch["rejected"]]))
    chosen, rejected = jnp.split(rewards, 2)
    return -jnp.mean(jax.nn.log_sigmoid(chosen - rejected))


def evaluate(params: Any, config: llama.LlamaConfig, held_out: Any, frozen: Any) -> jax.Array:
    """Measure the model against the rater's own probabilities: `MEASURES`, exact over the pairs.

    `accuracy` is the expected share of pairs in which the answer that the model holds for better
    is the one the rater takes; no model can do better than `bayes_accuracy`, since the rater is
    not always of one mind.
    """
    del frozen
    chance = held_out["chance"]
    both = jnp.concatenate([held_out["first"], held_out["second"]])
    first, second = jnp.split(reward(params, config, both), 2)
    gap = first - second
    accuracy = jnp.where(gap > 0, chance, 1 - chance).mean()
    best = jnp.maximum(chance, 1 - chance).mean()
    entropies = [
        -(chance * jax.nn.log_sigmoid(x) + (1 - chance) * jax.nn.log_sigmoid(-x)).mean()
        for x in (gap, jnp.log(chance / (1 - chance)))
    ]
    return jnp.stack([accuracy / best, accuracy / best, accuracy, best, *entropies])


def trained_tokens(regime: Rated, context: int) -> int:
    """Two documents a pair, their end markers read too."""
    return pair_rows(regime, context + 1)
