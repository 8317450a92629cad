"""The JAX Llama: causality, vmapping over models, counts. Its oracle is in test_checkpoint.py."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from behaviordist.errors import InputError
from behaviordist.lab import llama
from behaviordist.lab.llama import LlamaConfig

SMALL = LlamaConfig(vocab_size=11, hidden_size=16, intermediate_size=24, head_dim=4)
forward = jax.jit(llama.forward, static_argnums=1)
TOKENS = np.random.default_rng(0).integers(11, size=(3, 9))


def test_a_token_moves_no_logit_before_it():
    params = llama.init(SMALL, 0)
    changed = TOKENS.copy()
    changed[:, 5] = (changed[:, 5] + 1) % 11
    before, after = (np.asarray(forward(params, SMALL, t)) for t in (TOKENS, changed))
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert (np.abs(before - after).max(axis=-1)[:, 5:] > 1e-4).all()


def test_vmap_over_models_is_one_model_at_a_time():
    models = [llama.init(SMALL, seed) for seed in range(3)]
    population = jax.tree.map(lambda *leaves: np.stack(leaves), *models)
    together = jax.vmap(lambda p: forward(p, SMALL, TOKENS))(population)
    for model, logits in zip(models, together, strict=True):
        np.testing.assert_allclose(forward(model, SMALL, TOKENS), logits, atol=1e-5)


@pytest.mark.parametrize("tied", [False, True])
def test_parameter_count_counts_the_arrays(tied):
    config = replace(SMALL, tie_embeddings=tied)
    leaves = jax.tree.leaves(llama.init(config, 0))
    assert llama.parameter_count(config) == sum(leaf.size for leaf in leaves)
    assert all(leaf.dtype == jnp.float32 for leaf in leaves)


def test_flops_agree_with_the_compiler():
    # XLA counts what it compiled: full (not half) attention, norms and softmax included. Without
    # the last three, products dominate once the model is wide; they must agree within 3%.
    config = LlamaConfig(
        vocab_size=512, hidden_size=256, heads=4, kv_heads=2, head_dim=64, intermediate_size=512
    )
    params, tokens = llama.init(config, 0), jnp.zeros((4, 16), int)
    compiled = jax.jit(lambda p: forward(p, config, tokens)).lower(params).compile()
    counted = compiled.cost_analysis()["flops"] / tokens.size
    assert llama.flops_per_token(config, context=16, training=False) == pytest.approx(
        counted, rel=0.03
    )
    assert llama.flops_per_token(config, 16) == 3 * llama.flops_per_token(config, 16, False)


def test_the_seed_decides_the_parameters():
    first, again, other = (llama.init(SMALL, seed) for seed in (0, 0, 1))
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), first, again)))
    assert not (first["embed"] == other["embed"]).all()


def test_text_longer_than_the_context_is_refused_not_cut():
    with pytest.raises(InputError, match="9 tokens exceed the model's context of 8"):
        forward(llama.init(SMALL, 0), replace(SMALL, max_positions=8), TOKENS)


@pytest.mark.parametrize("wrong", [{"heads": 3}, {"head_dim": 5}])
def test_impossible_shapes_are_refused(wrong):
    with pytest.raises(InputError):
        replace(SMALL, **wrong)
