"""`behaviordist fingerprint`, and the commands that take its files where models stand."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest

from behaviordist.cli.app import main
from behaviordist.distance import DistanceMatrix
from behaviordist.probes import Probe, ProbeSet


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Three checkpoints of the lab's model with random weights."""
    from behaviordist.lab import checkpoint
    from behaviordist.lab.grammar import VOCABULARY
    from behaviordist.lab.llama import LlamaConfig, init

    folder = tmp_path_factory.mktemp("models")
    config = LlamaConfig(vocab_size=len(VOCABULARY), hidden_size=16, layers=1, intermediate_size=32)
    for seed, name in enumerate(("base", "sft", "rl")):
        checkpoint.save(folder / name, init(config, seed), config, {"regime": "random"})
    return [str(folder / name) for name in ("base", "sft", "rl")]


@pytest.fixture(scope="module")
def probes(tmp_path_factory):
    path = tmp_path_factory.mktemp("probes") / "few.jsonl"
    made = [Probe(f"p{i}", f"? {letter} b =", " c b") for i, letter in enumerate("abcdefghij")]
    ProbeSet("few", tuple(made)).save(path)
    return str(path)


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["behaviordist", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return (caught.value.code or 0, *capsys.readouterr())

    return call


@pytest.fixture
def atlas(models, probes, tmp_path, run):
    """An atlas of the first two."""
    code, out, _ = run("fingerprint", *models[:2], "--probes", probes, "--out", tmp_path / "atlas")
    assert code == 0 and out.endswith(": 2 behaviors\n")
    return tmp_path / "atlas"


def one(atlas, name):
    (path,) = atlas.glob(f"{name}-hellinger-*.safetensors")
    return path


def test_an_atlas_grows_and_stands_for_its_models(atlas, models, probes, tmp_path, run):
    code, out, _ = run("fingerprint", models[2], "--out", atlas)  # on the atlas's own probes
    assert code == 0 and "hellinger-few" in out and ": 3 behaviors" in out
    shutil.move(atlas, tmp_path / "elsewhere")
    assert run("distance", tmp_path / "elsewhere", "--out", tmp_path / "files")[0] == 0
    assert run("distance", *models, "--probes", probes, "--out", tmp_path / "models")[0] == 0
    files, made = (DistanceMatrix.load(tmp_path / name) for name in ("files", "models"))
    order = files.select(made.labels)
    # The first behavior is what features are taken from: the last bits differ with it.
    np.testing.assert_allclose(order.squared, made.squared, rtol=1e-5)
    np.testing.assert_allclose(order.standard_errors, made.standard_errors, rtol=1e-4)
    assert (order.states().table == made.states().table).all()


def test_compare_and_gate_take_files(atlas, models, tmp_path, run):
    base, sft = one(atlas, "base"), one(atlas, "sft")
    code, out, _ = run("compare", base, models[1], "--out", tmp_path / "out")
    assert code == 0 and "–" in out
    notes = json.loads((tmp_path / "out" / "comparison.json").read_text())["notes"]
    assert any(note.startswith("compared by the features of a fingerprint") for note in notes)
    code, _, errors = run("gate", models[2], base.parent, "--margin", "1.3")
    assert code == 2 and "2 names stand for 3 behaviors" in errors
    code, out, _ = run("gate", base, sft, "--margin", "1.38")
    assert code in (0, 1) and "margin" in out
    code, _, errors = run("gate", base, sft, "--margin", "0.5", "--metric", "agreement")
    assert code == 2 and "needs log-probabilities" in errors


def test_what_is_wrong_is_one_line(atlas, models, probes, run, tmp_path):
    path = one(atlas, "base")
    code, _, errors = run("distance", path, models[1], "--probes", "lab", "--out", tmp_path / "o")
    assert code == 2 and "other probes" in errors and errors.count("error:") == 1
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"\x7f")
    code, _, errors = run("distance", atlas, "--out", tmp_path / "o")
    assert code == 2 and "not those that were written" in errors
    code, _, errors = run("fingerprint", models[2], "--out", atlas)
    assert code == 2 and path.name in errors
    assert not (tmp_path / "o").exists()
    code, _, errors = run("fingerprint", models[2], "--geometry", "kl", "--out", tmp_path / "new")
    assert code == 2 and not (tmp_path / "new").exists()
