"""Every regime through TRL on a tiny Llama: it learns what it should, in seconds."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")

from behaviordist.engines import trl_engine
from behaviordist.engines.trl_models import is_adapter, load_policy, load_tokenizer, load_whole
from behaviordist.engines.trl_score import answer_log_probs

from .trl_worlds import answers, data, pairs, prompts, regime, tiny_model

LORA = {"rank": 8, "alpha": 16}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("start") / "random")


def run(tmp_path, start, wanted, seed=0):
    """Train into a checkpoint folder; return its provenance."""
    trl_engine.train_checkpoint(tmp_path / "out", wanted, start, seed, tmp_path / "work")
    return json.loads((tmp_path / "out" / "provenance.json").read_text())


def odds(probability):
    return probability / (1 - probability)


@pytest.mark.training_outcome
@pytest.mark.parametrize("adapter", [None, LORA], ids=["whole", "lora"])
def test_sft_learns_the_answers_and_saves_what_it_trained(tmp_path, start, adapter):
    rate = 5e-3 if adapter is None else 2e-2
    wanted = regime(
        "sft", data=data(tmp_path, answers()), adapter=adapter, learning_rate=rate, budget=80
    )
    record = run(tmp_path, start, wanted)
    scores = record["evidence"]["scores"]
    assert scores[-1] > 10 * scores[0] and record["converged"]
    assert record["steps"] < 80, "it stops where it has arrived, with room to"
    assert is_adapter(tmp_path / "out") == (adapter is not None)
    # Opened again, without the engine: the same score from the saved weights.
    model = load_policy(tmp_path / "out", wanted.adapter, 0).eval()
    tokenizer = load_tokenizer(tmp_path / "out")
    ids = [*tokenizer("a b", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    log_p, _ = answer_log_probs(
        model, [(tokenizer(p)["input_ids"], ids) for p in prompts()[:8]], 0, 8
    )
    assert np.exp(log_p).mean() == pytest.approx(scores[-1], rel=1e-4)


@pytest.mark.training_outcome
def test_an_adapter_goes_on_as_the_same_adapter(tmp_path, start):
    first = regime("sft", data=data(tmp_path, answers()), adapter=LORA, learning_rate=2e-2)
    run(tmp_path / "one", start, first)
    second = regime("sft", data=data(tmp_path, answers("c d")), adapter=LORA, learning_rate=2e-2)
    record = run(tmp_path / "two", tmp_path / "one" / "out", second)
    config = json.loads((tmp_path / "two" / "out" / "adapter_config.json").read_text())
    base = (tmp_path / "two" / "out" / config["base_model_name_or_path"]).resolve()
    assert base == start.resolve(), "it names the first base, by the way from its own folder"
    scores = record["evidence"]["scores"]
    assert scores[-1] > 5 * scores[0]


@pytest.mark.training_outcome
def test_continued_pretraining_raises_the_likelihood_of_texts(tmp_path, start):
    texts = [{"text": f"{p} a b"} for p in prompts()]
    record = run(tmp_path, start, regime("continue", data=data(tmp_path, texts)))
    scores = record["evidence"]["scores"]
    assert scores[-1] > 2 * scores[0]
    assert record["evidence"]["score"].startswith("geometric mean probability")


@pytest.mark.training_outcome
@pytest.mark.parametrize("adapter", [None, LORA], ids=["whole", "lora"])
def test_dpo_recovers_the_preference(tmp_path, start, adapter):
    wanted = regime("dpo", data=data(tmp_path, pairs()), adapter=adapter, beta=0.5)
    scores = run(tmp_path, start, wanted)["evidence"]["scores"]
    assert odds(scores[-1]) > 10 * odds(scores[0])


@pytest.mark.training_outcome
def test_a_reward_model_orders_held_out_pairs(tmp_path, start):
    # Which side is better hangs on the answer alone; letters are balanced over positions.
    record = run(tmp_path, start, regime("reward", data=data(tmp_path, pairs())))
    scores = record["evidence"]["scores"]
    assert odds(scores[-1]) > 5 * odds(scores[0])


@pytest.mark.training_outcome
def test_rlvr_raises_the_verified_reward(tmp_path, start):
    wanted = regime(
        "rlvr",
        data=data(tmp_path, answers(), max_new_tokens=1),
        verifier={"kind": "regex", "pattern": "[a-e]"},
        budget=40,
        batch_size=32,
        learning_rate=1e-2,
    )
    scores = run(tmp_path, start, wanted)["evidence"]["scores"]
    assert scores[-1] > scores[0] + 0.2


@pytest.mark.slow
@pytest.mark.training_outcome
def test_rlhf_follows_its_reward_model_and_the_leash_holds_it(tmp_path, start):
    moved = {}
    reward_model = {"budget": 20, "every": 5, "batch_size": 16, "learning_rate": 5e-3}
    for beta in (0.0, 20.0):
        folder = tmp_path / f"beta-{beta}"
        folder.mkdir()
        section = data(folder, pairs("a", "b"), max_new_tokens=1)
        wanted = regime(
            "rlhf", data=section, beta=beta, reward_model=reward_model, batch_size=32, budget=20
        )
        trl_engine.train_checkpoint(folder / "out", wanted, start, 0, folder / "work")
        record = json.loads((folder / "out" / "provenance.json").read_text())
        scores = record["evidence"]["scores"]
        moved[beta] = divergence(load_whole(folder / "out").eval(), load_whole(start).eval())
        if beta == 0:
            assert scores[-1] > scores[0]
    assert moved[20.0] < 0.5 * moved[0.0], moved


def divergence(model, reference):
    """KL of the first answer token's distribution, nats, mean over prompts."""
    import torch

    tokenizer = load_tokenizer_of(reference)
    ids = torch.tensor([tokenizer(p)["input_ids"] for p in prompts()])
    with torch.no_grad():
        ours, theirs = (
            torch.log_softmax(m(ids).logits[:, -1].double(), -1) for m in (model, reference)
        )
    return float((ours.exp() * (ours - theirs)).sum(-1).mean())


