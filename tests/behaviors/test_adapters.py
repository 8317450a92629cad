"""PEFT adapters on their base, against the merged model."""

import json
import shutil

import numpy as np
import pytest
import torch

from behaviordist.behaviors import load
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer, write_llama

peft = pytest.importorskip("peft")
PROBES = ProbeSet("one", (Probe("a", "Once upon", " a time"), Probe("b", "x", "y")))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A base, a LoRA adapter with random weights on it, and the two merged by peft."""
    root = tmp_path_factory.mktemp("adapters")
    base = write_llama(root / "base")
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    torch.manual_seed(1)
    tuned = peft.get_peft_model(base, config)
    tuned.save_pretrained(root / "adapter")
    path = root / "adapter" / "adapter_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "base_model_name_or_path": "../base"}))
    tuned.merge_and_unload().save_pretrained(root / "merged")
    byte_tokenizer().save_pretrained(root / "merged")
    return root


def rows(spec):
    return np.concatenate([block.log_p for block in load(spec).log_probs(PROBES)])


def test_an_adapter_on_its_base_is_the_merged_model(folders):
    mine = rows(folders / "adapter")
    np.testing.assert_allclose(mine, rows(folders / "merged"), atol=1e-4)
    assert np.abs(mine - rows(folders / "base")).max() > 0.1


def test_the_base_alone_is_rounded(folders):
    """As QLoRA: a rounded base under an adapter of full precision is not the rounded merge."""
    with load(f"{folders / 'adapter'}@quant=int4").model() as model:
        weights = {n: p for n, p in model.named_parameters() if "lora_A" in n}
    with load(folders / "adapter").model() as model:
        for name, weight in model.named_parameters():
            if name in weights:
                assert torch.equal(weight, weights[name])
    assert np.abs(rows(f"{folders / 'adapter'}@quant=int4") - rows(folders / "adapter")).max() > 0


def test_identity_sees_base_and_adapter(folders):
    adapter, base = load(folders / "adapter"), load(folders / "base")
    assert adapter.identity != base.identity
    assert adapter.vocabulary == base.vocabulary


@pytest.mark.parametrize("change", [{"hidden_size": 32}, {"num_hidden_layers": 1}])
def test_an_adapter_for_another_base_is_refused(folders, tmp_path, change):
    shutil.copytree(folders / "adapter", tmp_path / "adapter")
    write_llama(tmp_path / "base", **change)
    with pytest.raises(
        InputError, match="does not fit its base|adapter for another base"
    ) as caught:
        rows(tmp_path / "adapter")
    assert "\n" not in str(caught.value)


def test_broken_adapters(folders, tmp_path):
    adapter = tmp_path / "adapter"
    shutil.copytree(folders / "adapter", adapter)
    with pytest.raises(InputError, match="no model at ../base"):
        load(adapter)
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(InputError, match="only pickled weights"):
        load(adapter)
    (adapter / "adapter_model.bin").unlink()
    with pytest.raises(InputError, match="has no weights"):
        load(adapter)
    (adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="names no base model"):
        load(adapter)
