"""Reinforcement learning from a rater's preferences: reward model first, then policy gradient.

Each run first trains a reward model from the weights that it starts from (`Rlhf.reward_model`;
or takes a finished one that it names), then its policy: group-relative advantages as in `rlvr`, of
the penalised reward of a sampled answer y, ``r(y) - beta log(pi(y) / pi_ref(y))`` (Ouyang et al.
2022). The log-ratio of the sample is the plain, unbiased estimate of the divergence (k1), and
standing in the reward its expected gradient is the gradient of ``E r - beta KL(pi || pi_ref)``,
prompt by prompt up to the group's scale; the optimum is ``pi_ref exp(r / beta)``, normalised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from behaviordist.lab import checkpoint, grammar, llama, sampling
from behaviordist.regimes.declaration import Convergence, Reward, Rlhf
from behaviordist.regimes.objective import ANSWER_TOKENS, Batch, Frozen, Hyper
from behaviordist.regimes.objectives.preferences import SCORE, divergence, policy_worth
from behaviordist.regimes.objectives.preferences import held_out_questions as held_out
from behaviordist.regimes.objectives.pretrain import token_log_probs
from behaviordist.regimes.objectives.reward import reward
from behaviordist.regimes.objectives.rlvr import group_advantages, sampled_tokens
from behaviordist.regimes.prompts import ask

__all__ = [
    "MEASURES", "SCORE", "draw", "evaluate", "frozen", "frozen_flops", "held_out", "loss",
    "reward_regime", "sampled_tokens",
]  # fmt: skip

MEASURES = ("score", "greedy", "kl", "proxy")
"""The score is the true reward. `kl`: nats an answer from the reference; `proxy`: mean reward of
sampled answers by the reward model, nats: where it rises and the score falls, it is hacked."""


def draw(regime: Rlhf, rng: np.random.Generator) -> Batch:
    """Draw prompts over training strings; nobody says what is right."""
    strings = grammar.training_strings(rng, regime.batch_size // regime.group_size)
    return {"prompts": ask(regime, rng, strings).prompts}


def loss(
    params: Any, config: llama.LlamaConfig, batch: dict[str, Any], key: Any, hyper: Hyper
) -> jax.Array:
    """Policy-gradient loss of one batch of rollouts: - mean over tokens of advantage x log p."""
    prompts = jnp.repeat(batch["prompts"], hyper.group_size, axis=0)
    policy = jax.lax.stop_gradient(params)
    sampled, own_log_p = sampling.sample(policy, config, prompts, key, ANSWER_TOKENS)
    tokens = jnp.concatenate([prompts, sampled], axis=1)
    theirs = token_log_probs(batch["reference"], config, tokens)[:, -ANSWER_TOKENS:]
    ratio = jnp.sum(own_log_p - theirs, axis=-1)
    penalised = reward(batch["reward_model"], config, tokens) - hyper.beta * ratio
    advantages = group_advantages(penalised.reshape(-1, hyper.group_size)).reshape(-1, 1)
    log_p = token_log_probs(params, config, tokens)
    return -jnp.mean(advantages * log_p[:, -ANSWER_TOKENS:])


def evaluate(params: Any, config: llama.LlamaConfig, held_out: Any, frozen: Any) -> jax.Array:
    """Score by the rater's utility, with the divergence and the reward model's opinion beside."""
    prompts, key = held_out["documents"][0, :, :-ANSWER_TOKENS], jax.random.key(0)
    kl = divergence(params, frozen["reference"], config, prompts, key)
    sampled, _ = sampling.sample(params, config, prompts, key, ANSWER_TOKENS)
    tokens = jnp.concatenate([prompts, sampled], axis=1)
    proxy = reward(frozen["reward_model"], config, tokens).mean()
    return jnp.concatenate([policy_worth(params, config, held_out), jnp.stack([kl, proxy])])


def reward_regime(regime: Rlhf) -> Reward:
    """Return the regime of the reward model that a policy's regime asks for."""
    declared = regime.reward_model
    return Reward(
        budget=declared.budget,
        batch_size=declared.batch_size,
        learning_rate=declared.learning_rate,
        convergence=Convergence(at_least=declared.at_least, every=declared.every, strings=512),
        **{
            name: getattr(regime, name)
            for name in ("task", "functions", "prompts", "claims_right", "rater")
        },
    )


def frozen(
    regime: Rlhf,
    config: llama.LlamaConfig,
    starts: Sequence[Any],
    train: Callable[..., Sequence[Any]],
) -> list[Frozen]:
    """Freeze what each run starts from, and a reward model trained from there on its seed.

    Where the regime names a finished reward model it is that one, for every run: part of what is
    asked, so no part of what the run costs.
    """
    if regime.reward_model.checkpoint is not None:
        judge = checkpoint.load(Path(regime.reward_model.checkpoint)).params
        return [Frozen({"reference": s.params, "reward_model": judge}) for s in starts]
    first = reward_regime(regime)
    return [
        Frozen(
            {"reference": start.params, "reward_model": run.params}, {"reward_model": (first, run)}
        )
        for start, run in zip(starts, train(first, config, starts), strict=True)
    ]


def frozen_flops(regime: Rlhf, config: llama.LlamaConfig, context: int) -> float:
    """One forward pass each of the reference and the reward model, which reads the end too."""
    each = llama.flops_per_token(config, context, training=False)
    return float(regime.batch_size * (2 * context + 1) * each)
