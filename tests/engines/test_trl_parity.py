"""The two engines agree: same small Llama, data, order and learning rate, the same losses.

Where they define something differently (`docs/engines.md`) the test states the difference.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("trl")

import jax
import jax.numpy as jnp
import optax

from behaviordist.engines import jax_engine, trl_engine
from behaviordist.engines.trl_data import Tokens, training_rows
from behaviordist.engines.trl_models import load_tokenizer, load_whole, quiet
from behaviordist.engines.trl_reward import load_reward
from behaviordist.engines.trl_trainers import build_trainer
from behaviordist.lab import checkpoint
from behaviordist.lab.hugging_face import to_hf
from behaviordist.regimes.objective import ANSWER_TOKENS, Hyper
from behaviordist.regimes.objectives.pretrain import token_log_probs
from behaviordist.regimes.objectives.rlvr import group_advantages
from behaviordist.regimes.registry import objective
from tests.regimes.settings import regime_of

from .trl_worlds import CONFIG, tiny_model

SEED = 3
KEY = jax.random.key(0)


def lab_regime(algorithm, **more):
    settings = {
        "algorithm": algorithm,
        "task": "reverse",
        "budget": 50,
        "batch_size": 16,
        "group_size": 8,
        "learning_rate": 2e-3,
        "warmup": 5,
        "decay": True,
        "weight_decay": 0.01,
        "convergence": {"at_least": 1.0, "consecutive": 1, "every": 10, "strings": 32},
    }
    return regime_of(algorithm, settings, **more)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("start") / "random")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("other") / "random", seed=1)


def jax_losses(regime, params):
    """Losses of every step, by the lab's own loss, draws and optimizer, and the scores."""
    wanted, hyper = objective(regime.algorithm), Hyper.of(regime)
    optimizer = optax.chain(
        optax.clip_by_global_norm(regime.clip_norm),
        optax.scale_by_adam(b1=0.9, b2=0.95),
        optax.add_decayed_weights(regime.weight_decay),
    )
    rates = jax_engine.learning_rates(regime, np.arange(regime.budget))
    state, rng, losses = optimizer.init(params), np.random.default_rng(SEED), []

    @jax.jit
    def step(params, state, batch, rate):
        loss, gradient = jax.value_and_grad(wanted.loss)(params, CONFIG, batch, KEY, hyper)
        updates, state = optimizer.update(gradient, state, params)
        return loss, jax.tree.map(lambda p, u: p - rate * u, params, updates), state

    for rate in rates:
        loss, params, state = step(params, state, wanted.draw(regime, rng), rate)
        losses.append(float(loss))
    return np.array(losses)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["sft", "pretrain"])
def test_loss_curves_agree_over_fifty_steps(tmp_path, start, monkeypatch, algorithm):
    import trl

    more = {} if algorithm == "sft" else {"task": None, "functions": ("copy", "reverse")}
    regime, seen = lab_regime(algorithm, **more), []
    own = trl.SFTTrainer.compute_loss

    def recorded(self, *arguments, **named):
        loss = own(self, *arguments, **named)
        seen.append(loss.item())
        return loss

    monkeypatch.setattr(trl.SFTTrainer, "compute_loss", recorded)
    run = trl_engine.train(regime, start, tmp_path / "work", SEED)
    params = checkpoint.load(start).params
    losses = jax_losses(regime, params)
    np.testing.assert_allclose(seen, losses, rtol=1e-3)
    assert losses[-1] < 0.9 * losses[0], "there was something to agree on"
    # The engines themselves, from start to end: the same scores at the same evaluations.
    there = jax_engine.train(regime, CONFIG, [jax_engine.Start(params, SEED)])[0]
    assert [r.step for r in run.curve] == there.steps.tolist()
    np.testing.assert_allclose([r.score for r in run.curve], there.scores, rtol=2e-2, atol=1e-9)


def trainer_of(regime, model, folder, work, **more):
    tokenizer = load_tokenizer(folder)
    rows = training_rows(regime, Tokens(tokenizer, regime), SEED)
    with quiet():
        return build_trainer(regime, model, tokenizer, rows, work, SEED, **more)


def first_batch(trainer, count):
    rows = [trainer.train_dataset[i] for i in range(count)]
    return trainer._prepare_inputs(trainer.data_collator(rows))


