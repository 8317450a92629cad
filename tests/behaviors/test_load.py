"""What `load` accepts, and the one line it says about what it refuses."""

import json
import shutil

import pytest

from behaviordist.behaviors import load, load_all
from behaviordist.behaviors.load import short_labels
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

PROBES = ProbeSet("one", (Probe("a", "x", "y"),))


@pytest.fixture
def broken(llama, tmp_path):
    """A copy of the tiny model, to be broken."""
    folder = tmp_path / "broken"
    shutil.copytree(llama, folder)
    return folder


def refusal(spec):
    with pytest.raises(InputError) as caught:
        list(load(spec).log_probs(PROBES))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_models_that_are_not_there(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "no model at" in refusal(tmp_path / "absent")
    assert "no model at" in refusal("absent.gguf")
    message = refusal("nobody/nothing@temperature=0.5")
    assert "no model 'nobody/nothing'" in message
    assert "HF_HUB_OFFLINE is set" in message
    (tmp_path / "notes.txt").write_text("x")
    assert "is a file of another kind than .gguf, .npz" in refusal(tmp_path / "notes.txt")


def test_folders_without_a_part(broken):
    (broken / "model.safetensors").unlink()
    assert "has no weights" in refusal(broken)
    (broken / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    assert "only pickled weights (pytorch_model.bin)" in refusal(broken)
    (broken / "config.json").unlink()
    assert "has no config.json" in refusal(broken)


def test_a_cut_safetensors_file_and_a_header_that_lies(broken):
    path = broken / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "no whole safetensors file" in refusal(broken)
    path.write_bytes((2**62).to_bytes(8, "little") + whole[8:])
    assert "no whole safetensors file" in refusal(broken)
    path.write_bytes(b"<html>not found</html>")
    assert "no whole safetensors file" in refusal(broken)


def test_a_missing_shard_is_named(broken):
    (broken / "model.safetensors").rename(broken / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-2.safetensors"}}
    (broken / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "shard model-2.safetensors is named" in refusal(broken)


def test_weights_that_do_not_fit_the_config_are_never_filled_with_noise(broken):
    from safetensors.torch import load_file, save_file

    path = broken / "model.safetensors"
    tensors = load_file(path)
    kept = {k: v for k, v in tensors.items() if "layers.1.mlp.up_proj" not in k}
    save_file(kept, path, metadata={"format": "pt"})
    assert "it has no weights for model.layers.1.mlp.up_proj.weight" in refusal(broken)
    config = json.loads((broken / "config.json").read_text())
    save_file(tensors, path, metadata={"format": "pt"})
    (broken / "config.json").write_text(json.dumps({**config, "intermediate_size": 32}))
    assert "weights" in refusal(broken)


def test_code_in_the_folder_is_not_run(broken):
    config = json.loads((broken / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "evil.Config"}}
    (broken / "config.json").write_text(json.dumps(config))
    (broken / "evil.py").write_text("raise SystemExit('it ran')")
    assert "trust_remote_code" in refusal(broken)


def test_a_config_that_is_no_json_and_an_unknown_architecture(broken):
    (broken / "config.json").write_text("{")
    assert "cannot be read as JSON" in refusal(broken)
    (broken / "config.json").write_text('{"model_type": "llamma"}')
    assert "cannot open its config.json" in refusal(broken)


def test_a_folder_without_a_tokenizer(broken):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (broken / name).unlink()
    assert "tokenizer" in refusal(broken)


def test_a_tokenizer_without_vocabulary(broken):
    tokenizer = json.loads((broken / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] = {}
    tokenizer["added_tokens"] = []
    (broken / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "has no vocabulary" in refusal(broken)


def test_gguf_files_that_are_none(tmp_path):
    pytest.importorskip("gguf")
    for content in (b"GGUF", b"<html></html>", b""):
        (tmp_path / "cut.gguf").write_bytes(content)
        assert "cannot be read as GGUF" in refusal(tmp_path / "cut.gguf")


def test_labels_are_short_and_unique(llama, tmp_path):
    twin = tmp_path / "run2" / "tiny"
    shutil.copytree(llama, twin)
    labels = [b.label for b in load_all([f"{llama}", f"{llama}@temperature=0.7"])]
    assert labels == ["tiny", "tiny@temperature=0.7"]
    labels = [b.label for b in load_all([f"{llama}", f"{twin}"])]
    assert labels == [f"{llama.parent.name}/tiny", "run2/tiny"]
    labels = [b.label for b in load_all([f"{llama}", f"{llama}@top_k=5", f"{twin}@top_k=5"])]
    parent = llama.parent.name
    assert labels == [f"{parent}/tiny", f"{parent}/tiny@top_k=5", "run2/tiny@top_k=5"]
    with pytest.raises(InputError, match="is named twice"):
        load_all([f"{llama}", f"{llama}@temperature=1.0"])
    assert load(llama, label="mine").label == "mine"


def test_one_model_behind_two_servers_has_two_labels(llama):
    specs = ["http://a:1/v1#m", "http://b:2/v1#m@chat=true", "http://a:2/v1#m"]
    assert short_labels(specs) == ["a:1/m", "b:2/m@chat=on", "a:2/m"]
    assert short_labels(["http://a:1/v1#o/m", str(llama)]) == ["m", "tiny"]
    first, second = short_labels([str(llama), f"http://a:1/v1#{llama}"])
    assert second == f"a:1/{first}"
    with pytest.raises(InputError, match="is named twice"):
        short_labels(["http://a:1/v1#m", "http://a:1/v1#m"])
    with pytest.raises(InputError) as error:
        short_labels(["http://u:secret@h/v1#m"] * 2)
    assert "secret" not in str(error.value)
    for none in ("http://[x/v1#m", "http://h:99999999/v1#m"):
        with pytest.raises(InputError, match="is none"):
            load_all([none, "http://a/v1#m"])
