"""Models in memory, revisions of the hub's cache, types and devices."""

import numpy as np
import pytest
import torch

import behaviordist as bd
from behaviordist.behaviors import load, load_all
from behaviordist.behaviors.huggingface import opening
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer, write_llama

PROBES = ProbeSet("p", (Probe("a", "Once upon", " a time"), Probe("b", "", "The end")))


def rows(behavior):
    return np.concatenate([block.log_p for block in behavior.log_probs(PROBES)])


@pytest.mark.slow
def test_a_model_in_memory_is_the_model_on_disk(llama):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(llama)
    behavior = bd.load(model, "mine", tokenizer=byte_tokenizer())
    np.testing.assert_allclose(rows(behavior), rows(load(llama)), atol=1e-6)
    assert behavior.label == "mine"
    assert behavior.vocabulary == load(llama).vocabulary
    matrix = bd.distances([behavior, load(llama, label="disk")], PROBES, "hellinger")
    assert matrix.squared[0, 1] < 1e-9


def test_its_identity_is_that_of_its_parameters(llama):
    from transformers import AutoModelForCausalLM

    pair = [AutoModelForCausalLM.from_pretrained(llama) for _ in range(2)]
    first, second = (load(m, tokenizer=byte_tokenizer()).identity for m in pair)
    assert first == second
    with torch.no_grad():
        pair[1].model.layers[0].mlp.up_proj.weight[0, 0] += 1e-3
    assert load(pair[1], tokenizer=byte_tokenizer()).identity != first
    assert load(pair[0], tokenizer=byte_tokenizer(("x",))).identity != first
    half = pair[0].to(torch.bfloat16)
    assert load(half, tokenizer=byte_tokenizer()).dtype == "bfloat16"


def test_an_adapter_in_memory_is_part_of_it(llama):
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(llama)
    plain = rows(load(base, tokenizer=byte_tokenizer()))
    config = peft.LoraConfig(r=2, task_type="CAUSAL_LM", target_modules=["q_proj"])
    adapted = peft.get_peft_model(base, config)
    same = load(adapted, tokenizer=byte_tokenizer())
    np.testing.assert_allclose(rows(same), plain, atol=1e-6)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.3)
    tuned = load(adapted, tokenizer=byte_tokenizer())
    assert tuned.identity != same.identity
    ids = byte_tokenizer().encode("Once upon a time")
    with torch.no_grad():
        expected = adapted(torch.tensor([ids])).logits[0].double().log_softmax(-1).numpy()
    np.testing.assert_allclose(rows(tuned)[:7], expected[-8:-1], atol=1e-4)


@pytest.mark.slow
def test_which_adapter_is_on_is_part_of_the_identity_and_the_model_goes_on_as_it_was(llama):
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    config = peft.LoraConfig(
        r=2, task_type="CAUSAL_LM", target_modules=["q_proj"], init_lora_weights=False
    )
    model = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(llama), config)
    model.add_adapter("second", config)
    model.train()

    def now():
        behavior = load(model, tokenizer=byte_tokenizer())
        return behavior.identity, rows(behavior)

    first = now()
    assert model.training and model.base_model.model.model.layers[0].training
    model.set_adapter("second")
    second = now()
    with model.disable_adapter():
        none = now()
    assert len({first[0], second[0], none[0]}) == 3
    np.testing.assert_allclose(none[1], rows(load(llama)), atol=1e-6)
    assert np.abs(first[1] - second[1]).max() > 1e-3
    assert now()[0] == second[0]


