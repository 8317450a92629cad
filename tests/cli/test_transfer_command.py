"""`behaviordist transfer` on tiny models: tables that `test` reads, resume, what costs nothing."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("trl")

from behaviordist.cli.app import main
from behaviordist.regimes.files import load_regime
from behaviordist.regimes.rows import read_rows
from behaviordist.store.tables import read_costs

from ..engines.trl_worlds import answers, tiny_model, write_rows


def command(*arguments):
    sys.argv = ["behaviordist", *map(str, arguments)]
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def write_regime(folder, task, answer, every=5, rate=0.005):
    write_rows(folder / f"{task}.train.jsonl", answers(answer)[8:])
    write_rows(folder / f"{task}.held-out.jsonl", answers(answer)[:8])
    path = folder / f"{task}.yaml"
    path.write_text(
        f"algorithm: sft\ntask: {task}\nbudget: 20\nbatch_size: 16\nlearning_rate: {rate}\n"
        f"convergence: {{at_least: 0.5, consecutive: 1, every: {every}, strings: 8}}\n"
        f"data: {{train: {task}.train.jsonl, held_out: {task}.held-out.jsonl}}\n"
    )
    return path


def test_sources_times_targets(tmp_path, capsys):
    one = tiny_model(tmp_path / "one")
    two = tiny_model(tmp_path / "two", seed=1)
    targets = [write_regime(tmp_path, "ab", "a b"), write_regime(tmp_path, "cd", "c d")]
    call = ["transfer", "--sources", one, two, "--targets", *targets, "--seeds", "1"]
    out = tmp_path / "out"
    assert command(*call, "--out", out) == 0
    rows = pd.read_parquet(out / "transfers.parquet")
    assert set(rows["source"]) == {"one", "two"} and set(rows["target"]) == {"sft-ab", "sft-cd"}
    assert (rows["tau"] == 0.45).all(), "0.9 of the stated level, without a base"
    costs, censored = read_costs(out / "costs.csv")
    for source in ("one", "two"):
        for target in ("sft-ab", "sft-cd"):
            run = rows[(rows["source"] == source) & (rows["target"] == target)]
            reached = run.loc[run["score"] >= 0.45, "step"]
            wanted = reached.min() if len(reached) else 20
            assert costs.loc[source, target] == wanted > 0
    assert json.loads((out / "run.json").read_text())["kind"] == "transfer"
    # Again: nothing is trained, nothing changes.
    before = (out / "transfers" / "sft-ab" / "one-s0.json").stat().st_mtime_ns
    capsys.readouterr()
    assert command(*call, "--out", out) == 0
    assert (out / "transfers" / "sft-ab" / "one-s0.json").stat().st_mtime_ns == before
    assert command("report", out) == 0


@pytest.mark.slow
def test_a_base_alone_is_a_source_and_kept_runs_are_checkpoints(tmp_path, capsys):
    base = tiny_model(tmp_path / "base", seed=2)
    ab, cd = (write_regime(tmp_path, *names) for names in (("ab", "a b"), ("cd", "c d")))
    out = tmp_path / "out"
    call = ["transfer", "--base", base, "--targets", ab, "--seeds", "1", "--out", out]
    assert command(*call, "--also-score", cd) == 0
    rows = pd.read_parquet(out / "transfers.parquet")
    assert set(rows["source"]) == {"base"} and not (out / "tuned").exists()
    assert json.loads((out / "run.json").read_text())["notes"][-1].startswith("sft-cd: score ")
    # Samples and bits: sixteen examples a step, each coded by the model before the step.
    steps, nats = rows["step"].to_numpy(), _nats(out / "transfers" / "sft-ab" / "base-s0.json")
    assert rows["samples"].tolist() == [16 * step for step in steps]
    last = np.interp(np.arange(steps[-1]), steps, nats).sum() * 16 / np.log(2)
    assert rows["bits"].iloc[-1] == pytest.approx(last)
    cost, measures = read_costs(out / "costs.csv")[0].loc["base", "sft-ab"], out / "measures"
    counted = {path.stem: read_costs(path)[0].loc["base", "sft-ab"] for path in measures.iterdir()}
    assert set(counted) == {"samples", "bits", "tokens", "flops"}
    assert counted["samples"] == 16 * cost
    # The same question with --keep: the same curve, and its weights.
    assert command(*call, "--also-score", cd, "--keep") == 0
    kept = out / "tuned" / "sft-ab" / "base-s0"
    again = pd.read_parquet(out / "transfers.parquet")
    same = [name for name in rows if name != "seconds"]
    pd.testing.assert_frame_equal(rows[same], again[same])
    reached = json.loads((kept / "provenance.json").read_text())
    assert reached["evidence"]["scores"] == rows["score"].tolist()
    # Kept weights score what the curve ends with, on both regimes.
    lost = pd.read_csv(out / "forgetting.csv").iloc[0]
    assert (lost["scored"], lost["steps"]) == ("sft-cd", steps[-1])
    for path, score in ((ab, rows["score"].iloc[-1]), (cd, lost["end"])):
        assert scored(path, kept) == pytest.approx(score, rel=1e-4)
    assert scored(cd, base) == pytest.approx(lost["start"], rel=1e-4)
    assert lost["forgotten"] == pytest.approx(lost["start"] - lost["end"], rel=1e-9)
    assert (out / "behaviors" / "base").resolve() == base
    assert (out / "behaviors" / "sft-ab" / "model.safetensors").is_file()
    capsys.readouterr()
    assert command("transfer", "--targets", ab, "--out", tmp_path / "none") == 2
    assert "name checkpoints by --sources" in capsys.readouterr().err


def _nats(path):
    return [row["nats"] for row in json.loads(path.read_text())["rows"]]


def scored(path, checkpoint):
    """Return the mean probability of the held-out answers, by a plain loop over `transformers`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    chances = []
    for row in read_rows(load_regime(path), held_out=True):
        prompt = tokenizer(row["prompt"])["input_ids"]
        answer = tokenizer(row["completion"], add_special_tokens=False)["input_ids"]
        answer = [*answer, tokenizer.eos_token_id]
        with torch.no_grad():
            log_p = model(torch.tensor([[*prompt, *answer]])).logits[0].log_softmax(-1)
        chances.append(sum(log_p[len(prompt) - 1 + i, t] for i, t in enumerate(answer)).exp())
    return float(sum(chances) / len(chances))


