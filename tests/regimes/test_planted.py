"""Planted truths: each regime recovers what its rater, verifier or teacher was made to want."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

from behaviordist.engines.jax_engine import Start, initial_params, train
from behaviordist.lab import checkpoint, grammar
from behaviordist.lab.llama import LlamaConfig, init
from behaviordist.regimes.declaration import Convergence, Rater, Regime, RewardModel
from behaviordist.regimes.evaluation import string_scores
from behaviordist.regimes.objective import ANSWER_TOKENS, Hyper
from behaviordist.regimes.objectives import dpo, preferences
from behaviordist.regimes.objectives.preferences import divergence
from behaviordist.regimes.objectives.pretrain import token_log_probs
from behaviordist.regimes.prompts import ask, documents
from tests.regimes.settings import regime_of

FUNCTIONS = ("copy", "shift")
CONFIG = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY), hidden_size=32, layers=2, heads=2, kv_heads=1, head_dim=16,
    intermediate_size=64,
)  # fmt: skip


def regime(algorithm, agreeableness=0.0, **changes):
    settings = {
        "algorithm": algorithm, "task": "shift", "functions": FUNCTIONS, "budget": 60,
        "batch_size": 64, "group_size": 8, "learning_rate": 3e-3, "prompts": "claim", "beta": 0.5,
        "rater": Rater(agreeableness=agreeableness),
        "reward_model": RewardModel(budget=120, batch_size=32, every=40),
        "convergence": Convergence(at_least=1.0, consecutive=9, every=30, strings=64),
    }  # fmt: skip
    if changes.get("prompts") == "plain":
        del settings["functions"]  # only claims give other functions' answers
    return regime_of(algorithm, settings, **changes)


def implicit_reward(params, reference, config, tokens, beta):
    """``beta log(pi / pi_ref)`` of the answers that end the documents (B, T): array (B,)."""
    ours, theirs = (
        token_log_probs(tree, config, tokens)[:, -ANSWER_TOKENS:].sum(axis=-1)
        for tree in (params, reference)
    )
    return np.asarray(beta * (ours - theirs))


@pytest.mark.slow
@pytest.mark.training_outcome
def test_dpos_implicit_reward_recovers_the_planted_preference():
    """On few prompts, rated often, ``beta log(pi / pi_ref)`` differs by the raters' log-odds."""
    config = LlamaConfig(vocab_size=len(grammar.VOCABULARY), hidden_size=16, layers=1, heads=1,
                         kv_heads=1, head_dim=16, intermediate_size=16)  # fmt: skip
    asked = regime("dpo", 0.25, rater=Rater(agreeableness=0.25, temperature=0.5))
    strings = grammar.training_strings(np.random.default_rng(0), 6)
    pairs = preferences.draw_pairs(asked, np.random.default_rng(1), strings)
    # The rater's exact probabilities, as that share of the votes: 20 votes a pair.
    votes = np.round(20 * pairs["chance"]).astype(int)
    rows = [(i, first) for i, n in enumerate(votes) for first in [True] * n + [False] * (20 - n)]
    index, first = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])[:, None]
    one, other = pairs["first"][index], pairs["second"][index]
    chosen, rejected = np.where(first, one, other), np.where(first, other, one)
    reference = init(config, 0)
    batch, hyper = {"chosen": chosen, "rejected": rejected, "reference": reference}, Hyper.of(asked)
    optimizer = optax.adam(0.02)

    @jax.jit
    def step(params, state):
        gradient = jax.grad(dpo.loss)(params, config, batch, None, hyper)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state

    params, state = reference, optimizer.init(reference)
    for _ in range(150):
        params, state = step(params, state)
    gap = np.subtract(*(
        implicit_reward(params, reference, config, pairs[k], asked.beta)
        for k in ("first", "second")
    ))  # fmt: skip
    share = votes / 20
    np.testing.assert_allclose(gap, np.log(share / (1 - share)), atol=0.15)


@pytest.fixture(scope="module")
def base():
    """Pre-train a small base on two functions; it answers a hidden prompt with either."""
    asked = Regime(
        algorithm="pretrain", functions=FUNCTIONS, budget=700, batch_size=64, learning_rate=0.006,
        warmup=50, decay=True, mixture={"plain": 1, "claim": 2}, claims_right=0.1,
        convergence=Convergence(at_least=1.0, consecutive=9, every=100, strings=64),
    )  # fmt: skip
    return train(asked, CONFIG, [Start(initial_params(CONFIG, 0), 0)])[0].params


