"""`behaviordist distance --geometry kl|overlap` and `grow --operator permute`, end to end."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
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
    """Call the command in a folder that holds two tiny checkpoints, `a` and `b`."""
    monkeypatch.chdir(tmp_path)
    for name, seed in (("a", 0), ("b", 1)):
        checkpoint.save(tmp_path / name, llama.init(TINY, seed), TINY, {})

    def call(line):
        monkeypatch.setattr(sys, "argv", ["behaviordist", *line.split()])
        with pytest.raises(SystemExit) as caught:
            main()
        return (caught.value.code or 0, *capsys.readouterr())

    return call


def table(path):
    return pd.read_csv(path, index_col=0)


def test_a_permuted_copy_is_the_same_function(run, tmp_path):
    code, said, _ = run("grow a --operator permute --out copy --seed 3")
    assert code == 0 and "function moved by" in said
    line = "distance a copy b --geometry kl --probes-limit 6 --answer-tokens 3 --margin 0.01"
    code, said, error = run(f"{line} --out out")
    assert code == 0, error
    found = table(tmp_path / "out" / "divergences.csv")
    assert abs(found.loc["a", "copy"]) < 1e-4 and found.loc["a", "b"] > 0.1
    assert np.allclose(np.diag(found), 0)
    page = (tmp_path / "out" / "index.html").read_text()
    assert "KL(f_B || f_A)" in page and "undecided" not in page
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["geometry"] == "kl" and record["provenance"]["cpu"]


def test_targets_may_be_what_somebody_said(run, tmp_path):
    row = {"prompt": "? a b c d e =", "answer": " a b"}
    (tmp_path / "said.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    code, _, error = run("distance a b --geometry kl --targets said.jsonl --out out")
    assert code == 0, error
    assert list(table(tmp_path / "out" / "divergences.csv").columns) == ["said"]
    assert "cross-entropy" in (tmp_path / "out" / "index.html").read_text()


REFUSED = {
    "distance a --geometry kl --out out": "between two",
    "distance a b --targets said.jsonl --out out": "go with --geometry kl or overlap",
    "distance a b --geometry kl --targets none.jsonl --out out": "no such file of answers",
    "distance a b --geometry overlap --per token --out out": "per answer",
    "distance a b --geometry kl --error 0.0001 --probes-limit 4 --answer-tokens 2 --out out":
        "more answers a probe",
    "grow a --operator permute --layers 3 --out out": "does not change 'layers'",
}  # fmt: skip


@pytest.mark.parametrize("line", REFUSED)
def test_bad_input_is_one_line(run, line):
    code, _, error = run(line)
    assert code == 2 and REFUSED[line] in error and error.count("\n") == 1
