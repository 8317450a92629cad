"""The grid of few bits: against PyTorch's fake quantisation, in NumPy and in JAX."""

import jax
import numpy as np
import pytest
import torch

from behaviordist.lab import checkpoint, llama
from behaviordist.lab.rounding import GROUP, LEVELS, round_blocks, round_weights

CONFIG = llama.LlamaConfig(hidden_size=40, intermediate_size=48)


@pytest.mark.parametrize("quant", sorted(LEVELS))
def test_rounding_is_pytorchs_fake_quantisation(quant):
    weights = np.random.default_rng(1).normal(size=(6, 96)).astype(np.float32)
    size = 96 if quant == "int8" else GROUP
    groups = torch.from_numpy(weights).reshape(-1, size)
    scale = groups.abs().amax(dim=1) / LEVELS[quant]
    zero = torch.zeros(len(groups), dtype=torch.int32)
    expected = torch.fake_quantize_per_channel_affine(
        groups, scale, zero, 0, -LEVELS[quant], LEVELS[quant]
    )
    mine = round_weights(weights, quant)
    np.testing.assert_allclose(mine, expected.reshape(6, 96).numpy(), atol=1e-6)
    in_jax = jax.jit(round_weights, static_argnums=1)(jax.numpy.asarray(weights), quant)
    np.testing.assert_allclose(in_jax, mine, atol=1e-6)


def test_grids_have_as_many_points_as_their_bits_hold():
    assert {q: 2 * n + 1 for q, n in LEVELS.items()} == {
        "int8": 255, "int4": 15, "int3": 7, "int2": 3,
    }  # fmt: skip


@pytest.mark.parametrize("quant", sorted(LEVELS))
def test_blocks_round_as_the_tensors_of_the_checkpoint_do(quant):
    """Joined and turned matrices, against each tensor of the file rounded by itself."""
    params = jax.tree.map(np.asarray, llama.init(CONFIG, 0))
    mine = checkpoint.to_hf(round_blocks(params, quant), CONFIG)
    for name, tensor in checkpoint.to_hf(params, CONFIG).items():
        rounded = round_weights(tensor, quant) if "_proj." in name else tensor
        np.testing.assert_array_equal(mine[name], rounded)
        assert ("_proj." in name) == bool((rounded != tensor).any())