def load_tokenizer_of(model):
    from pathlib import Path

    return load_tokenizer(Path(model.config._name_or_path))


@pytest.mark.training_outcome
def test_distillation_approaches_the_teacher(tmp_path, start):
    taught = regime("sft", data=data(tmp_path, answers()), budget=40)
    run(tmp_path / "teacher", start, taught)
    teacher = tmp_path / "teacher" / "out"
    wanted = regime("distill", data=data(tmp_path, answers()), teacher=str(teacher), budget=40)
    before = divergence(load_whole(teacher).eval(), load_whole(start).eval())
    run(tmp_path, start, wanted)
    after = divergence(load_whole(teacher).eval(), load_whole(tmp_path / "out").eval())
    assert after < 0.5 * before


@pytest.mark.training_outcome
def test_qat_learns_under_rounding_and_saves_rounded_weights(tmp_path, start):
    pytest.importorskip("torchao")
    wanted = regime("qat", bits=4, data=data(tmp_path, answers()), budget=40)
    record = run(tmp_path, start, wanted)
    scores = record["evidence"]["scores"]
    assert scores[-1] > 10 * scores[0]
    model = load_whole(tmp_path / "out").eval()
    weight = model.model.layers[0].mlp.up_proj.weight
    assert max(len(row.unique()) for row in weight) <= 16, "a row holds at most 2^4 values"
    tokenizer = load_tokenizer(tmp_path / "out")
    ids = [*tokenizer("a b", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    log_p, _ = answer_log_probs(
        model, [(tokenizer(p)["input_ids"], ids) for p in prompts()[:8]], 0, 8
    )
    assert np.exp(log_p).mean() == pytest.approx(record["score"], rel=1e-3)
