"""Simulated quantisation against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviordist.behaviors.rounding import GROUP, LEVELS, note, plan, quantise, round_weights
from behaviordist.errors import InputError


@given(
    st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 70), st.sampled_from(sorted(LEVELS))
)
def test_every_weight_goes_to_the_nearest_point_of_its_groups_grid(seed, out, inputs, quant):
    weights = np.random.default_rng(seed).normal(size=(out, inputs)).astype(np.float32)
    rounded = round_weights(weights, quant)
    assert rounded.shape == weights.shape
    size = inputs if quant == "int8" else GROUP
    for row in range(out):
        for start in range(0, inputs, size):
            group = weights[row, start : start + size]
            grid = np.abs(group).max() * np.arange(-LEVELS[quant], LEVELS[quant] + 1)
            grid = grid / LEVELS[quant]
            nearest = np.abs(group[:, None] - grid).min(axis=1)
            error = np.abs(group - rounded[row, start : start + size])
            np.testing.assert_allclose(error, nearest, atol=1e-6)


@pytest.mark.parametrize("quant", sorted(LEVELS))
def test_zeros_stay_and_rounding_twice_is_rounding_once(quant):
    weights = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    weights[1] = 0
    once = round_weights(weights, quant)
    assert not once[1].any()
    np.testing.assert_allclose(round_weights(once, quant), once, atol=1e-6)


COMMON = {
    "vocab_size": 64, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 4, "intermediate_size": 96, "max_position_embeddings": 64,
}  # fmt: skip
MIXTURES = {
    "MixtralConfig": {"num_local_experts": 4},
    "Qwen3MoeConfig": {"moe_intermediate_size": 48, "num_experts": 4, "num_experts_per_tok": 2},
    "GptOssConfig": {"num_local_experts": 4, "head_dim": 16},  # keeps its experts (in, out)
    "GraniteMoeConfig": {"num_local_experts": 4},
    "Llama4TextConfig": {"num_local_experts": 4, "head_dim": 16, "intermediate_size_mlp": 96},
}


def mixture(kind):
    import torch
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, kind)(**COMMON, **MIXTURES[kind])
    return transformers.AutoModelForCausalLM.from_config(config).float().eval()


@pytest.mark.parametrize("kind", MIXTURES)
def test_the_experts_of_mixtures_are_rounded_one_matrix_at_a_time(kind):
    """What an expert does to a vector is what its rounded matrix does, whichever way it stands."""
    import torch

    model = mixture(kind)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    chosen = quantise(model, "int4", kind)
    assert chosen.share_left < 0.05
    after = dict(model.named_parameters())
    experts = [n for n in before if "experts" in n and before[n].ndim == 3]
    assert experts and set(experts) <= set(chosen.turned)
    inner = {COMMON["intermediate_size"], 48, 64}
    for name in experts:
        _, rows, columns = before[name].shape
        # (out, in) unless the module multiplies from the left: gate_up doubles its outputs.
        doubled = rows if "gate_up" in name else columns
        turned = doubled not in {2 * width for width in inner} if "gate_up" in name else None
        for k in range(before[name].shape[0]):
            whole = before[name][k].numpy()
            ways = {t: round_weights(whole.T if t else whole, "int4") for t in (False, True)}
            ways[True] = ways[True].T
            if turned is None:
                turned = chosen.turned[name.replace("down", "gate_up")]
            np.testing.assert_array_equal(after[name][k].detach().numpy(), ways[turned])
    for name in before:
        if "embed" in name or name == "lm_head.weight" or before[name].ndim < 2:
            assert torch.equal(before[name], after[name])


def test_what_stays_whole_is_said_or_refused():
    model = mixture("MixtralConfig")
    chosen = plan(model, "int4", "m")
    assert chosen.left == {"MixtralTopKRouter": 2}
    routers = sum(p.numel() for n, p in model.named_parameters() if n.endswith("gate.weight"))
    blocks = sum(p.numel() for n, p in model.named_parameters() if "layers" in n and p.ndim > 1)
    np.testing.assert_allclose(chosen.share_left, routers / blocks)
    assert "left whole: 2 of MixtralTopKRouter" in note("int4", chosen)
    with pytest.raises(InputError, match="would leave .*% of the blocks' weights whole.*Experts"):
        plan(model, "torchao-int8", "m")


def test_a_layer_of_an_unknown_kind_is_refused_and_torchao_on_gpt2_is():
    import torch
    from transformers import AutoModelForCausalLM, GPT2Config

    model = mixture("MixtralConfig")

    class Bilinear(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(64, 64, 64))

    model.model.layers[0].extra = Bilinear()
    with pytest.raises(InputError, match=r"Bilinear: no linear layers"):
        plan(model, "int4", "m")
    small = GPT2Config(
        vocab_size=64, n_embd=32, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    gpt2 = AutoModelForCausalLM.from_config(small)
    assert set(plan(gpt2, "int4", "g").turned.values()) == {True}
    with pytest.raises(InputError, match="would leave 100%"):
        plan(gpt2, "torchao-int8", "g")
