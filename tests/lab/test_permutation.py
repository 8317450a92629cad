"""A permuted copy is the same function at weights as far away as a stranger's."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from behaviordist.lab import llama
from behaviordist.lab.llama import LlamaConfig
from behaviordist.lab.permutation import permute

SHAPES = [
    LlamaConfig(),
    LlamaConfig(heads=6, kv_heads=3, hidden_size=48, head_dim=8, layers=3),
    LlamaConfig(tie_embeddings=True, heads=4, kv_heads=1),
]


def flat(params):
    return np.concatenate([np.asarray(x).ravel() for x in jax.tree.leaves(params)])


@pytest.mark.parametrize("config", SHAPES)
@pytest.mark.parametrize("seed", [0, 7])
def test_logits_stay_and_weights_do_not(config, seed):
    params = jax.tree.map(np.asarray, llama.init(config, 3))
    moved = permute(params, config, seed)
    assert jax.tree.structure(moved) == jax.tree.structure(params)
    assert [x.shape for x in jax.tree.leaves(moved)] == [x.shape for x in jax.tree.leaves(params)]
    tokens = np.random.default_rng(1).integers(config.vocab_size, size=(6, 14)).astype(np.int32)
    before, after = (np.asarray(llama.forward(p, config, tokens)) for p in (params, moved))
    assert np.ptp(before) > 0.5
    assert np.abs(before - after).max() < 1e-5
    # As far as another draw of the same weights, to a tenth.
    stranger = np.linalg.norm(flat(llama.init(config, 4)) - flat(params))
    assert np.linalg.norm(flat(moved) - flat(params)) > 0.9 * stranger
    assert np.allclose(np.sort(flat(moved)), np.sort(flat(params)))


def test_every_kind_of_order_is_drawn():
    config = LlamaConfig(heads=8, kv_heads=4, hidden_size=64, head_dim=8)
    params = jax.tree.map(np.asarray, llama.init(config, 0))
    moved = permute(params, config, 0)
    first, second = params["layers"][0], moved["layers"][0]
    for name in ("qkv", "out", "gate_up", "down"):
        assert not np.allclose(first[name], second[name])
    # Unit columns of gate, each a set of numbers: the same sets in another order.
    old, new = (np.sort(x["gate_up"], axis=0) for x in (first, second))
    assert not np.allclose(old, new)
    assert np.allclose(np.sort(old[0]), np.sort(new[0]))
