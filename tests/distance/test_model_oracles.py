"""Distances between settings of one model, against computations that share no code with them."""

import numpy as np
import pytest
import torch

from behaviordist.behaviors import load, rounding
from behaviordist.behaviors.huggingface import backend as backend
from behaviordist.distance import distances
from behaviordist.distance.comparison import compare
from behaviordist.probes import Probe, ProbeSet
from tests.behaviors.conftest import byte_tokenizer, write_llama

PROBES = ProbeSet(
    "six", tuple(Probe(f"p{i}", "Once upon" * (i % 3), " a time"[: 3 + i]) for i in range(6))
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oracles") / "tiny"
    write_llama(folder)
    return folder


def logits(model, probe):
    """Logits that score a continuation: one text, no padding, no batch."""
    tokenizer = byte_tokenizer()
    scored = tokenizer.encode(probe.continuation, add_special_tokens=False)
    ids = [0, *tokenizer.encode(probe.prompt, add_special_tokens=False), *scored]
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0, -len(scored) - 1 : -1].double()


def test_kl_of_a_quantised_model_is_the_one_that_torch_computes(folder):
    from transformers import AutoModelForCausalLM

    full, rounded = (AutoModelForCausalLM.from_pretrained(folder) for _ in range(2))
    for name, weight in rounded.named_parameters():
        if name.endswith("_proj.weight"):
            weight.data = torch.from_numpy(rounding.round_weights(weight.detach().numpy(), "int4"))
    forward, backward = [], []
    for probe in PROBES:
        p, q = (logits(model, probe).log_softmax(-1) for model in (full, rounded))
        options = {"log_target": True, "reduction": "none"}
        forward.append(torch.nn.functional.kl_div(q, p, **options).sum(-1).mean().item())
        backward.append(torch.nn.functional.kl_div(p, q, **options).sum(-1).mean().item())
    found = compare(load(folder), load(f"{folder}@quant=int4"), PROBES).overall
    assert found["kl_forward"].value == pytest.approx(np.mean(forward), rel=1e-3)
    assert found["kl_backward"].value == pytest.approx(np.mean(backward), rel=1e-3)
    assert found["kl_forward"].value > 1e-4


@pytest.mark.slow
def test_padding_and_batch_size_move_no_distance(folder, monkeypatch):
    pair = [load(folder), load(f"{folder}@quant=int4"), load(f"{folder}@temperature=0.7")]
    found = []
    for size in (1, 40, 10_000):
        monkeypatch.setattr(backend, "MAX_TOKENS", size)
        found.append(distances(pair, PROBES).distances)
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    np.testing.assert_allclose(found[2], found[0], atol=1e-5)
    assert found[0][0, 1] > 0.01


def test_temperature_one_is_the_model_as_it_is(folder):
    plain, warm = load(folder), load(f"{folder}@temperature=1.0")
    assert plain.identity == warm.identity
    (rows,), (again,) = (
        [np.concatenate([b.log_p for b in x.log_probs(PROBES)])] for x in (plain, warm)
    )
    assert np.array_equal(rows, again)


def test_a_cache_moves_the_distance_less_than_a_thousandth(folder):
    matrix = distances([load(folder), load(f"{folder}@kv_cache=on")], PROBES)
    assert matrix.distances[0, 1] < 1e-3
    assert matrix.states().table[0, 1] == "undecided"


def test_a_merged_adapter_is_at_no_distance_from_the_adapter(folder, tmp_path):
    peft = pytest.importorskip("peft")
    import json

    config = peft.LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    torch.manual_seed(1)
    tuned = peft.get_peft_model(write_llama(tmp_path / "base"), config)
    tuned.save_pretrained(tmp_path / "adapter")
    path = tmp_path / "adapter" / "adapter_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "base_model_name_or_path": "../base"}))
    tuned.merge_and_unload().save_pretrained(tmp_path / "merged")
    byte_tokenizer().save_pretrained(tmp_path / "merged")
    adapter, merged, base = (load(tmp_path / name) for name in ("adapter", "merged", "base"))
    found = distances([adapter, merged, base], PROBES).distances
    assert found[0, 1] < 1e-4
    assert found[0, 2] > 0.01
