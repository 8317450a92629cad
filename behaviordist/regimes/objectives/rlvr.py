"""Reinforcement learning with a verifiable reward: exact match, group-relative policy gradient.

The advantage of a sampled answer is its reward less the mean reward of its group (the samples of
one prompt), over the group's standard deviation (Shao et al. 2024, GRPO, on-policy: one update a
batch, so the importance ratio is 1 and clipping never binds). A group whose samples all earn the
same teaches nothing: a policy that is never right, or always sure and wrong, gets no gradient.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from behaviordist.lab import grammar, llama, sampling
from behaviordist.regimes.declaration import Regime, Rlvr
from behaviordist.regimes.objective import ANSWER_TOKENS, Batch, Hyper
from behaviordist.regimes.objectives.pretrain import token_log_probs
from behaviordist.regimes.prompts import ask
from behaviordist.regimes.tasks import single

EPSILON = 1e-4
"""Added to a group's standard deviation, as in GRPO; groups without spread get advantage 0."""


def draw(regime: Rlvr, rng: np.random.Generator) -> Batch:
    """Draw prompts with the answers that the verifier accepts."""
    single(regime.task, "rlvr")
    strings = grammar.training_strings(rng, regime.batch_size // regime.group_size)
    questions = ask(regime, rng, strings)
    return {"prompts": questions.prompts, "answers": questions.right}


def exact_match(sampled: jax.Array, answers: jax.Array) -> jax.Array:
    """Verifier: 1.0 where every token of the answer, end marker included, is right, else 0.0."""
    return jnp.all(sampled == answers, axis=-1).astype(jnp.float32)


def group_advantages(rewards: jax.Array) -> jax.Array:
    """Group-relative advantages: (prompts, group) rewards -> same shape, mean 0 in each group."""
    centred = rewards - rewards.mean(axis=-1, keepdims=True)
    return centred / (rewards.std(axis=-1, keepdims=True) + EPSILON)


def loss(
    params: Any, config: llama.LlamaConfig, batch: dict[str, Any], key: Any, hyper: Hyper
) -> jax.Array:
    """Policy-gradient loss of one batch of rollouts: - mean over tokens of advantage x log p."""
    prompts = jnp.repeat(batch["prompts"], hyper.group_size, axis=0)
    answers = jnp.repeat(batch["answers"], hyper.group_size, axis=0)
    frozen = jax.lax.stop_gradient(params)
    sampled, _ = sampling.sample(frozen, config, prompts, key, ANSWER_TOKENS)
    rewards = exact_match(sampled, answers).reshape(-1, hyper.group_size)
    advantages = group_advantages(rewards).reshape(-1, 1)
    log_p = token_log_probs(params, config, jnp.concatenate([prompts, sampled], axis=1))
    return -jnp.mean(advantages * log_p[:, -ANSWER_TOKENS:])


def sampled_tokens(regime: Regime) -> int:
    """Answers of every rollout of a step."""
    return regime.batch_size * ANSWER_TOKENS
