"""The callback in TRL's trainers: its numbers by other code, the run the same, pace, stop."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("trl")

import torch
from scipy.special import rel_entr
from transformers import AutoModelForCausalLM, AutoTokenizer

import behaviordist as bd
from behaviordist.engines.trl_models import quiet
from behaviordist.errors import InputError
from behaviordist.integrations import BehaviorDistanceCallback
from behaviordist.integrations.pace import Pace, rounded_up
from behaviordist.probes import Probe, ProbeSet
from tests.engines.trl_worlds import LETTERS, tiny_model
from tests.test_snippets import python_block

PROBES = ProbeSet("few", tuple(Probe(f"p{i}", f"? {x} a =", " b c") for i, x in enumerate(LETTERS)))
OLD = ProbeSet("old", tuple(Probe(f"o{x}", f"? {x} d =", f" {x} d") for x in LETTERS))


def trainer_of(folder, *, steps=6, rate=5e-3, answer="a b", seed=0, **more):
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    start = tiny_model(folder / "start")
    model = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(start)
    rows = [
        {"prompt": f"? {x} {y} =", "completion": f" {answer}"} for x in LETTERS for y in LETTERS
    ]
    settings = {
        "output_dir": str(folder / "run"), "max_steps": steps, "learning_rate": rate,
        "per_device_train_batch_size": 8, "use_cpu": True, "bf16": False, "report_to": [],
        "disable_tqdm": True, "save_strategy": "no", "logging_steps": 1, "seed": seed,
        "gradient_checkpointing": False, "dataloader_pin_memory": False, **more,
    }  # fmt: skip
    with quiet():
        return SFTTrainer(
            model, args=SFTConfig(**settings), train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
        )  # fmt: skip


def train(trainer, **options):
    with quiet():
        trainer.train(**options)


def log_p(model, folder, probes):
    """Log-probabilities by a plain loop, float64, one array a probe."""
    tokenizer, rows = AutoTokenizer.from_pretrained(folder / "start"), []
    for probe in probes:
        prompt = tokenizer(probe.prompt)["input_ids"]
        ids = tokenizer(probe.prompt + probe.continuation)["input_ids"]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].double()
        rows.append(logits.log_softmax(-1)[len(prompt) - 1 : -1].numpy())
    return rows


def test_what_is_logged_is_what_plain_code_finds(tmp_path):
    trainer = trainer_of(tmp_path, rate=1e-2)
    start = tiny_model(tmp_path / "start")
    other = tiny_model(tmp_path / "other", seed=3)
    answers = bd.AnswerSet("b", PROBES.probes, ((bd_answer(" b c", -0.5),),) * len(PROBES))
    watch = BehaviorDistanceCallback(
        PROBES, every=3, reference=str(other), targets={"b": answers}, held_out={"old": OLD}
    ).attach(trainer)
    train(trainer)
    logged = [row for row in trainer.state.log_history if "behavior/distance" in row]
    assert [row["step"] for row in logged] == [0, 3, 6] == [look["step"] for look in watch.looks]
    assert logged[0]["behavior/distance"] == 0 == logged[0]["behavior/forgetting/old"]
    assert "behavior/shift_cosine" not in logged[0]
    models = [AutoModelForCausalLM.from_pretrained(p, dtype=torch.float32) for p in (start, other)]
    now, first, theirs = (
        [np.exp(rows) for rows in log_p(m, tmp_path, PROBES)]
        for m in (trainer.model.eval(), *models)
    )

    def mean(f, *columns):
        return np.mean([f(*rows).sum(-1).mean() for rows in zip(*columns, strict=True)])

    last = {k.removeprefix("behavior/"): v for k, v in logged[-1].items()}
    assert last["kl_now_start"] == pytest.approx(mean(rel_entr, now, first), rel=1e-4)
    assert last["kl_start_now"] == pytest.approx(mean(rel_entr, first, now), rel=1e-4)
    assert last["kl_now_reference"] == pytest.approx(mean(rel_entr, now, theirs), rel=1e-4)
    each = [rel_entr(p, q).sum(-1).mean() for p, q in zip(now, first, strict=True)]
    assert last["kl_now_start_error"] == pytest.approx(np.std(each, ddof=1) / 6**0.5, rel=1e-3)
    squared = mean(lambda p, q: (p**0.5 - q**0.5) ** 2, now, first)
    wanted = mean(lambda p, q: (p**0.5 - q**0.5) ** 2, theirs, first)
    both = mean(lambda p, q, r: (p**0.5 - r**0.5) * (q**0.5 - r**0.5), now, theirs, first)
    assert last["distance"] == pytest.approx(squared**0.5, rel=1e-4)
    assert last["shift_cosine"] == pytest.approx(both / (squared * wanted) ** 0.5, abs=1e-4)
    said = -np.mean([spelled(rows, p, tmp_path) for rows, p in zip(now, PROBES, strict=True)])
    assert last["surprise/b"] == pytest.approx(said, rel=1e-4)
    assert last["kl/b"] == pytest.approx(said - 0.5, rel=1e-4)
    old = []
    for model in (trainer.model, models[0]):
        rows = [np.exp(row) for row in log_p(model, tmp_path, OLD)]
        old.append([spelled(p, probe, tmp_path) for p, probe in zip(rows, OLD, strict=True)])
    assert last["score/old"] == pytest.approx(np.exp(old[0]).mean(), rel=1e-4)
    assert last["forgetting/old"] == pytest.approx((np.sum(old[1]) - np.sum(old[0])) / 12, rel=1e-3)


def bd_answer(text, log_p):
    from behaviordist.distance.directed import Answer

    return Answer(text, False, 1.0, log_p)


def spelled(p, probe, folder):
    """Log-probability of a probe's continuation under rows of probabilities."""
    tokenizer = AutoTokenizer.from_pretrained(folder / "start")
    ids = tokenizer(probe.continuation, add_special_tokens=False)["input_ids"]
    return sum(np.log(p[i, t]) for i, t in enumerate(ids))


