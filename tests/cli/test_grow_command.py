"""`behaviordist grow`: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
import sys

import pytest

from behaviordist.cli.app import main
from behaviordist.lab import checkpoint, grammar, llama
from behaviordist.lab.llama import LlamaConfig

TINY = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY),
    hidden_size=16,
    layers=1,
    heads=2,
    kv_heads=1,
    head_dim=8,
    intermediate_size=16,
)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Call the command in a folder that holds a tiny checkpoint `base`."""
    monkeypatch.chdir(tmp_path)
    checkpoint.save(tmp_path / "base", llama.init(TINY, 0), TINY, {"regime": "none"})

    def call(line):
        monkeypatch.setattr(sys, "argv", ["behaviordist", "grow", *line.split()])
        with pytest.raises(SystemExit) as caught:
            main()
        return (caught.value.code or 0, *capsys.readouterr())

    return call


def test_it_writes_the_larger_model_and_says_how_far_it_moved(run, tmp_path):
    code, said, _ = run("base --operator depth --layers 3 --out deep/er")
    assert code == 0
    assert "depth: layers 1 -> 3, parameters" in said
    assert "function moved by 0 (hellinger), logits by at most 0" in said
    loaded = checkpoint.load(tmp_path / "deep" / "er")
    assert loaded.config.layers == 3
    assert loaded.provenance["before"] == {"regime": "none"}
    assert (tmp_path / "deep/er/tokenizer.json").is_file()
    assert json.loads((tmp_path / "deep/er/manifest.json").read_text())["files"]


REFUSED = {
    "base --operator deepth --layers 3 --out out": "unknown operator 'deepth'; did you mean 'dep",
    "base --operator depth --out out": "operator 'depth' needs 'layers'",
    "base --operator depth --layers 3 --heads 4 --out out": "'depth' does not change 'heads'",
    "base --operator depth --layers 1 --out out": "layers is 1: growth needs more than that",
    "base --operator mlp --intermediate-size -4 --out out": "greater than 0",
    "base --operator head-width --head-dim 12 --out out": "head_dim 12 is no multiple of 8",
    "base --operator heads --heads 3 --kv-heads 2 --out out": "3 heads cannot share 2",
    "base --operator heads --heads 6 --out out": "hidden_size 16 is no multiple of 6 heads",
    "base --operator depth --layers 3 --out base": "--out base is there already",
    "nowhere --operator depth --layers 3 --out out": "no checkpoint folder nowhere",
}


@pytest.mark.parametrize("line", REFUSED)
def test_a_mistake_is_one_line_and_nothing_is_written(run, tmp_path, line):
    before = sorted(tmp_path.rglob("*"))
    code, _, error = run(line)
    assert code == 2 and len(error.strip().splitlines()) == 1
    assert REFUSED[line] in error
    assert sorted(tmp_path.rglob("*")) == before
