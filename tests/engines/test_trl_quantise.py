"""Quantisation-aware training rounds nearly all of a model's matrices, or refuses it."""

import pytest
import torch

from behaviordist.engines.trl_quantise import fake_quantise
from behaviordist.errors import InputError

SMALL = {"vocab_size": 32, "max_position_embeddings": 16}
MIXTURE = {
    **SMALL,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "num_local_experts": 4,
}


def test_layers_that_would_stay_whole_are_counted_and_refused():
    """The share is that of the matrices' sizes, worked out by hand."""
    from transformers import GPT2Config, GPT2LMHeadModel, MixtralConfig, MixtralForCausalLM

    experts, attention, router = 4 * 3 * 16 * 24, 4 * 16 * 16, 4 * 16
    share = (experts + router) / (experts + router + attention)
    with pytest.raises(InputError, match=f"leave {share:.0%} .*Experts") as caught:
        fake_quantise(MixtralForCausalLM(MixtralConfig(**MIXTURE)), 4)
    assert "\n" not in str(caught.value)
    gpt2 = GPT2LMHeadModel(
        GPT2Config(vocab_size=32, n_positions=16, n_embd=16, n_layer=1, n_head=2)
    )
    with pytest.raises(InputError, match="leave 100% .*Conv1D"):
        fake_quantise(gpt2, 4)


def test_a_dense_model_is_rounded():
    pytest.importorskip("torchao")
    from transformers import LlamaConfig, LlamaForCausalLM

    settings = {k: v for k, v in MIXTURE.items() if k != "num_local_experts"}
    model = LlamaForCausalLM(LlamaConfig(**settings))
    ids = torch.arange(6)[None]
    before = model(ids).logits
    fake_quantise(model, 4)
    assert (model(ids).logits - before).abs().max() > 0
