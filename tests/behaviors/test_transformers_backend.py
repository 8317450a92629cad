"""Log-probabilities from Hugging Face folders, against a bare forward pass written here."""

import numpy as np
import pytest
import torch

from behaviordist.behaviors import load, rounding, shared_log_probs
from behaviordist.behaviors.huggingface import backend as backend
from behaviordist.behaviors.huggingface import opening
from behaviordist.behaviors.text.token_names import by_name
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer, write_llama

PROBES = ProbeSet(
    "mixed",
    (
        Probe("short", "a", "b"),
        Probe("long", "The quick brown fox", " jumps over the lazy dog."),
        Probe("no prompt", "", "xyz"),
        Probe("accents", "née", " à Zürich"),
    ),
)


def by_probe(blocks):
    """Log-probabilities and targets of each probe: {index: (rows, targets)}."""
    found = {}
    for block in blocks:
        for index in np.unique(block.probe):
            assert index not in found
            mine = block.probe == index
            found[int(index)] = (block.log_p[mine], block.token[mine])
    return found


def bare(folder, probe, dtype=torch.float32):
    """The definition: one text, no padding, all logits; the rows that score the continuation."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    tokenizer = byte_tokenizer()
    scored = tokenizer.encode(probe.continuation, add_special_tokens=False)
    ids = [0, *tokenizer.encode(probe.prompt, add_special_tokens=False), *scored]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    return torch.log_softmax(logits.float(), -1)[-len(scored) - 1 : -1].numpy(), scored


@pytest.mark.parametrize("max_tokens", [1, 60, 10_000])
def test_padding_and_batch_size_change_no_number(llama, monkeypatch, max_tokens):
    monkeypatch.setattr(backend, "MAX_TOKENS", max_tokens)
    found = by_probe(load(llama).log_probs(PROBES))
    assert sorted(found) == [0, 1, 2, 3]
    for index, probe in enumerate(PROBES):
        expected, scored = bare(llama, probe)
        np.testing.assert_allclose(found[index][0], expected, atol=1e-5)
        assert found[index][1].tolist() == scored
        assert found[index][0].dtype == np.float32


def test_low_precision_weights_still_get_a_float32_softmax(llama):
    found = by_probe(load(f"{llama}@dtype=bfloat16").log_probs(PROBES))
    expected, _ = bare(llama, PROBES.probes[1], torch.bfloat16)
    np.testing.assert_allclose(found[1][0], expected, atol=5e-2)
    mass = np.exp(found[1][0].astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(mass, 1, atol=1e-6)


@pytest.mark.slow
def test_logit_level_settings_share_one_pass_and_equal_a_pass_of_their_own(llama, monkeypatch):
    loads = []
    real = opening.open_model
    monkeypatch.setattr(opening, "open_model", lambda *a: loads.append(a) or real(*a))
    specs = [f"{llama}", f"{llama}@temperature=0.5", f"{llama}@top_k=5", f"{llama}@quant=int8"]
    behaviors = [load(spec) for spec in specs]
    shared = {}
    for index, block in shared_log_probs(behaviors, PROBES):
        shared.setdefault(index, []).append(block)
    assert len(loads) == 2
    for index, behavior in enumerate(behaviors):
        alone = by_probe(behavior.log_probs(PROBES))
        for probe, (rows, _) in by_probe(shared[index]).items():
            assert np.array_equal(rows, alone[probe][0])


@pytest.mark.parametrize("quant", ["int8", "int4", "int2"])
def test_quantised_blocks_equal_a_model_rounded_by_hand(llama, tmp_path, quant):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(llama)
    for name, weight in model.named_parameters():
        if name.endswith("_proj.weight"):
            weight.data = torch.from_numpy(rounding.round_weights(weight.detach().numpy(), quant))
    model.save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    behavior = load(f"{llama}@quant={quant}")
    assert "simulated" in behavior.notes[0]
    mine, hand = by_probe(behavior.log_probs(PROBES)), by_probe(load(tmp_path).log_probs(PROBES))
    for index in mine:
        np.testing.assert_allclose(mine[index][0], hand[index][0], atol=1e-6)


def test_simulated_int8_is_what_a_quantisation_library_computes(llama):
    """torchao rounds to 256 levels, the simulation to 255: other errors, of the same size."""
    pytest.importorskip("torchao")
    plain, theirs, mine = (
        by_probe(load(f"{llama}{quant}").log_probs(PROBES))
        for quant in ("", "@quant=torchao-int8", "@quant=int8")
    )

    def error(found):
        return np.sqrt(np.mean([np.mean((found[i][0] - plain[i][0]) ** 2) for i in plain]))

    assert 0.5 < error(mine) / error(theirs) < 2
    assert error(theirs) < 0.2


def test_gpt2_layers_are_rounded_along_their_inputs(tmp_path):
    """GPT-2 keeps matrices (in, out): rounding them as they lie would mix output channels."""
    from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

    sizes = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=258, **sizes))
    model.save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    with load(f"{tmp_path}@quant=int8").model() as rounded:
        found = rounded.transformer.h[0].mlp.c_fc.weight.detach().numpy()
    plain = AutoModelForCausalLM.from_pretrained(tmp_path).transformer.h[0].mlp.c_fc.weight
    step = np.abs(plain.detach().numpy()).max(axis=0) / 127
    np.testing.assert_allclose(found / step, np.rint(found / step), atol=1e-3)
    assert np.abs(found - plain.detach().numpy()).max() > 0


def test_texts_are_scored_as_lm_evaluation_harness_scores_them(llama):
    instance = pytest.importorskip("lm_eval.api.instance")
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(llama)
    harness = HFLM(pretrained=model, tokenizer=byte_tokenizer(), device="cpu")
    prompted = ProbeSet("prompted", tuple(p for p in PROBES if p.prompt))
    requests = [
        instance.Instance("loglikelihood", {}, (p.prompt, p.continuation), i)
        for i, p in enumerate(prompted)
    ]
    theirs = [score for score, _ in harness.loglikelihood(requests, disable_tqdm=True)]
    found = by_probe(load(llama).log_probs(prompted))
    mine = [float(found[i][0][np.arange(len(t)), t].sum()) for i, (_, t) in sorted(found.items())]
    np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_identity_follows_bytes_and_settings_not_the_path(llama, tmp_path):
    import shutil

    copy, other = tmp_path / "copy", tmp_path / "other"
    shutil.copytree(llama, copy)
    write_llama(other, seed=1)
    here = load(llama)
    assert here.identity == load(copy).identity
    assert here.forward_key == load(f"{llama}@temperature=2").forward_key
    identities = [load(s).identity for s in (llama, other, f"{llama}@temperature=2")]
    assert len(set(identities)) == 3
    assert load(other).vocabulary == here.vocabulary


def test_a_tied_gqa_model_with_a_soft_cap_keeps_its_cap(tmp_path):
    """Logits are asked for at the scored places only; what follows the head must still happen."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 8}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
    config = Gemma2Config(
        vocab_size=258,
        final_logit_softcapping=0.5,
        bos_token_id=0,
        eos_token_id=1,
        **sizes,
        **heads,
    )
    Gemma2ForCausalLM(config).save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    found = by_probe(load(tmp_path).log_probs(PROBES))
    for index, probe in enumerate(PROBES):
        np.testing.assert_allclose(found[index][0], bare(tmp_path, probe)[0], atol=1e-5)


