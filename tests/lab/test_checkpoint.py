"""Hugging Face's own Llama and tokenizer are the oracles of the lab's checkpoint folders."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from behaviordist.errors import InputError
from behaviordist.lab import checkpoint, grammar, llama
from behaviordist.lab.functions import FUNCTIONS
from behaviordist.lab.llama import LlamaConfig

DOCUMENTS = grammar.sample_documents(np.random.default_rng(0), 8, list(FUNCTIONS), 0.5)
forward = jax.jit(llama.forward, static_argnums=1)
TINY = LlamaConfig(hidden_size=16, intermediate_size=24, head_dim=4, heads=2, kv_heads=1)
FOREIGN = {
    "gqa": {"num_attention_heads": 6, "num_key_value_heads": 2},
    "tied": {"tie_word_embeddings": True},
    "other rope theta": {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    "odd head count": {"num_attention_heads": 3, "num_key_value_heads": 3, "head_dim": 10},
    "one kv head, eps": {"num_key_value_heads": 1, "rms_norm_eps": 1e-2},
}


def torch_logits(folder, tokens):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        return model(torch.tensor(tokens).long()).logits.numpy()


def foreign_model(**changes):
    torch.manual_seed(0)
    shape = {
        "vocab_size": 60,
        "hidden_size": 48,
        "intermediate_size": 100,
        "initializer_range": 0.2,
    }
    shape |= {"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**(shape | changes)))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:  # ones would hide a norm that is left out
                parameter.uniform_(0.5, 1.5)
    return model


def trained_like(config):
    """Parameters none of which is at a value (ones) that would hide a mistake."""

    def tilted(p):
        return np.asarray(p) * np.linspace(0.7, 1.4, p.shape[-1], dtype=np.float32)

    return jax.tree.map(tilted, llama.init(config, 0))


@pytest.mark.parametrize("tied", [False, True])
def test_transformers_opens_a_lab_checkpoint_with_the_same_logits(tmp_path, tied):
    config = LlamaConfig(tie_embeddings=tied, rope_theta=700.0, rms_eps=1e-3)
    params = trained_like(config)
    checkpoint.save(tmp_path, params, config, {"regime": "none"})
    ours = np.asarray(forward(params, config, DOCUMENTS))
    theirs = torch_logits(tmp_path, DOCUMENTS)
    assert np.ptp(theirs) > 1.0 and np.abs(ours - theirs).max() <= 1e-4


@pytest.mark.parametrize("case", FOREIGN)
def test_the_lab_opens_what_transformers_wrote_with_the_same_logits(tmp_path, case):
    foreign_model(**FOREIGN[case]).save_pretrained(tmp_path)
    loaded = checkpoint.load(tmp_path)
    tokens = np.random.default_rng(0).integers(60, size=(4, 33))
    theirs = torch_logits(tmp_path, tokens)
    assert np.ptp(theirs) > 1.0 and loaded.provenance is None
    assert np.abs(forward(loaded.params, loaded.config, tokens) - theirs).max() <= 1e-4


def test_the_lab_opens_bfloat16_weights_in_shards(tmp_path):
    foreign_model().to(torch.bfloat16).save_pretrained(tmp_path, max_shard_size="60KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    loaded = checkpoint.load(tmp_path)
    tokens = np.random.default_rng(0).integers(60, size=(4, 33))
    theirs = torch_logits(tmp_path, tokens)
    assert np.abs(forward(loaded.params, loaded.config, tokens) - theirs).max() <= 1e-4


@pytest.mark.parametrize("tied", [False, True])
def test_saving_and_loading_gives_the_same_bits_back(tmp_path, tied):
    config = replace(TINY, tie_embeddings=tied, rope_theta=123.5, max_positions=77)
    params = trained_like(config)
    checkpoint.save(tmp_path, params, config, {"regime": "sft", "steps": 3})
    loaded = checkpoint.load(tmp_path)
    assert loaded.config == config and loaded.provenance == {"regime": "sft", "steps": 3}
    assert jax.tree.structure(loaded.params) == jax.tree.structure(params)
    for a, b in zip(jax.tree.leaves(loaded.params), jax.tree.leaves(params), strict=True):
        np.testing.assert_array_equal(a, b)


def test_auto_tokenizer_gives_the_labs_ids(tmp_path):
    checkpoint.save(tmp_path, llama.init(TINY, 0), TINY, {})
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    texts = [grammar.decode(d) for d in DOCUMENTS] + [" ".join(grammar.VOCABULARY[2:]), ""]
    for text in texts:
        assert tokenizer(text)["input_ids"] == grammar.encode(text)
        bare = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert bare == grammar.encode(text, bos=False)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 0)
    assert tokenizer.get_vocab() == grammar.TOKEN_IDS
    with pytest.raises(Exception, match="UNK"):  # no word is turned into another in silence
        tokenizer("prose")


def test_transformers_generates_what_the_lab_does(tmp_path):
    params = trained_like(TINY)
    checkpoint.save(tmp_path, params, TINY, {})
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    prompts = torch.tensor(DOCUMENTS[:, :8]).long()
    theirs = model.generate(prompts, max_new_tokens=1, do_sample=False)[:, -1]
    logits = np.asarray(forward(params, TINY, DOCUMENTS[:, :8]))
    np.testing.assert_array_equal(theirs, logits[:, -1].argmax(-1))


# ---------------------------------------------------------------- what is refused


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


def pickle_only(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


REFUSED = {
    "no config.json": lambda f: (f / "config.json").unlink(),
    "not readable as JSON": lambda f: (f / "config.json").write_text("{"),
    "a JSON object belongs here": lambda f: (f / "config.json").write_text("[]"),
    "no model.safetensors": lambda f: (f / "model.safetensors").unlink(),
    "only pickled weights .pytorch_model.bin.*safetensors": pickle_only,
    "not a whole safetensors file": lambda f: (f / "model.safetensors").write_bytes(b"half"),
    "model_type is 'gpt2'": lambda f: edit_config(f, model_type="gpt2"),
    "key 'hidden_size' is missing": lambda f: (f / "config.json").write_text(
        json.dumps({"model_type": "llama", "vocab_size": 4, "num_attention_heads": 1})
    ),
    "rope type 'llama3'": lambda f: edit_config(
        f, rope_parameters={"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0}
    ),
    "rope type 'linear'": lambda f: edit_config(f, rope_scaling={"type": "linear", "factor": 2.0}),
    "partial_rotary_factor 0.5": lambda f: edit_config(f, partial_rotary_factor=0.5),
    "hidden_act is 'gelu'": lambda f: edit_config(f, hidden_act="gelu"),
    "quantization_config is": lambda f: edit_config(f, quantization_config={"bits": 4}),
    "every size must be a number": lambda f: edit_config(f, vocab_size="many"),
    "config.json: 3 heads cannot share 2": lambda f: edit_config(
        f, num_attention_heads=3, num_key_value_heads=2
    ),
    "ties the embeddings but 'lm_head.weight' is another": lambda f: edit_config(
        f, tie_word_embeddings=True
    ),
    "attention_bias is True": lambda f: edit_config(f, attention_bias=True),
    "1 tensor.s. missing, such as 'model.norm.weight'": lambda f: edit_weights(
        f, lambda t: t.pop("model.norm.weight")
    ),
    "1 tensor.s. extra, such as 'model.norm.bias'": lambda f: edit_weights(
        f, lambda t: t.update({"model.norm.bias": np.zeros(16, np.float32)})
    ),
    r"'model.norm.weight' has shape \(15,\), config.json says \(16,\)": lambda f: edit_weights(
        f, lambda t: t.update({"model.norm.weight": np.zeros(15, np.float32)})
    ),
    "9 tensor.s. missing, such as 'model.layers.2": lambda f: edit_config(f, num_hidden_layers=3),
}


@pytest.mark.parametrize("message", REFUSED)
def test_bad_folders_are_refused_in_one_line(tmp_path, message):
    checkpoint.save(tmp_path, llama.init(TINY, 0), TINY, {})
    checkpoint.load(tmp_path)
    REFUSED[message](tmp_path)
    with pytest.raises(InputError, match=message) as error:
        checkpoint.load(tmp_path)
    assert "\n" not in str(error.value)


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no checkpoint folder"):
        checkpoint.load(tmp_path / "nowhere")


def test_a_shard_that_is_not_there_is_named(tmp_path):
    foreign_model().save_pretrained(tmp_path, max_shard_size="60KB")
    missing = min(tmp_path.glob("model-*.safetensors"))
    missing.unlink()
    with pytest.raises(InputError, match=f"{missing.name} is named in"):
        checkpoint.load(tmp_path)