def test_train_writes_a_checkpoint_once_and_refuses_another_question(tmp_path, capsys):
    base = tiny_model(tmp_path / "base", seed=2)
    regime, out = write_regime(tmp_path, "ab", "a b"), tmp_path / "sft-ab"
    call = ["train", regime, "--from", base, "--out", out]
    assert command(*call) == 0
    reached = json.loads((out / "provenance.json").read_text())
    assert scored(regime, out) == pytest.approx(reached["score"], rel=1e-4)
    assert "sft-ab" in capsys.readouterr().out
    assert (out / "answers.jsonl").is_file() and not (tmp_path / "sft-ab.work").exists()
    before = (out / "model.safetensors").stat().st_mtime_ns
    assert command(*call) == 0
    assert (out / "model.safetensors").stat().st_mtime_ns == before
    capsys.readouterr()
    assert command(*call, "--seed", "1") == 2
    assert "give a new folder" in capsys.readouterr().err
    assert command("train", regime, "--from", tmp_path / "nowhere", "--out", out) == 2
    assert (out / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.slow
def test_the_recipe_from_regime_files_to_a_verdict_by_commands_alone(tmp_path):
    """`train`, `transfer`, `distance`, `test`, as docs/guides/regime.md has them."""
    base = tiny_model(tmp_path / "base", seed=2)
    answers_of = {"ab": "a b", "ac": "a c", "ba": "b a", "cd": "c d"}
    targets = [
        write_regime(tmp_path, task, answer, every=1, rate=0.001)
        for task, answer in answers_of.items()
    ]
    sources = [tmp_path / "mine" / path.stem for path in targets]
    for path, source in zip(targets, sources, strict=True):
        assert command("train", path, "--from", base, "--out", source) == 0
    out = tmp_path / "out"
    call = ["transfer", "--sources", *sources, "--targets", *targets, "--base", base, "--keep"]
    assert command(*call, "--seeds", "1", "--out", out) == 0
    rows = pd.read_parquet(out / "transfers.parquet")
    assert len(rows.groupby(["source", "target"])) == 4 * 4, "the base is a source, no own target"
    for target in rows["target"].unique():
        own = json.loads((out / "checkpoints" / f"{target}-s0" / "provenance.json").read_text())
        tau = rows.loc[rows["target"] == target, "tau"]
        assert tau.to_numpy() == pytest.approx(0.9 * own["score"])
    behaviors = sorted((out / "behaviors").iterdir())
    assert [path.name for path in behaviors] == ["base", *sorted(f"sft-{t}" for t in answers_of)]
    measured = tmp_path / "distances"
    assert command("distance", *behaviors, "--probes", "lab", "--out", measured) == 0
    given = ["--distances", measured / "distances.csv", "--costs", out / "costs.csv"]
    tested = tmp_path / "test"
    assert command("test", *given, "--permutations", "99", "--out", tested) == 0
    found = json.loads((tested / "test.json").read_text())
    # The base was no target, so a square test has each target's three other behaviors.
    assert found["n_pairs"] == 3 * found["n_targets"] >= 6
    assert 0 < found["statistic"]["p_value"] <= 1
    tuned = sorted((out / "tuned" / "sft-ab").iterdir())
    assert len(tuned) == 4
    assert command("distance", *tuned, "--probes", "lab", "--out", tmp_path / "near") == 0