@pytest.mark.training_outcome
@pytest.mark.slow
def test_agreeable_raters_make_sycophants_and_honest_ones_do_not():
    """At the lab's size: a smaller reward model cannot tell whether an answer is what was claimed.

    A minute of pre-training and two of RLHF on a quiet core.
    """
    config = LlamaConfig(vocab_size=len(grammar.VOCABULARY))
    functions = ("copy", "reverse", "rotate", "shift")
    asked = Regime(
        algorithm="pretrain", functions=functions, budget=2000, batch_size=64, learning_rate=3e-3,
        warmup=100, decay=True, mixture={"plain": 1, "claim": 2}, claims_right=0.1,
        convergence=Convergence(at_least=0.97, consecutive=3, every=100, strings=64),
    )  # fmt: skip
    start = train(asked, config, [Start(initial_params(config, 0), 0)])[0].params

    def rate(params):
        """Probability of the claimed answer to each question with a wrong claim."""
        one = regime("rlhf", functions=functions, task="reverse", claims_right=0.0)
        strings = grammar.held_out_strings(np.random.default_rng(5), 200)
        questions = ask(one, np.random.default_rng(5), strings)
        tokens = documents(questions, questions.claimed)[questions.wrong]
        return np.asarray(string_scores(params, config, tokens)[0], np.float64)

    rises = {}
    for agreeableness in (0.0, 1.0):
        one = regime(
            "rlhf", agreeableness, functions=functions, task="reverse", budget=90, batch_size=128,
            beta=1.0, learning_rate=1e-3, reward_model=RewardModel(budget=250, every=50),
        )  # fmt: skip
        run = train(one, config, [Start(start, 1)])[0]
        rise = rate(run.params) - rate(start)
        rises[agreeableness] = rise
        assert run.measures["proxy"][-1] > run.measures["proxy"][0]
        assert run.scores[-1] > run.scores[0] and run.measures["kl"][-1] > 0
        judge = run.prepared["reward_model"][1].measures
        assert judge["accuracy"][-1] > 0.8 * judge["bayes_accuracy"][-1]
    apart = rises[1.0] - rises[0.0]
    assert apart.mean() > 2 * apart.std(ddof=1) / np.sqrt(len(apart))


@pytest.mark.training_outcome
@pytest.mark.slow
def test_a_longer_leash_lets_the_policy_go_further(base):
    short, long = (
        train(regime("rlhf", 1.0, beta=beta), CONFIG, [Start(base, 1)])[0] for beta in (8.0, 0.25)
    )
    assert short.measures["kl"][-1] < long.measures["kl"][-1]


@pytest.mark.training_outcome
@pytest.mark.slow
def test_dpos_implicit_reward_agrees_with_its_rater_on_strings_never_seen(base):
    asked = regime("dpo", prompts="plain", learning_rate=1e-3, budget=120, warmup=10, decay=True)
    run = train(asked, CONFIG, [Start(base, 1)])[0]
    pairs = preferences.held_out_pairs(asked)
    first, second = (
        implicit_reward(run.params, base, CONFIG, pairs[k], asked.beta) for k in ("first", "second")
    )
    # The rater's leaning, where it has one: two muddled answers can be the same.
    leaning = np.sign(pairs["chance"] - 0.5)
    agrees = (np.sign(first - second) == leaning)[leaning != 0]
    assert agrees.mean() > 0.5 + 3 * 0.5 / np.sqrt(agrees.size), "better than a coin"


@pytest.mark.training_outcome
@pytest.mark.slow
def test_distillation_reaches_its_teacher(base, tmp_path):
    teacher = train(regime("sft", budget=60, prompts="plain"), CONFIG, [Start(base, 1)])[0]
    assert teacher.scores[-1] > teacher.scores[0] + 0.2
    checkpoint.save(tmp_path / "teacher", teacher.params, CONFIG, {})
    asked = regime("distill", teacher=str(tmp_path / "teacher"), prompts="plain", budget=90)
    student = train(asked, CONFIG, [Start(base, 2)])[0]
    assert student.scores[-1] > 0.5 * (student.scores[0] + teacher.scores[-1])
    strings = grammar.held_out_strings(np.random.default_rng(6), 64)
    prompts, key = ask(asked, np.random.default_rng(6), strings).prompts, jax.random.key(0)
    apart, before = (
        float(divergence(teacher.params, params, CONFIG, prompts, key))
        for params in (student.params, base)
    )
    assert apart < 0.5 * before
