"""Every kind of PEFT adapter against peft's own forward pass, one text at a time, in float64."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from behaviordist.behaviors import load
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import write_llama

peft = pytest.importorskip("peft")
PROBES = ProbeSet(
    "three",
    (Probe("a", "Once upon", " a time"), Probe("b", "x", "y"), Probe("c", "The long way", " home")),
)
CAUSAL = {"task_type": "CAUSAL_LM"}
LORA = {**CAUSAL, "r": 4}
KINDS = {
    "prompt": peft.PromptTuningConfig(**CAUSAL, num_virtual_tokens=5),
    "p-tuning": peft.PromptEncoderConfig(**CAUSAL, num_virtual_tokens=5, encoder_hidden_size=16),
    "prefix": peft.PrefixTuningConfig(**CAUSAL, num_virtual_tokens=5),
    "head": peft.LoraConfig(**LORA, target_modules=["q_proj", "lm_head"]),
    "embeddings": peft.LoraConfig(**LORA, target_modules=["q_proj", "embed_tokens"]),
    "copies": peft.LoraConfig(**LORA, target_modules=["q_proj"]),
    "whole head": peft.LoraConfig(**LORA, target_modules=["q_proj"], modules_to_save=["lm_head"]),
    "tokens": peft.LoraConfig(**LORA, target_modules=["q_proj"], trainable_token_indices=[5, 6]),
}
VIRTUAL = ("prompt", "p-tuning", "prefix")


def tuned(root, kind):
    """Make an adapter with random weights; return its folder and peft's model."""
    base = write_llama(root / "base")
    torch.manual_seed(5)
    model = peft.get_peft_model(base, KINDS[kind])
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(0.2 * torch.randn_like(weight))
    options = {"save_embedding_layers": True} if kind == "copies" else {}
    model.eval().save_pretrained(root / kind, **options)
    path = root / kind / "adapter_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "base_model_name_or_path": "../base"}))
    return root / kind, model


def by_peft(model, behavior):
    """float64 log-softmax of peft's logits; the last rows are the text's."""
    rows = []
    for item in behavior.encoder()(PROBES):
        ids = torch.tensor([item.ids])
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].double()
        rows.append(logits.log_softmax(-1)[-len(item.ids) :][-item.scored - 1 : -1].numpy())
    return rows


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("setting", ["", "@kv_cache=on"])
def test_log_probabilities_are_those_of_pefts_own_pass(tmp_path, kind, setting):
    folder, model = tuned(tmp_path, kind)
    behavior = load(f"{folder}{setting}")
    behavior.check(PROBES)
    right = by_peft(model, behavior)
    for block in behavior.log_probs(PROBES):
        for index in set(block.probe.tolist()):
            mine = block.log_p[block.probe == index]
            np.testing.assert_allclose(mine, right[index], atol=1e-4)


@pytest.mark.parametrize("kind", VIRTUAL)
def test_answers_follow_the_virtual_tokens(tmp_path, kind):
    """Greedy answers against the argmax of peft's own pass over the growing text."""
    folder, model = tuned(tmp_path, kind)
    behavior = load(f"{folder}@temperature=0")
    drawn = behavior.samples(PROBES, 1, 4)
    tokenizer = load(folder).encoder()
    for item, (text,) in zip(tokenizer(PROBES), drawn, strict=True):
        ids = list(item.ids[: len(item.ids) - item.scored])
        start = len(ids)
        for _ in range(4):
            now = torch.tensor([ids])
            with torch.no_grad():
                logits = model(input_ids=now, attention_mask=torch.ones_like(now)).logits
            ids.append(int(logits[0, -1].argmax()))
        said = "".join(behavior.token_text(token) for token in ids[start:])
        assert text == said or "<" in said  # special tokens are left out of answers


def test_virtual_tokens_take_places_of_the_window(tmp_path):
    folder, _ = tuned(tmp_path, "prompt")
    assert load(folder).window == load(tmp_path / "base").window - 5


def test_a_copy_of_the_base_that_would_not_run_is_refused(tmp_path):
    folder, model = tuned(tmp_path, "head")
    weights = load_file(folder / "adapter_model.safetensors")
    name = next(n for n in weights if n.endswith("lm_head.base_layer.weight"))
    weights[name] = weights[name] + 1
    save_file(weights, folder / "adapter_model.safetensors", {"format": "pt"})
    behavior = load(folder)
    try:
        mine = next(iter(behavior.log_probs(PROBES)))
    except InputError as error:
        assert "is not the base's" in str(error)
        return
    # Where peft loads the copy, that is what must have run.
    with torch.no_grad():
        model.get_output_embeddings().base_layer.weight.add_(1)
    right = by_peft(model, behavior)
    index = int(mine.probe[0])
    np.testing.assert_allclose(mine.log_p[mine.probe == index], right[index], atol=1e-3)


def test_an_adapter_trained_after_tokens_were_added_says_so(tmp_path):
    folder, _ = tuned(tmp_path, "whole head")
    weights = load_file(folder / "adapter_model.safetensors")
    name = next(n for n in weights if n.endswith("lm_head.weight"))
    weights[name] = torch.cat([weights[name], torch.zeros(2, weights[name].shape[1])])
    save_file(weights, folder / "adapter_model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="trained on more tokens than its base has"):
        list(load(folder).log_probs(PROBES))
