"""Packed checkpoints on a processor, against the arithmetic of their formats."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from behaviordist.behaviors import load
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import write_llama

PROBES = ProbeSet("two", (Probe("a", "Once upon", " a time"), Probe("b", "x", " = 12;")))
GROUP = 32


def rows(model):
    return np.concatenate([block.log_p for block in load(str(model)).log_probs(PROBES)])


def int4(weight):
    """Four bits, eight numbers an int32 from the lowest bits up, each stored 8 higher."""
    grouped = weight.reshape(len(weight), -1, GROUP)
    scale = np.abs(grouped).max(axis=-1) / 7
    q = np.clip(np.round(grouped / scale[..., None]), -8, 7).reshape(weight.shape)
    nibbles = (q + 8).astype(np.uint32).reshape(len(weight), -1, 8)
    packed = np.bitwise_or.reduce(nibbles << np.arange(0, 32, 4, dtype=np.uint32), axis=-1)
    whole = q.reshape(grouped.shape) * scale[..., None]
    stored = {
        "weight_packed": torch.from_numpy(packed.view(np.int32)),
        "weight_scale": torch.from_numpy(scale.astype(np.float32)),
        "weight_shape": torch.tensor(weight.shape),
    }
    return stored, whole.reshape(weight.shape)


def int8(weight):
    """Eight bits, one scale an output channel."""
    scale = np.abs(weight).max(axis=1, keepdims=True) / 127
    q = np.round(weight / scale)
    stored = {
        "weight": torch.from_numpy(q.astype(np.int8)),
        "weight_scale": torch.from_numpy(scale.astype(np.float32)),
    }
    return stored, q * scale


def fp8(weight):
    """E4M3, one scale an output channel; torch's own cast is the grid."""
    scale = np.abs(weight).max(axis=1, keepdims=True) / 448
    q = torch.from_numpy((weight / scale).astype(np.float32)).to(torch.float8_e4m3fn)
    stored = {"weight": q, "weight_scale": torch.from_numpy(scale.astype(np.float32))}
    return stored, q.double().numpy() * scale


def blocks(weight):
    """E4M3, one scale a block of 32 x 32."""
    rows, columns = (size // GROUP for size in weight.shape)
    cut = weight.reshape(rows, GROUP, columns, GROUP)
    scale = np.abs(cut).max(axis=(1, 3), keepdims=True) / 448
    q = torch.from_numpy((cut / scale).reshape(weight.shape).astype(np.float32))
    q = q.to(torch.float8_e4m3fn)
    inverse = torch.from_numpy(scale[:, 0, :, 0].astype(np.float32))
    whole = (q.double().numpy().reshape(cut.shape) * scale).reshape(weight.shape)
    return {"weight": q, "weight_scale_inv": inverse}, whole


FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [GROUP, GROUP]}
KINDS = {
    "pack-quantized": (int4, {"num_bits": 4, "strategy": "group", "group_size": GROUP}),
    "int-quantized": (int8, {"num_bits": 8, "strategy": "channel"}),
    "float-quantized": (fp8, {"num_bits": 8, "strategy": "channel", "type": "float"}),
}


def write_packed(folder, kind):
    """Write a Llama packed under `folder`, the same with plain numbers under `folder`-plain."""
    from safetensors.torch import load_file, save_file

    plain = folder.with_name(f"{folder.name}-plain")
    write_llama(plain)
    shutil.copytree(plain, folder)
    pack, scheme = KINDS.get(kind, (blocks, {}))
    tensors = load_file(plain / "model.safetensors")
    packed, whole = dict(tensors), dict(tensors)
    for name in [n for n in tensors if n.endswith("_proj.weight")]:
        stored, unpacked = pack(tensors[name].double().numpy())
        del packed[name]
        packed |= {name.replace("weight", key): value for key, value in stored.items()}
        whole[name] = torch.from_numpy(unpacked.astype(np.float32))
    save_file(packed, folder / "model.safetensors", {"format": "pt"})
    save_file(whole, plain / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    weights = {"type": "int", "symmetric": True, **scheme}
    compressed = {
        "quant_method": "compressed-tensors",
        "format": kind,
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights, "format": kind}},
    }
    config["quantization_config"] = FP8 if kind == "blocks" else compressed
    (folder / "config.json").write_text(json.dumps(config))
    return plain


def edit(folder, change):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config["quantization_config"])
    path.write_text(json.dumps(config))


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
def test_compressed_tensors_are_run_as_their_arithmetic_says(tmp_path, kind):
    pytest.importorskip("compressed_tensors", reason="compressed-tensors is not installed")
    plain = write_packed(tmp_path / "m", kind)
    write_llama(tmp_path / "before")
    np.testing.assert_allclose(rows(tmp_path / "m"), rows(plain), atol=2e-5)
    assert np.abs(rows(tmp_path / "before") - rows(plain)).max() > 1e-3  # it was rounded
    with pytest.raises(InputError, match="quantised already"):
        load(f"{tmp_path / 'm'}@quant=int8")


