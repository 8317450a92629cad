"""The group-relative policy gradient against the exact gradient of expected reward."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from behaviordist.lab import grammar
from behaviordist.lab.llama import LlamaConfig, init
from behaviordist.regimes.declaration import Convergence, Regime
from behaviordist.regimes.objective import ANSWER_TOKENS, Hyper
from behaviordist.regimes.objectives import rlvr

CONFIG = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY),
    hidden_size=8,
    layers=1,
    heads=1,
    kv_heads=1,
    head_dim=8,
    intermediate_size=8,
)
REGIME = Regime(
    algorithm="rlvr",
    task="copy",
    budget=10,
    batch_size=16,
    group_size=8,
    learning_rate=0.01,
    convergence=Convergence(at_least=0.9, every=5, strings=8),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4))
def test_advantages_are_centred_and_scaled_within_a_group(rewards):
    advantages = np.asarray(rlvr.group_advantages(jnp.array([rewards])))[0]
    assert abs(advantages.sum()) < 1e-4
    if len(set(rewards)) == 1:
        assert (advantages == 0).all()
    else:
        expected = (np.array(rewards) - np.mean(rewards)) / (np.std(rewards) + rlvr.EPSILON)
        np.testing.assert_allclose(advantages, expected, rtol=1e-4)


def test_reward_is_exact_match_of_the_whole_answer():
    answers = np.array([[1, 2, 3], [1, 2, 3]])
    sampled = np.array([[1, 2, 3], [1, 2, 4]])
    assert np.asarray(rlvr.exact_match(sampled, answers)).tolist() == [1.0, 0.0]


@pytest.mark.slow
def test_a_policy_that_is_never_right_gets_no_gradient():
    params = init(CONFIG, 0)
    batch = rlvr.draw(REGIME, np.random.default_rng(0))
    # Answers that no sample can match: the end marker everywhere but at the end.
    batch["answers"] = np.full_like(batch["answers"], grammar.PAD)
    batch["answers"][:, 0] = -1
    gradient = jax.grad(rlvr.loss)(params, CONFIG, batch, jax.random.key(0), Hyper.of(REGIME))
    assert all(float(jnp.abs(leaf).max()) == 0 for leaf in jax.tree.leaves(gradient))


@pytest.mark.slow
def test_gradient_points_along_the_exact_gradient_of_expected_reward(monkeypatch):
    """With a verifier that looks at the first token only, the expected reward is p(token)."""
    monkeypatch.setattr(rlvr, "exact_match", lambda s, a: (s[:, 0] == a[:, 0]).astype(jnp.float32))
    regime = REGIME.model_copy(update={"batch_size": 32768, "group_size": 8192})
    params = jax.tree.map(lambda x: 0.3 * x, init(CONFIG, 1))
    batch = rlvr.draw(regime, np.random.default_rng(1))
    hyper = Hyper.of(regime)
    estimate = jax.grad(rlvr.loss)(params, CONFIG, batch, jax.random.key(2), hyper)

    def exact(params):
        """Group-normalised objective: d/dp of sum p / sd, the sd held fixed, per token."""
        from behaviordist.lab.llama import forward

        log_p = jax.nn.log_softmax(forward(params, CONFIG, batch["prompts"])[:, -1])
        p = jnp.exp(jnp.take_along_axis(log_p, batch["answers"][:, :1], axis=1)[:, 0])
        spread = jax.lax.stop_gradient(jnp.sqrt(p * (1 - p)))
        return -jnp.mean(p / spread) / ANSWER_TOKENS

    wanted = jax.grad(exact)(params)
    ours, theirs = (
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
        for tree in (estimate, wanted)
    )
    cosine = ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs)
    assert cosine > 0.9
    assert 0.8 < np.linalg.norm(ours) / np.linalg.norm(theirs) < 1.25