def test_what_is_no_model_or_lacks_its_tokenizer_is_refused(llama):
    from transformers import AutoModelForCausalLM

    with pytest.raises(InputError, match="not dict"):
        load({})
    with pytest.raises(InputError, match="needs its tokenizer"):
        load(AutoModelForCausalLM.from_pretrained(llama))
    with pytest.raises(InputError, match="goes with a model in memory"):
        load(llama, tokenizer=byte_tokenizer())


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A cache of the hub, laid out as its client does, with two revisions of one model."""
    from huggingface_hub import constants

    repository = tmp_path / "models--some--model"
    for seed, (name, commit) in enumerate({"main": "a" * 40, "step1000": "b" * 40}.items()):
        write_llama(repository / "snapshots" / commit, seed=seed)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / name).write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_OFFLINE", True)
    return repository / "snapshots"


def test_a_revision_of_the_cache_is_opened_without_a_network(hub):
    plain, later = load("some/model"), load("some/model@revision=step1000")
    np.testing.assert_array_equal(rows(plain), rows(load(hub / ("a" * 40))))
    np.testing.assert_array_equal(rows(later), rows(load(hub / ("b" * 40))))
    assert later.label == "model@revision=step1000"
    assert later.identity == load(hub / ("b" * 40)).identity
    assert load(f"some/model@revision={'b' * 40}").identity == later.identity
    with pytest.raises(InputError, match="no model 'some/model' at revision 'step9'"):
        load("some/model@revision=step9")


def test_a_folder_has_no_revision(llama):
    with pytest.raises(InputError, match="revision is for hub ids"):
        load(f"{llama}@revision=main")


def test_the_type_is_said_where_it_is_not_the_stored_one(llama, tmp_path, monkeypatch):
    from transformers import AutoModelForCausalLM

    assert (load(llama).dtype, load(llama).notes) == ("float32", ())
    model = AutoModelForCausalLM.from_pretrained(llama, dtype=torch.bfloat16)
    model.save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    here = load(tmp_path)
    assert here.dtype == "float32"
    assert here.notes == ("weights are bfloat16, run in float32",)
    assert load(f"{tmp_path}@dtype=float32").identity == here.identity
    half = load(f"{tmp_path}@dtype=bfloat16")
    assert (half.dtype, half.notes) == ("bfloat16", ())
    assert half.identity != here.identity
    monkeypatch.setattr(opening, "free_memory", lambda: 1000)
    small = load(tmp_path)
    assert small.dtype == "bfloat16"
    assert "float32 would not fit into memory" in small.notes[0]
    assert small.identity == half.identity


def test_a_gpu_runs_the_stored_type(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert opening.choose_type("auto", "bfloat16", 10**9, None)[0] == "bfloat16"
    assert opening.choose_type("auto", "bfloat16", 10**9, "cpu")[0] == "float32"
    assert opening.choose_type("float16", "bfloat16", 10**9, None) == ("float16", "")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert opening.choose_type("auto", "bfloat16", 10**9, None)[0] == "float32"


def test_where_it_runs_is_no_part_of_the_identity_and_a_device_that_is_not_there_is_one_line(llama):
    assert load(f"{llama}@device=cpu").identity == load(llama).identity
    with pytest.raises(InputError, match="device is auto, cpu"):
        load(f"{llama}@device=tpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="cannot be put on device 'cuda'") as caught:
            rows(load(f"{llama}@device=cuda"))
        assert "\n" not in str(caught.value)


def test_a_device_for_all_is_that_of_models_that_name_none(llama, tmp_path):
    write_llama(tmp_path / "other", seed=9)
    specs = [str(llama), f"{tmp_path / 'other'}@device=auto"]
    first, second = load_all(specs, "cpu")
    assert (first.settings.device, second.settings.device) == ("cpu", "auto")
    assert first.identity == load(llama).identity
    assert "device" not in first.label
    np.testing.assert_array_equal(rows(first), rows(load(f"{llama}@device=cpu")))
    scores = tmp_path / "scores.npz"
    np.savez(scores, log_p=np.log(np.full((2, 2), 0.5)), probe=np.arange(2))
    assert load(scores, device="cpu").settings.device is None, "it is not run"
    with pytest.raises(InputError, match="device is auto, cpu"):
        load(llama, device="tpu")
    with pytest.raises(InputError, match="stays where it is"):
        load(object(), device="cpu")


@pytest.mark.slow
def test_spread_over_memory_and_disk_it_gives_the_same_numbers(llama, monkeypatch):
    pytest.importorskip("accelerate")
    np.testing.assert_allclose(rows(load(f"{llama}@device=auto")), rows(load(llama)), atol=1e-5)
    monkeypatch.setattr(opening, "MEMORY", {"cpu": "150KB"})
    with load(f"{llama}@device=auto").model() as model:
        assert "disk" in set(model.hf_device_map.values())
    np.testing.assert_allclose(rows(load(f"{llama}@device=auto")), rows(load(llama)), atol=1e-5)