@pytest.mark.slow
@pytest.mark.parametrize("chosen_weight", [0.0, 0.5])
def test_dpo_losses_agree_on_equal_batches(tmp_path, start, other, chosen_weight):
    regime = lab_regime("dpo", beta=0.3, budget=10, chosen_weight=chosen_weight)
    trainer = trainer_of(
        regime, load_whole(other), start, tmp_path, reference=load_whole(start).eval()
    )
    found = trainer.compute_loss(trainer.model, first_batch(trainer, 16)).item()
    batch = objective("dpo").draw(regime, np.random.default_rng(SEED))
    params, reference = (checkpoint.load(folder).params for folder in (other, start))
    wanted = objective("dpo").loss(
        params, CONFIG, {**batch, "reference": reference}, KEY, Hyper.of(regime)
    )
    assert abs(float(wanted) - np.log(2)) > 1e-2, "not just the value at equal models"
    assert found == pytest.approx(float(wanted), rel=1e-3)


@pytest.mark.slow
def test_reward_losses_agree_on_equal_batches(tmp_path, other):
    regime = lab_regime("reward", budget=10)
    trainer = trainer_of(regime, load_reward(other, None, 0), other, tmp_path)
    found = trainer.compute_loss(trainer.model, first_batch(trainer, 16)).item()
    batch = objective("reward").draw(regime, np.random.default_rng(SEED))
    params = checkpoint.load(other).params
    wanted = float(objective("reward").loss(params, CONFIG, batch, KEY, Hyper.of(regime)))
    assert abs(wanted - np.log(2)) > 1e-2
    assert found == pytest.approx(wanted, rel=1e-3)


@pytest.mark.slow
def test_grpo_gradients_agree_on_fixed_rollouts(tmp_path, start):
    """The gradient of - mean over tokens of advantage x log p, by TRL and by the lab's formula."""
    import torch

    regime = lab_regime("rlvr", budget=10)
    trainer = trainer_of(
        regime, load_whole(start), start, tmp_path, rewards=lambda completions, **_: [0.0]
    )
    rng = np.random.default_rng(0)
    batch = objective("rlvr").draw(regime, rng)
    prompts = np.repeat(batch["prompts"], regime.group_size, axis=0)
    answers = rng.integers(5, 30, (len(prompts), ANSWER_TOKENS)).astype(np.int32)
    rewards = rng.random(len(prompts)).astype(np.float32).reshape(-1, regime.group_size)
    advantages = np.array(group_advantages(jnp.asarray(rewards))).reshape(-1)
    ids = {"prompt_ids": prompts, "completion_ids": answers}
    inputs = {name: torch.tensor(value, dtype=torch.long) for name, value in ids.items()}
    inputs |= {
        "prompt_mask": torch.ones_like(inputs["prompt_ids"]),
        "completion_mask": torch.ones_like(inputs["completion_ids"]),
        "advantages": torch.tensor(advantages),
        "num_items_in_batch": torch.tensor(answers.size),
    }
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.train()
    trainer._compute_loss(trainer.model, inputs).backward()

    def loss(params):
        log_p = token_log_probs(params, CONFIG, jnp.concatenate([prompts, answers], axis=1))
        return -jnp.mean(advantages[:, None] * log_p[:, -ANSWER_TOKENS:])

    wanted = to_hf(jax.grad(loss)(checkpoint.load(start).params), CONFIG)
    found = {name: p.grad.numpy() for name, p in trainer.model.named_parameters()}
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        scale = np.linalg.norm(gradient)
        assert np.linalg.norm(found[name] - gradient) <= 1e-3 * scale, name


def test_advantages_differ_by_the_spread_s_divisor_alone(tmp_path, start):
    """TRL divides by the standard deviation with n - 1, the lab's engine with n."""
    regime, seen = lab_regime("rlvr", budget=1, convergence={"at_least": 1, "every": 1}), []
    rewards = np.random.default_rng(0).random(16)
    trainer = trainer_of(
        regime,
        load_whole(start),
        start,
        tmp_path,
        rewards=lambda completions, **_: rewards.tolist(),
    )
    own = trainer._compute_loss

    def recorded(model, inputs):
        seen.append(inputs["advantages"].numpy().copy())
        return own(model, inputs)

    trainer._compute_loss = recorded
    with quiet():
        trainer.train()
    lab = np.asarray(group_advantages(jnp.asarray(rewards.reshape(-1, 8)))).reshape(-1)
    # TRL shuffles the rollouts of a batch; their order changes nothing.
    np.testing.assert_allclose(
        np.sort(seen[0]), np.sort(lab * np.sqrt(7 / 8)), rtol=2e-3, atol=1e-4
    )
