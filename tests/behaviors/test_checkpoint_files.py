"""A checkpoint's folder: what is read is in the identity, the rest is told or refused."""

import json
import shutil

import numpy as np
import pytest

from behaviordist.behaviors import load
from behaviordist.behaviors.files import checkpoint_files
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer, write_llama

PROBES = ProbeSet("one", (Probe("a", "Once upon", " a time"),))


def rows(model):
    return np.concatenate([block.log_p for block in load(model).log_probs(PROBES)])


def refusal(model):
    with pytest.raises(InputError) as caught:
        behavior = load(model)
        behavior.check(PROBES)
        list(behavior.log_probs(PROBES))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change_config(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def in_shards(model, folder):
    model.save_pretrained(folder, max_shard_size="60KB")


def test_a_whole_file_beside_shards_is_refused_and_both_are_in_the_identity(tmp_path):
    write_llama(tmp_path / "m")
    in_shards(write_llama(tmp_path / "new", seed=1), tmp_path / "m")
    assert "two sets of weights: model.safetensors, and" in refusal(tmp_path / "m")
    first = load(tmp_path / "m").identity
    shutil.copy(tmp_path / "new/model.safetensors", tmp_path / "m/model.safetensors")
    assert load(tmp_path / "m").identity != first


def test_an_index_whose_shards_are_gone_is_passed_over_and_named(tmp_path):
    in_shards(write_llama(tmp_path / "old"), tmp_path / "m")
    write_llama(tmp_path / "m", seed=1)  # removes the shards, not the index
    write_llama(tmp_path / "new", seed=1)
    assert (tmp_path / "m/model.safetensors.index.json").is_file()
    assert "model.safetensors.index.json" in " ".join(load(tmp_path / "m").notes)
    np.testing.assert_array_equal(rows(tmp_path / "m"), rows(tmp_path / "new"))


def test_shards_of_two_saves_are_refused(tmp_path):
    in_shards(write_llama(tmp_path / "whole"), tmp_path / "a")
    byte_tokenizer().save_pretrained(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert np.isfinite(rows(tmp_path / "a")).all()
    first, second = sorted((tmp_path / "b").glob("model-0*"))[:2]
    shutil.copy(second, first)
    assert "shards of two saves are mixed" in refusal(tmp_path / "b")
    first.unlink()
    assert f"shard {first.name} is named" in refusal(tmp_path / "b")


def test_other_weights_in_the_folder_are_named_and_not_read(llama, tmp_path):
    shutil.copytree(llama, tmp_path / "m")
    expected = rows(llama)
    for name in ("consolidated.safetensors", "pytorch_model.bin", "x.gguf", "training_args.bin"):
        (tmp_path / "m" / name).write_bytes(b"junk")
    (note,) = load(tmp_path / "m").notes
    assert note == (
        "m: not used, though they lie there: consolidated.safetensors, pytorch_model.bin, x.gguf"
    )
    np.testing.assert_array_equal(rows(tmp_path / "m"), expected)


@pytest.mark.parametrize(
    "name",
    [
        "chat_template.jinja",
        "added_tokens.json",
        "special_tokens_map.json",
        "generation_config.json",
        "tokenizer_config.json",
        "tokenizer.json",
        "config.json",
        "additional_chat_templates/rag.jinja",
    ],
)
def test_every_file_that_is_read_is_in_the_identity(llama, tmp_path, name):
    shutil.copytree(llama, tmp_path / "m")
    path = tmp_path / "m" / name
    path.parent.mkdir(exist_ok=True)
    before = load(tmp_path / "m").identity
    if path.suffix == ".jinja":
        path.write_text("{{ messages }}")
    else:
        old = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps(old, indent=7) + "\n")
    assert load(tmp_path / "m").identity != before


def test_transformers_reads_no_vocabulary_file_that_is_not_in_the_list():
    """The names under which the tokenizers of causal models look for their vocabularies."""
    import transformers

    for kind in ("Llama", "GPT2", "Qwen2", "Gemma", "T5", "Bert", "Bloom", "Cohere", "GPTNeoX"):
        tokenizer = getattr(transformers, f"{kind}Tokenizer", transformers.PreTrainedTokenizerFast)
        assert set(tokenizer.vocab_files_names.values()) <= set(checkpoint_files.TOKENIZER), kind


def test_a_link_to_a_file_that_changed_is_another_identity(llama, tmp_path):
    """As the hub's cache lays files out."""
    (tmp_path / "m").mkdir()
    for path in llama.iterdir():
        (tmp_path / "m" / path.name).symlink_to(path)
    assert load(tmp_path / "m").identity == load(llama).identity
    np.testing.assert_array_equal(rows(tmp_path / "m"), rows(llama))


def test_weights_without_a_place_are_refused(tmp_path):
    write_llama(tmp_path / "layers")
    change_config(tmp_path / "layers", num_hidden_layers=1)
    assert "has no place for: model.layers.1" in refusal(tmp_path / "layers")
    write_llama(tmp_path / "bias", attention_bias=True)
    change_config(tmp_path / "bias", attention_bias=False)
    assert "no place for: model.layers.0.self_attn" in refusal(tmp_path / "bias")
    write_llama(tmp_path / "head")
    change_config(tmp_path / "head", tie_word_embeddings=True)
    message = refusal(tmp_path / "head")
    assert "lm_head.weight" in message


@pytest.mark.parametrize("kind", ["LlamaForSequenceClassification", "LlamaModel"])
def test_models_without_a_head_over_the_vocabulary_are_refused(tmp_path, kind):
    import transformers

    config = write_llama(tmp_path / "m", tie_word_embeddings=True).config
    config.num_labels = 1
    getattr(transformers, kind)(config).save_pretrained(tmp_path / "m")
    assert f"says {kind}, which is no language model" in refusal(tmp_path / "m")


@pytest.mark.parametrize(
    "value",
    [
        {"attn_implementation": "someone/kernel"},
        {"_attn_implementation": "flash_attention_2"},
        {"_attn_implementation_internal": "a/b:c"},
        {"attn_implementation": {"": "sdpa", "text_config": "a/b"}},
        {"text_config": {"attn_implementation": "a/b"}},
        {"_experts_implementation": "a/b"},
        {"attn_implementation": 7},
    ],
)
def test_attention_from_elsewhere_is_refused(llama, tmp_path, value):
    shutil.copytree(llama, tmp_path / "m")
    change_config(tmp_path / "m", **value)
    assert "which loads code from elsewhere" in refusal(tmp_path / "m")


def test_attention_of_transformers_itself_is_opened(llama, tmp_path):
    shutil.copytree(llama, tmp_path / "m")
    change_config(tmp_path / "m", attn_implementation="eager")
    np.testing.assert_allclose(rows(tmp_path / "m"), rows(llama), atol=1e-5)


def test_a_tokenizer_that_brings_code_is_refused_and_nobody_is_asked(llama, tmp_path, monkeypatch):
    shutil.copytree(llama, tmp_path / "m")
    path = tmp_path / "m/tokenizer_config.json"
    told = json.loads(path.read_text()) | {"auto_map": {"AutoTokenizer": ["x.Slow", "x.Fast"]}}
    path.write_text(json.dumps(told | {"tokenizer_class": "Strange"}))
    (tmp_path / "m/x.py").write_text("raise SystemExit('it ran')")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    try:
        load(tmp_path / "m").check(PROBES)
    except InputError as error:
        assert "\n" not in str(error)


def test_what_lies_beside_a_gguf_is_not_read(tmp_path):
    pytest.importorskip("gguf")
    from .test_gguf import EXTRA, write_gguf

    model = write_llama(tmp_path / "folder", extra=EXTRA)
    write_gguf(tmp_path / "m.gguf", model)
    plain, identity = rows(tmp_path / "m.gguf"), load(tmp_path / "m.gguf").identity
    (tmp_path / "tokenizer_config.json").write_text('{"add_bos_token": true, "bos_token": "x"}')
    (tmp_path / "added_tokens.json").write_text('{"upon": 300}')
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    checkpoint_files._digest.cache_clear()
    assert load(tmp_path / "m.gguf").identity == identity
    np.testing.assert_array_equal(rows(tmp_path / "m.gguf"), plain)


@pytest.mark.parametrize(
    "told",
    [
        {"quant_method": "gptq", "bits": 4, "group_size": 32},
        {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True},
        {"quant_method": "bitsandbytes", "load_in_8bit": True},
        {"quant_method": "fp8", "activation_scheme": "dynamic"},
        {"quant_method": "mxfp4"},
        {"quant_method": "no-such-method"},
    ],
)
def test_weights_that_are_not_as_config_says_they_are_packed_are_refused(llama, tmp_path, told):
    shutil.copytree(llama, tmp_path / "m")
    change_config(tmp_path / "m", quantization_config=told)
    message = refusal(tmp_path / "m")
    method = told["quant_method"]
    assert str(tmp_path / "m") in message
    assert (f"packed by '{method}', but they are plain (F32)" in message) == (method[0] != "n")


def with_integers(llama, folder, **told):
    """A copy whose config says that it is packed, with a tensor of the kind that packing stores."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(llama, folder)
    change_config(folder, quantization_config=told)
    tensors = load_file(folder / "model.safetensors")
    packed = {"model.layers.0.mlp.up_proj.qweight": np.zeros((4, 4), np.int32)}
    save_file(tensors | packed, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes"])
def test_packed_weights_that_cannot_be_run_are_one_line(llama, tmp_path, method):
    """They are not what the method packs, so that it is no good even with its package."""
    with_integers(llama, tmp_path / "m", quant_method=method, bits=4, load_in_8bit=True)
    message = refusal(tmp_path / "m")
    assert str(tmp_path / "m") in message and "plain" not in message


def test_rounding_what_is_packed_already_is_refused(llama, tmp_path):
    with_integers(llama, tmp_path / "m", quant_method="gptq", bits=4)
    with pytest.raises(InputError, match="quantised already \\(gptq\\); drop quant=int4"):
        load(f"{tmp_path / 'm'}@quant=int4")