@pytest.mark.slow
def test_the_run_is_the_same_with_the_callback_and_without(tmp_path):
    weights = []
    for watched in (False, True):
        trainer = trainer_of(tmp_path / str(watched), rate=1e-2)
        if watched:
            BehaviorDistanceCallback(PROBES, every=1, held_out={"old": OLD}).attach(trainer)
        train(trainer)
        weights.append(trainer.model.state_dict())
        losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
        assert len(losses) == 6
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


def test_the_means_that_trl_logs_stay_those_of_their_own_log(tmp_path):
    """GRPO's log empties what it has gathered: a look between two must leave it alone."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    start = tiny_model(tmp_path / "start")
    settings = {
        "output_dir": str(tmp_path / "run"), "max_steps": 4, "per_device_train_batch_size": 8,
        "num_generations": 4, "max_completion_length": 3, "use_cpu": True, "bf16": False,
        "report_to": [], "disable_tqdm": True, "save_strategy": "no", "logging_steps": 2,
        "dataloader_pin_memory": False, "gradient_checkpointing": False, "learning_rate": 1e-2,
    }  # fmt: skip
    logs = []
    for watched in (False, True):
        data = Dataset.from_list([{"prompt": f"? {x} a ="} for x in LETTERS])
        with quiet():
            trainer = GRPOTrainer(
                AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32),
                reward_funcs=lambda completions, **_: [float("a" in c) for c in completions],
                args=GRPOConfig(**settings), train_dataset=data,
                processing_class=AutoTokenizer.from_pretrained(start),
            )  # fmt: skip
        if watched:
            watch = BehaviorDistanceCallback(PROBES, every=1).attach(trainer)
        train(trainer)
        logs.append([row for row in trainer.state.log_history if "reward" in row])
    assert [row["step"] for row in logs[0]] == [2, 4] == [row["step"] for row in logs[1]]
    for name in ("reward", "reward_std", "entropy", "loss"):
        assert [row[name] for row in logs[0]] == [row[name] for row in logs[1]]
    assert watch.looks[-1]["distance"] > watch.looks[0]["distance"] == 0


def test_a_run_stops_at_a_distance(tmp_path):
    trainer = trainer_of(tmp_path, steps=40, rate=1e-2)
    watch = BehaviorDistanceCallback(PROBES, every=1, stop_above=0.3).attach(trainer)
    train(trainer)
    gone = [look["distance"] for look in watch.looks]
    assert trainer.state.global_step < 40
    assert gone[-1] > 0.3 >= max(gone[:-1])


@pytest.mark.slow
def test_a_run_that_continues_keeps_its_start(tmp_path):
    whole = trainer_of(tmp_path / "whole")
    watch = BehaviorDistanceCallback(PROBES, every=2, held_out={"old": OLD}).attach(whole)
    train(whole)
    more = {"save_strategy": "steps", "save_steps": 4}
    first = trainer_of(tmp_path / "cut", **more)
    BehaviorDistanceCallback(PROBES, every=2, held_out={"old": OLD}).attach(first)
    train(first)
    rest = trainer_of(tmp_path / "cut", **more)
    again = BehaviorDistanceCallback(PROBES, every=2, held_out={"old": OLD}).attach(rest)
    train(rest, resume_from_checkpoint=str(tmp_path / "cut" / "run" / "checkpoint-4"))
    assert [look["step"] for look in again.looks] == [4, 6]
    for name in ("distance", "kl_now_start", "forgetting/old"):
        assert again.looks[-1][name] == pytest.approx(watch.looks[-1][name], rel=1e-6)
    for others, words in (({}, "other probes"), (None, "put the callback on it from its first")):
        last = trainer_of(tmp_path / "cut", **more)
        if others is None:
            (tmp_path / "cut" / "run" / "behavior-start.safetensors").unlink()
        BehaviorDistanceCallback(PROBES, every=2, held_out=others or {}).attach(last)
        with pytest.raises(InputError, match=words):
            train(last, resume_from_checkpoint=str(tmp_path / "cut" / "run" / "checkpoint-4"))


def test_the_python_of_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_model(tmp_path / "checkpoints" / "sft", seed=3)
    OLD.save(tmp_path / "old.jsonl")
    said = [json.dumps({"prompt": probe.prompt, "answer": " b c"}) + "\n" for probe in PROBES]
    (tmp_path / "answers.jsonl").write_text("".join(said))
    load = ProbeSet.load
    monkeypatch.setattr(ProbeSet, "load", lambda name: PROBES if name == "general" else load(name))
    names = {"trainer": trainer_of(tmp_path)}
    with quiet():
        exec(python_block(Path(__file__).parents[2] / "docs" / "guides" / "watch.md"), names)
    assert {"shift_cosine", "surprise/expert", "forgetting/old"} <= set(names["watch"].looks[-1])


def test_what_cannot_be_watched_is_one_line(tmp_path):
    with pytest.raises(InputError, match="stop_above"):
        BehaviorDistanceCallback(PROBES, stop_above=2.0)
    with pytest.raises(InputError, match="not dict"):
        BehaviorDistanceCallback(PROBES).attach({})
    trainer = trainer_of(tmp_path)
    trainer.add_callback(BehaviorDistanceCallback(PROBES))
    with pytest.raises(InputError, match="attach"):
        train(trainer)


@pytest.mark.parametrize(("look", "step"), [(0.04, 0.1), (0.3, 0.02), (1.0, 30.0)])
def test_the_pace_keeps_to_its_share(look, step):
    pace, looks = Pace(None, 0.05), []
    pace.looked(3 * look, counts=False)  # the first is slow
    for i in range(1, 2001):
        pace.stepped(step)
        if pace.due(i):
            looks.append(i)
            pace.looked(look)
    assert len(looks) >= 2000 * 0.05 * step / (11 * look)
    assert pace.looking <= 0.05 * pace.stepping
    assert rounded_up(look / (0.05 * step)) <= 10 * max(1, look / (0.05 * step))


def test_a_look_that_took_longer_than_foreseen_is_made_up_for():
    pace, at = Pace(None, 0.05), []
    pace.looked(0.1, counts=False)
    for i in range(1, 1001):
        pace.stepped(0.1)
        if pace.due(i):
            at.append(i)
            pace.looked(2.0 if len(at) == 1 else 0.1)
    assert pace.looking <= 0.05 * pace.stepping
    assert at[1] - at[0] > 300 and len(at) > 10


def test_a_named_pace_is_kept():
    assert [i for i in range(1, 10) if Pace(4, 0.05).due(i)] == [4, 8]


def test_importing_the_package_loads_no_transformers():
    import subprocess
    import sys

    code = "import sys, behaviordist; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_log_reaches_what_the_trainer_reports_to(tmp_path):
    pytest.importorskip("tensorboard")
    import os

    os.environ["TENSORBOARD_LOGGING_DIR"] = str(tmp_path / "events")
    try:
        trainer = trainer_of(tmp_path, report_to=["tensorboard"])
        BehaviorDistanceCallback(PROBES, every=3).attach(trainer)
        train(trainer)
    finally:
        del os.environ["TENSORBOARD_LOGGING_DIR"]
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    found = events.Scalars("train/behavior/distance")
    logged = [row for row in trainer.state.log_history if "behavior/distance" in row]
    assert [e.step for e in found] == [row["step"] for row in logged]
    assert [e.value for e in found] == pytest.approx([r["behavior/distance"] for r in logged])
    assert json.dumps(logged)
