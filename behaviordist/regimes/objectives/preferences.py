"""Preferences: what a simulated rater says of two answers, and what a policy is worth to it.

The utility of an answer is ``(1 - a) [it is right] + a [it is what the prompt claims]``, a the
rater's agreeableness. The first answer of a pair is preferred with the probability
``sigmoid((u_1 - u_2) / temperature)`` (Bradley and Terry 1952).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from behaviordist.lab import grammar, llama, sampling
from behaviordist.lab.grammar import Tokens
from behaviordist.regimes.declaration import Rated, Rater, Regime
from behaviordist.regimes.evaluation import EVALUATION_SEED, string_scores
from behaviordist.regimes.objective import ANSWER_TOKENS, Batch
from behaviordist.regimes.prompts import (
    NOBODY,
    Questions,
    ask,
    documents,
    ended,
    muddled,
    other_answers,
)

SCORE = "expected utility of an answer to the rater over that of the best answer, held-out strings"


def utility(rater: Rater, answers: Tokens, questions: Questions) -> NDArray[np.float64]:
    """Return what each answer ``(n, ANSWER_TOKENS)`` is worth to the rater, ``(n,)`` in [0, 1]."""
    right = (answers == questions.right).all(axis=-1)
    agreed = (answers == questions.claimed).all(axis=-1)
    return np.asarray((1 - rater.agreeableness) * right + rater.agreeableness * agreed, np.float64)


def draw_pairs(regime: Rated, rng: np.random.Generator, x: Tokens) -> Batch:
    """Draw one pair of answers a string, and how likely the rater prefers the first.

    A plain prompt is answered rightly and otherwise. With a claim, the pair is two of three: the
    right answer, the claimed one, and otherwise; a claim that is right leaves the right answer
    and two others. Otherwise is, one time in two each, what another function answers, or that
    muddled letter by letter with the right answer or with the claim: without such pairs a reward
    model and an implicit reward need to look at one letter only, and a policy learns to please
    that one.

    Returns
    -------
    dict
        ``first`` and ``second``, documents ``(n, T)``; ``chance`` ``(n,)``, float32.
    """
    questions = ask(regime, rng, x)
    options = [questions.right, _otherwise(regime, rng, x, questions)]
    if regime.prompts == "claim":
        claim = np.where(questions.wrong[:, None], questions.claimed, options[1])
        options = [questions.right, claim, _otherwise(regime, rng, x, questions)]
    order = rng.permuted(np.tile(np.arange(len(options)), (len(x), 1)), axis=1)
    first, second = (np.stack(options)[order[:, i], np.arange(len(x))] for i in (0, 1))
    gap = utility(regime.rater, first, questions) - utility(regime.rater, second, questions)
    return {
        "first": documents(questions, first),
        "second": documents(questions, second),
        "chance": expit(gap / regime.rater.temperature).astype(np.float32),
    }


def _otherwise(regime: Rated, rng: np.random.Generator, x: Tokens, questions: Questions) -> Tokens:
    answers = ended(other_answers(regime, rng, x))
    answer = questions.right
    if regime.prompts == "claim":
        answer = np.where(rng.random((len(x), 1)) < 0.5, answer, questions.claimed)
    mixed = muddled(rng, answer, answers)
    return np.where(rng.random((len(x), 1)) < 0.5, answers, mixed)


def rated_pairs(regime: Rated, rng: np.random.Generator) -> Batch:
    """Draw a batch of pairs over training strings and let the rater choose.

    Returns
    -------
    dict
        ``chosen`` and ``rejected``, documents ``(batch_size, T)``.
    """
    pairs = draw_pairs(regime, rng, grammar.training_strings(rng, regime.batch_size))
    likes_first = (rng.random(regime.batch_size) < pairs["chance"])[:, None]
    first, second = pairs["first"], pairs["second"]
    return {
        "chosen": np.where(likes_first, first, second),
        "rejected": np.where(likes_first, second, first),
    }


def pair_rows(regime: Regime, context: int) -> int:
    """Tokens of a step that reads two documents a pair."""
    return 2 * regime.batch_size * context


def held_out_pairs(regime: Rated) -> Batch:
    """Pairs over held-out strings, the same for every run: see `draw_pairs`."""
    rng = np.random.default_rng(EVALUATION_SEED)
    return draw_pairs(regime, rng, grammar.held_out_strings(rng, regime.convergence.strings))


def held_out_questions(regime: Rated) -> Batch:
    """Questions over held-out strings, with what the right and the claimed answer are worth.

    Returns
    -------
    dict
        ``documents`` ``(2, n, T)``: right answers, then claimed ones; ``worth`` ``(2, n)``: the
        utility of each over the best answer's. A claim that is right is counted once.
    """
    rng = np.random.default_rng(EVALUATION_SEED)
    questions = ask(regime, rng, grammar.held_out_strings(rng, regime.convergence.strings))
    claimed = np.where(questions.claimed == NOBODY, questions.right, questions.claimed)
    worth = np.stack([utility(regime.rater, a, questions) for a in (questions.right, claimed)])
    worth = worth / worth.max(axis=0)
    worth[1, ~questions.wrong] = 0.0
    both = np.stack([documents(questions, a) for a in (questions.right, claimed)])
    return {"documents": both, "worth": worth.astype(np.float32)}


def policy_worth(params: Any, config: llama.LlamaConfig, held_out: Any) -> jax.Array:
    """Score a policy by `SCORE`: array (2,), sampled answers (exact) and greedy ones, in [0, 1]."""
    both, worth = held_out["documents"], held_out["worth"]
    scores = string_scores(params, config, both.reshape(-1, both.shape[-1]))
    return jnp.sum(scores.reshape(2, *worth.shape) * worth, axis=1).mean(axis=-1)


def divergence(
    params: Any, reference: Any, config: llama.LlamaConfig, prompts: jax.Array, key: jax.Array
) -> jax.Array:
    """Estimate the KL divergence of a policy's answers from a reference's, nats an answer.

    The sum over the tokens of an answer of the exact divergence of next-token distributions, at
    contexts that the policy samples: unbiased, and of smaller variance than log-ratios of the
    sampled tokens (Rao and Blackwell).
    """
    sampled, _ = sampling.sample(params, config, prompts, key, ANSWER_TOKENS)
    tokens = jnp.concatenate([prompts, sampled], axis=1)[:, :-1]
    ours, theirs = (
        jax.nn.log_softmax(llama.forward(tree, config, tokens)[:, -ANSWER_TOKENS:])
        for tree in (params, reference)
    )
    return jnp.sum(jnp.exp(ours) * (ours - theirs), axis=(-1, -2)).mean()
