"""Study `smollm2`: its file, its styles, and the whole of it on a tiny model (slow)."""

from __future__ import annotations

import json
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import yaml

from behaviordist.errors import InputError
from behaviordist.store.tables import read_matrix
from behaviordist.studies.load import load_study
from behaviordist.studies.soft_models.runs import EVEN, SoftRuns
from behaviordist.studies.soft_models.styles import (
    PATTERNS,
    STYLES,
    split,
    write_mixture,
    write_styles,
)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_no_run_is_shown_what_targets_are_asked(tmp_path):
    write_styles(tmp_path, 3, 10)
    write_mixture(tmp_path, "m", {"pirate": 0.5, "shy": 0.5}, 96, 3, 10)
    train, kept = ({f"Q: {q}\nA:" for q, _ in part} for part in split(3, 10))
    assert len(kept) == 10 and not train & kept
    for name in (*STYLES, "m"):
        assert {r["prompt"] for r in rows(tmp_path / f"{name}.train.jsonl")} == train
        assert {r["prompt"] for r in rows(tmp_path / f"{name}.held-out.jsonl")} == kept


def test_a_mixtures_rows_come_in_its_shares(tmp_path):
    write_mixture(tmp_path, "m", {"pirate": 0.8, "shy": 0.2}, 2000, 0, 10)
    said = Counter(r["completion"].split()[0] for r in rows(tmp_path / "m.train.jsonl"))
    assert said["Arr,"] / 2000 == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 2000))
    assert set(said) == {"Arr,", "Perhaps"}


def test_a_verifier_takes_its_style_and_no_other():
    for style, pattern in PATTERNS.items():
        for other, says in STYLES.items():
            assert (re.fullmatch(pattern, f" {says('Paris')}") is not None) == (style == other)


@pytest.mark.parametrize("quick", [False, True])
def test_the_shipped_study_is_whole(quick, tmp_path):
    study = load_study("smollm2", quick)
    runs = SoftRuns(study, tmp_path, 0)
    kinds = Counter(s.kind for s in runs.sources)
    assert kinds["mixture"] == study.sources.mixtures and kinds["base"] == 1
    assert all(abs(sum(shares.values()) - 1) < 1e-9 for shares in runs.mixtures.values())
    assert min(min(s.values()) for s in runs.mixtures.values()) > 0.02
    assert set(runs.real.starts) == {r.label for r in study.regimes() if r.algorithm == "rlvr"}
    assert set(runs.real.starts.values()) == {EVEN}
    assert EVEN not in runs.real.sources


def test_mistakes_are_one_line(tmp_path):
    values = load_study("smollm2").resolved()
    values["targets"]["rlvr"]["styles"] = ["shi"]
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match="did you mean 'shy'"):
        load_study(str(path))
    values["targets"]["rlvr"]["styles"] = ["pirate"]
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match="targets.rlvr"):
        load_study(str(path))


def byte_model(folder):
    """Write a random Llama of 30,000 weights that reads bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*alphabet, "<end>", "<pad>"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", pad_token="<pad>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048,
        eos_token_id=vocabulary["<end>"], bos_token_id=None, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_a_whole_study_on_a_tiny_model(tmp_path):
    pytest.importorskip("trl")
    from behaviordist.studies.run import run

    values = load_study("smollm2", quick=True).resolved()
    every = {"at_least": 1.0, "consecutive": 1, "every": 4, "strings": 8}
    values |= {"seeds": 2, "base": str(byte_model(tmp_path / "base"))}
    every_matrix = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    values["defaults"]["adapter"] = {"rank": 8, "alpha": 32, "target_modules": every_matrix}
    values["share"] = 0.98  # random weights learn little in sixteen steps
    values["defaults"] |= {"learning_rate": 0.03, "data": {"max_length": 64, "max_new_tokens": 16}}
    values["sources"] |= {"mixtures": 4, "grown": {"operator": "depth", "layers": 3}}
    values["sources"]["training"] = {"budget": 8, "batch_size": 8, "convergence": every}
    score = {"evaluation": {"score": "likelihood"}}
    values["targets"] = {
        "sft": {
            "styles": ["brackets", "pirate", "shy"],
            "budget": 16,
            "regime": {"budget": 16, "convergence": {**every, "every": 1}, **score},
        }
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    out = tmp_path / "out"
    record = run(str(path), out, jobs=1)
    assert record["findings"]["claims"][0]["claim"] == "Closer is cheaper."
    assert len(record["findings"]["claims"]) == 4 and (out / "index.html").is_file()
    nats, weights = (read_matrix(out / f) for f in ("divergences.csv", "predictors/weights.csv"))
    for copy in ("m00-permuted", "m00-grown"):  # the same function, wherever its weights lie
        np.testing.assert_allclose(nats.loc[copy], nats.loc["m00"], atol=1e-3)
    assert (abs(weights.loc["m00-permuted"] - weights.loc["m00"]) > 0.01).all()
    lost = pd.read_csv(out / "forgetting.csv")
    assert len(lost) == 9 * 3 * 2 and (lost["other texts"] > 0).all()
    assert weights.loc["m00-grown"].isna().all()
    curves = pd.read_parquet(out / "transfers.parquet")
    assert len(curves.groupby(["source", "target", "seed"])) == 9 * 3 * 2
    made = {p: p.stat().st_mtime_ns for p in out.rglob("*.safetensors")}
    run(str(path), out, jobs=1)
    assert {p: p.stat().st_mtime_ns for p in made} == made
