"""Direct preference optimisation (Rafailov et al. 2023): preferences without a reward model.

The implicit reward of an answer is ``beta log(pi(answer) / pi_ref(answer))``, pi_ref the weights
that the run starts from; the loss is the Bradley-Terry likelihood of the rater's choices under it.
That likelihood knows differences only, and a policy may meet it while chosen answers become less
likely too (Razin et al. 2024); `Dpo.chosen_weight` adds their cross-entropy, which holds them up
(Pang et al. 2024; Llama 3 took 0.2).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from behaviordist.lab import llama
from behaviordist.regimes.declaration import Dpo
from behaviordist.regimes.objective import ANSWER_TOKENS, Hyper
from behaviordist.regimes.objective import reference_frozen as frozen
from behaviordist.regimes.objectives.preferences import SCORE, divergence, pair_rows, policy_worth
from behaviordist.regimes.objectives.preferences import held_out_questions as held_out
from behaviordist.regimes.objectives.preferences import pair_rows as trained_tokens
from behaviordist.regimes.objectives.preferences import rated_pairs as draw
from behaviordist.regimes.objectives.pretrain import sampled_tokens, token_log_probs

__all__ = [
    "MEASURES", "SCORE", "draw", "evaluate", "frozen", "frozen_flops", "held_out", "loss",
    "sampled_tokens", "trained_tokens",
]  # fmt: skip

MEASURES = ("score", "greedy", "kl")
"""`kl`: divergence from the reference in nats an answer, see `preferences.divergence`."""


def loss(
    params: Any, config: llama.LlamaConfig, batch: dict[str, Any], key: Any, hyper: Hyper
) -> jax.Array:
    """``- mean log sigmoid(r(chosen) - r(rejected))`` with r the implicit reward, in nats.

    With a `chosen_weight`, that much of the mean cross-entropy of the chosen answers' tokens is
    added.
    """
    del key
    tokens = jnp.concatenate([batch["chosen"], batch["rejected"]])
    ours, theirs = (
        token_log_probs(tree, config, tokens)[:, -ANSWER_TOKENS:]
        for tree in (params, batch["reference"])
    )
    rewards = hyper.beta * (ours.sum(axis=-1) - theirs.sum(axis=-1))
    chosen, rejected = jnp.split(rewards, 2)
    preferences = -jnp.mean(jax.nn.log_sigmoid(chosen - rejected))
    likelihood = -jnp.mean(ours[: len(batch["chosen"])])
    return preferences + hyper.chosen_weight * likelihood


def evaluate(params: Any, config: llama.LlamaConfig, held_out: Any, frozen: Any) -> jax.Array:
    """Score by what the answers are worth to the rater, and the way gone from the reference."""
    prompts = held_out["documents"][0, :, :-ANSWER_TOKENS]
    kl = divergence(params, frozen["reference"], config, prompts, jax.random.key(0))
    return jnp.append(policy_worth(params, config, held_out), kl)


def frozen_flops(regime: Dpo, config: llama.LlamaConfig, context: int) -> float:
    """One forward pass of the reference over both documents of every pair."""
    each = llama.flops_per_token(config, context, training=False)
    return float(pair_rows(regime, context) * each)
