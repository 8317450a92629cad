"""The rater, its pairs, and DPO's and the reward model's losses against closed forms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from behaviordist.lab import grammar, llama
from behaviordist.lab.llama import LlamaConfig, init
from behaviordist.regimes.declaration import Convergence, Rater
from behaviordist.regimes.objective import ANSWER_TOKENS, Hyper
from behaviordist.regimes.objectives import distill, dpo, preferences, reward, rlhf
from behaviordist.regimes.prompts import ask
from tests.regimes.settings import regime_of

CONFIG = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY), hidden_size=8, layers=1, heads=1, kv_heads=1, head_dim=8,
    intermediate_size=8,
)  # fmt: skip


def regime(algorithm="dpo", agreeableness=0.25, **changes):
    settings = {
        "algorithm": algorithm, "task": "reverse", "functions": ("copy", "reverse", "rotate"),
        "budget": 5, "batch_size": 16, "learning_rate": 0.01, "prompts": "claim",
        "rater": Rater(agreeableness=agreeableness), "beta": 0.3,
        "convergence": Convergence(at_least=0.9, strings=64),
    }  # fmt: skip
    return regime_of(algorithm, settings, **changes)


def answer_log_p(params, tokens):
    logits = np.asarray(llama.forward(params, CONFIG, tokens[:, :-1]), np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    picked = np.take_along_axis(log_p, tokens[:, 1:, None], axis=-1)[..., 0]
    return picked[:, -ANSWER_TOKENS:].sum(axis=1)


def test_utility_weighs_right_against_agreeing():
    strings = grammar.training_strings(np.random.default_rng(0), 200)
    questions = ask(regime(), np.random.default_rng(1), strings)
    right, claimed = (
        preferences.utility(Rater(agreeableness=0.25), a, questions)
        for a in (questions.right, questions.claimed)
    )
    np.testing.assert_array_equal(right, np.where(questions.wrong, 0.75, 1.0))
    np.testing.assert_array_equal(claimed, np.where(questions.wrong, 0.25, 1.0))


def test_the_rater_chooses_as_often_as_bradley_and_terry_say():
    asked = regime(batch_size=20_000)
    pairs = preferences.rated_pairs(asked, np.random.default_rng(2))
    # The same draws again, before the rater chose.
    rng = np.random.default_rng(2)
    drawn = preferences.draw_pairs(asked, rng, grammar.training_strings(rng, 20_000))
    distinct = (drawn["first"] != drawn["second"]).any(axis=1)
    took_first = (pairs["chosen"] == drawn["first"]).all(axis=1)[distinct]
    chance = drawn["chance"][distinct].astype(np.float64)
    known = {
        1 / (1 + np.exp(-gap / 0.25)) for gap in (-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1)
    }
    assert all(np.isclose(c, list(known), atol=1e-6).any() for c in np.unique(chance))
    for value in np.unique(chance):
        rows = chance == value
        error = np.sqrt(value * (1 - value) / rows.sum())
        assert abs(took_first[rows].mean() - value) < 4.5 * error


@pytest.mark.slow
def test_dpo_loss_is_the_likelihood_of_the_choices_under_the_implicit_reward():
    params, reference = init(CONFIG, 0), init(CONFIG, 1)
    pairs = preferences.rated_pairs(regime(), np.random.default_rng(3))
    rewards = [
        0.3 * (answer_log_p(params, pairs[k]) - answer_log_p(reference, pairs[k]))
        for k in ("chosen", "rejected")
    ]
    wanted = np.mean(np.log1p(np.exp(-(rewards[0] - rewards[1]))))
    batch = {**pairs, "reference": reference}
    found = dpo.loss(params, CONFIG, batch, None, Hyper.of(regime()))
    assert float(found) == pytest.approx(wanted, rel=1e-5)


def test_no_gradient_reaches_the_reference_and_the_first_loss_is_log_2():
    params = init(CONFIG, 0)
    batch = {**preferences.rated_pairs(regime(), np.random.default_rng(4)), "reference": params}
    assert float(dpo.loss(params, CONFIG, batch, None, Hyper.of(regime()))) == pytest.approx(
        np.log(2), rel=1e-6
    )


@pytest.mark.slow
def test_reward_is_a_logit_difference_after_the_end_and_its_loss_bradley_terry():
    params = init(CONFIG, 0)
    pairs = preferences.rated_pairs(regime("reward"), np.random.default_rng(5))
    yes, no = grammar.TOKEN_IDS["yes"], grammar.TOKEN_IDS["no"]
    rewards = []
    for name in ("chosen", "rejected"):
        last = np.asarray(llama.forward(params, CONFIG, pairs[name]), np.float64)[:, -1]
        rewards.append(last[:, yes] - last[:, no])
    wanted = np.mean(np.log1p(np.exp(-(rewards[0] - rewards[1]))))
    found = reward.loss(params, CONFIG, pairs, None, Hyper.of(regime("reward")))
    assert float(found) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.slow
def test_policy_worth_is_the_raters_expected_utility_over_the_best():
    params = init(CONFIG, 2)
    asked = regime(agreeableness=0.25)
    held_out = preferences.held_out_questions(asked)
    found = np.asarray(preferences.policy_worth(params, CONFIG, held_out))
    right, claimed = (np.exp(answer_log_p(params, d)) for d in held_out["documents"])
    wrong = (held_out["documents"][0] != held_out["documents"][1]).any(axis=1)
    wanted = np.where(wrong, right + claimed / 3, right).mean()
    assert found[0] == pytest.approx(wanted, rel=1e-4)


@pytest.mark.slow
def test_with_an_honest_rater_the_score_is_exact_match():
    params = init(CONFIG, 2)
    found, plain = (
        np.asarray(module.evaluate(params, CONFIG, data, {"reference": params}))[:2]
        for module, data in _honest()
    )
    np.testing.assert_allclose(found, plain, rtol=1e-5)


def _honest():
    from behaviordist.regimes import evaluation

    honest = regime(agreeableness=0.0)
    return [
        (dpo, preferences.held_out_questions(honest)),
        (evaluation, evaluation.evaluation_documents(honest)),
    ]


@pytest.mark.slow
def test_divergence_estimates_the_divergence_of_whole_answers():
    params, reference = init(CONFIG, 0), init(CONFIG, 1)
    asked = ask(regime(), np.random.default_rng(0), grammar.training_strings(
        np.random.default_rng(6), 1))  # fmt: skip
    prompts = np.repeat(asked.prompts, 2048, axis=0)
    key = jax.random.key(3)
    found = float(preferences.divergence(params, reference, CONFIG, prompts, key))
    from behaviordist.lab.sampling import sample

    said, _ = sample(params, CONFIG, prompts, jax.random.key(4), ANSWER_TOKENS)
    whole = np.concatenate([prompts, np.asarray(said)], axis=1)
    ratio = answer_log_p(params, whole) - answer_log_p(reference, whole)
    assert found == pytest.approx(ratio.mean(), abs=5 * ratio.std() / np.sqrt(len(ratio)))
    assert float(preferences.divergence(params, params, CONFIG, prompts[:4], key)) == 0.0


@pytest.mark.slow
def test_rlhf_gradient_is_that_of_the_penalised_reward(monkeypatch):
    """With a reward on the first token only, the whole objective is a sum over the vocabulary."""
    bonus = np.linspace(-1, 1, CONFIG.vocab_size).astype(np.float32)
    first = grammar.KIND_LENGTHS["claim"] - ANSWER_TOKENS
    monkeypatch.setattr(rlhf, "reward", lambda p, c, tokens: jnp.asarray(bonus)[tokens[:, first]])
    monkeypatch.setattr(rlhf, "ANSWER_TOKENS", 1)
    asked = regime("rlhf", batch_size=4096, group_size=2048)
    params, reference = (jax.tree.map(lambda x: 0.3 * x, init(CONFIG, s)) for s in (0, 1))
    batch = rlhf.draw(asked, np.random.default_rng(0))
    trees = {"reference": reference, "reward_model": params}
    estimate = jax.grad(rlhf.loss)(
        params, CONFIG, {**batch, **trees}, jax.random.key(0), Hyper.of(asked)
    )

    def exact(params):
        ours, theirs = (
            jax.nn.log_softmax(llama.forward(tree, CONFIG, batch["prompts"])[:, -1])
            for tree in (params, reference)
        )
        p = jnp.exp(ours)
        gain = bonus - 0.3 * (ours - theirs)
        fixed = jax.lax.stop_gradient(p)
        mean = jnp.sum(fixed * gain, axis=-1, keepdims=True)
        spread = jnp.sqrt(jnp.sum(fixed * (gain - mean) ** 2, axis=-1))
        return -jnp.mean(jnp.sum(p * gain, axis=-1) / jax.lax.stop_gradient(spread))

    wanted = jax.grad(exact)(params)
    ours, theirs = (
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
        for tree in (estimate, wanted)
    )
    assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.95
    assert 0.85 < np.linalg.norm(ours) / np.linalg.norm(theirs) < 1.15


@pytest.mark.slow
def test_distillation_is_zero_at_the_teacher_and_the_divergence_elsewhere(tmp_path):
    from behaviordist.lab import checkpoint

    teacher, student = init(CONFIG, 0), init(CONFIG, 1)
    checkpoint.save(tmp_path / "teacher", teacher, CONFIG, {})
    asked = regime("distill", teacher=str(tmp_path / "teacher"))
    batch, hyper = distill.draw(asked, np.random.default_rng(0)), Hyper.of(asked)
    trees, key = {"teacher": teacher}, jax.random.key(1)
    at_teacher = distill.loss(teacher, CONFIG, {**batch, **trees}, key, hyper)
    assert abs(float(at_teacher)) < 1e-6
    found = distill.loss(student, CONFIG, {**batch, **trees}, key, hyper)
    from behaviordist.regimes.objectives.preferences import divergence

    wanted = divergence(teacher, student, CONFIG, batch["prompts"], key) / ANSWER_TOKENS
    assert float(found) == pytest.approx(float(wanted), rel=1e-4)


def test_what_cannot_be_rated_is_refused():
    with pytest.raises(ValidationError, match="without a claim"):
        regime(agreeableness=1.0, prompts="plain")
    with pytest.raises(ValidationError, match="another function"):
        regime(functions=("reverse",))


def test_documents_of_pairs_end_where_the_kind_does():
    pairs = preferences.held_out_pairs(regime())
    assert pairs["first"].shape == (64, grammar.KIND_LENGTHS["claim"])