def test_a_probe_longer_than_the_window_is_refused_by_name(llama):
    fits = ProbeSet("fits", (Probe("edge", "x" * 60, "y" * 4),))  # 65 ids: the model sees 64
    assert len(list(load(llama).log_probs(fits))) == 1
    over = ProbeSet("over", (Probe("edge", "x" * 60, "y" * 5),))
    with pytest.raises(InputError, match="'edge' takes 65 tokens, the context window of 'tiny'"):
        list(load(llama).log_probs(over))


def test_first_tokens_are_the_models_own_after_the_prompt(llama):
    """Whatever the continuation; settings that change what is drawn are refused."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = (
        AutoTokenizer.from_pretrained(llama),
        AutoModelForCausalLM.from_pretrained(llama),
    )
    probes = ProbeSet("two", (Probe("a", "one two", " three four"), Probe("b", "six", " x")))
    found = dict(load(str(llama)).first_tokens_rest(probes))
    for index, probe in enumerate(probes):
        ids = tokenizer(probe.prompt, return_tensors="pt").input_ids
        with torch.no_grad():
            log_p = model(ids).logits[0, -1].float().log_softmax(-1)
        texts = {i: tokenizer.decode([i]) for i in log_p.argsort(descending=True)[:20].tolist()}
        special = tokenizer.all_special_ids
        own = {text: i for i, text in texts.items() if "\ufffd" not in text and i not in special}
        assert own and own.keys() == found[index].keys() - {""}
        for name, i in own.items():
            assert found[index][name] == pytest.approx(float(log_p[i]), abs=1e-4)
        assert len(found[index]) <= 20
        assert sum(np.exp(list(found[index].values()))) < 1 + 1e-6
    with pytest.raises(InputError, match="as they are"):
        next(load(f"{llama}@temperature=0.5").first_tokens_rest(probes))


def test_tokens_without_a_name_say_nothing():
    with pytest.raises(InputError, match="none of the likeliest"):
        by_name([("\ufffd", -0.1), ("a\ufffd", -3.0)])