def test_blocks_of_fp8_are_unpacked_on_a_processor(tmp_path):
    """The `fp8` of transformers: E4M3, one scale a block of 32 x 32, stored as its inverse."""
    plain = write_packed(tmp_path / "m", "blocks")
    np.testing.assert_allclose(rows(tmp_path / "m"), rows(plain), atol=2e-5)
    assert "packed by fp8" in " ".join(load(tmp_path / "m").notes)


def test_activations_that_are_rounded_too_are_named(tmp_path):
    """int8 by int8: every text's activations on a grid of their own, told in the notes."""
    pytest.importorskip("compressed_tensors", reason="compressed-tensors is not installed")
    plain = write_packed(tmp_path / "m", "int-quantized")
    inputs = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}
    edit(tmp_path / "m", lambda q: q["config_groups"]["group_0"].update(input_activations=inputs))
    assert "activations are rounded too" in " ".join(load(tmp_path / "m").notes)
    by_hand = rounded_inputs(plain)
    np.testing.assert_allclose(rows(tmp_path / "m"), by_hand, atol=2e-3)
    assert np.abs(rows(plain) - by_hand).max() > 0.05
    edit(tmp_path / "m", lambda q: inputs_of(q).update(strategy="tensor"))
    with pytest.raises(InputError, match="one scale for all texts of a batch"):
        load(tmp_path / "m")


def inputs_of(told):
    return told["config_groups"]["group_0"]["input_activations"]


def rounded_inputs(folder):
    """The plain model, every token's inputs of its matrices rounded to 255 steps."""
    from transformers import AutoModelForCausalLM

    def rounded(module, arguments):
        (x,) = arguments
        scale = x.abs().amax(dim=-1, keepdim=True) / 127.5
        return ((x / scale).round().clamp(-128, 127) * scale,)

    model = AutoModelForCausalLM.from_pretrained(folder)
    for name, module in model.named_modules():
        if name.endswith("_proj"):
            module.register_forward_pre_hook(rounded)
    found = {}
    for item in load(folder).encoder()(PROBES):
        with torch.no_grad():
            logits = model(torch.tensor([item.ids])).logits[0].double().log_softmax(-1)
        found[item.index] = logits[-item.scored - 1 : -1].numpy()
    order = [i for block in load(folder).log_probs(PROBES) for i in dict.fromkeys(block.probe)]
    return np.concatenate([found[i] for i in order])


def test_without_its_package_the_extra_is_named(tmp_path, monkeypatch):
    write_packed(tmp_path / "m", "pack-quantized")
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None)
    with pytest.raises(InputError, match="compressed-tensors.*pip install 'behaviordist\\[quant"):
        load(tmp_path / "m")


ABSENT = {
    "hqq": {"nbits": 4, "group_size": 64},
    "gptq": {"bits": 4, "group_size": 32},
    "awq": {"bits": 4, "group_size": 32, "zero_point": True, "version": "gemm"},
    "bitsandbytes": {"load_in_4bit": True},
    "quanto": {"weights": "int8"},
    "aqlm": {},
    "auto-round": {"bits": 4, "group_size": 32},
}


@pytest.mark.parametrize("method", ABSENT)
def test_a_method_without_its_package_is_one_line_that_names_it(tmp_path, method):
    """Nothing is run: what cannot be unpacked is never filled with numbers that were not stored."""
    from safetensors.torch import load_file, save_file

    packages = {"gptq": "optimum", "awq": "gptqmodel", "auto-round": "auto_round"}
    if find_spec(packages.get(method, method)):
        pytest.skip(f"{method} is installed")
    write_llama(tmp_path / "m")
    tensors = load_file(tmp_path / "m/model.safetensors")
    whole = tensors.pop("model.layers.0.mlp.up_proj.weight")
    tensors["model.layers.0.mlp.up_proj.qweight"] = torch.zeros(8, len(whole), dtype=torch.int32)
    save_file(tensors, tmp_path / "m/model.safetensors", {"format": "pt"})
    told = {"quantization_config": {"quant_method": method, **ABSENT[method]}}
    path = tmp_path / "m/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | told))
    with pytest.raises(InputError) as caught:
        list(load(tmp_path / "m").log_probs(PROBES))
    said = str(caught.value)
    assert "\n" not in said and str(tmp_path / "m") in said
    assert method.replace("-", "") in said.lower().replace("-", "")
