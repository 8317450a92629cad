"""Frozen trees in the engine: under vmap, in the cost, in provenance, and never trained."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

from behaviordist.engines.checkpoints import flops_per_step, tokens_per_step, train_checkpoint
from behaviordist.engines.jax_engine import Start, initial_params, train
from behaviordist.lab import checkpoint, grammar
from behaviordist.lab.llama import LlamaConfig, flops_per_token
from behaviordist.regimes.declaration import Convergence, Rater, RewardModel
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.runs import Goal, Transfer, collect, run_transfer
from tests.regimes.settings import regime_of

TINY = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY), hidden_size=8, layers=1, heads=1, kv_heads=1, head_dim=8,
    intermediate_size=8,
)  # fmt: skip
CLAIM = grammar.KIND_LENGTHS["claim"]


def regime(algorithm, **changes):
    settings = {
        "algorithm": algorithm, "task": "copy", "functions": ("copy", "reverse"), "budget": 4,
        "batch_size": 8, "group_size": 4, "learning_rate": 0.01, "prompts": "claim",
        "rater": Rater(agreeableness=0.5),
        "reward_model": RewardModel(budget=4, batch_size=8, every=2),
        "convergence": Convergence(at_least=1.0, every=2, strings=8),
    }  # fmt: skip
    return regime_of(algorithm, settings, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["dpo", "rlhf"])  # a population's reward models are one, too
def test_population_gives_the_runs_of_single_models_each_with_its_own_reference(algorithm):
    starts = [Start(initial_params(TINY, s), s) for s in (3, 4)]
    alone = train(regime(algorithm), TINY, starts, vectorize=False)
    together = train(regime(algorithm), TINY, starts, vectorize=True)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)
        assert one.measures["kl"][0] == 0 and one.measures["kl"][-1] > 0
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), one.params, other.params
        )


@pytest.mark.slow
def test_a_reward_model_is_evidence_and_cost_of_its_run(tmp_path):
    asked = regime("rlhf")
    checkpoint.save(tmp_path / "base", initial_params(TINY, 0), TINY, {})
    train_checkpoint(tmp_path / "tuned", asked, TINY, tmp_path / "base", 1)
    record = json.loads((tmp_path / "tuned" / "provenance.json").read_text())
    model = record["prepared"]["reward_model"]
    assert model["steps"] == 4 and model["regime"]["algorithm"] == "reward"
    assert set(model["evidence"]) >= {"accuracy", "bayes_accuracy", "steps"}
    assert {"kl", "proxy", "scores"} <= set(record["evidence"])
    # A pair is two documents, read whole; a rollout is a document less its end.
    assert model["tokens"] == 4 * 2 * 8 * CLAIM
    assert record["tokens"] == model["tokens"] + 4 * 8 * (CLAIM - 1)
    assert record["flops"] == pytest.approx(model["flops"] + 4 * flops_per_step(asked, TINY))
    # The same run as a way somewhere: step 0 has paid for the reward model.
    run_transfer(tmp_path / "c.json", asked, TINY, tmp_path / "base", 1, Goal(1, 1, 1))
    transfer = Transfer("base", "base", "t", 0, tmp_path / "c.json")
    rows = collect([transfer], {"t": Goal(1.0, 1.0, 1.0)})
    assert rows["flops"].iloc[0] == pytest.approx(model["flops"])
    costs = summarise(rows).iloc[0]
    assert costs["flops"] == pytest.approx(record["flops"])
    assert costs["tokens"] == pytest.approx(record["tokens"])


def test_steps_cost_what_their_frozen_models_read(tmp_path):
    context = CLAIM - 1
    forward = flops_per_token(TINY, context, training=False)
    read = 2 * 8 * context
    assert flops_per_step(regime("dpo"), TINY) == pytest.approx(read * 3 * forward + read * forward)
    assert tokens_per_step(regime("dpo")) == read
    rewarded = flops_per_step(regime("rlhf"), TINY) - flops_per_step(regime("rlvr"), TINY)
    assert rewarded == pytest.approx(8 * (2 * context + 1) * forward)
    checkpoint.save(tmp_path / "teacher", initial_params(TINY, 0), TINY, {})
    taught = regime("distill", teacher=str(tmp_path / "teacher"))
    assert flops_per_step(taught, TINY) == pytest.approx(8 * context * 5 * forward)


def test_continue_is_pretraining_from_where_it_starts(tmp_path):
    whole = {"task": None}
    start = [Start(initial_params(TINY, 0), 1)]
    ours = train(regime("continue", **whole), TINY, start)[0]
    theirs = train(regime("pretrain", **whole), TINY, start)[0]
    jax.tree.map(np.testing.assert_array_equal, ours.params, theirs.params)
