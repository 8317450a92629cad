"""The engine against NumPy arithmetic, itself under vmap, and what a regime must teach."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from behaviordist.engines.jax_engine import Start, initial_params, learning_rates, train
from behaviordist.lab import grammar
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import Convergence, Regime
from behaviordist.regimes.evaluation import EVALUATION_SEED, evaluation_documents, string_scores
from behaviordist.regimes.sections import Stop

TINY = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY),
    hidden_size=16,
    layers=1,
    heads=2,
    kv_heads=1,
    head_dim=8,
    intermediate_size=32,
)


def sft(**changes):
    settings = {
        "algorithm": "sft",
        "task": "copy",
        "budget": 20,
        "batch_size": 16,
        "learning_rate": 0.01,
        "convergence": Convergence(at_least=0.9, every=5, strings=16),
    }
    return Regime(**{**settings, **changes})


@pytest.mark.slow
def test_population_gives_the_curves_of_single_models():
    starts = [Start(initial_params(TINY, s), s) for s in (3, 4, 5)]
    alone = train(sft(), TINY, starts, vectorize=False)
    together = train(sft(), TINY, starts, vectorize=True)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.steps, other.steps)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), one.params, other.params
        )


def test_same_seed_same_run_other_seed_other_run():
    start = initial_params(TINY, 0)
    first, again, other = (train(sft(), TINY, [Start(start, s)])[0] for s in (1, 1, 2))
    jax.tree.map(np.testing.assert_array_equal, first.params, again.params)
    differs = jax.tree.map(lambda a, b: bool(np.any(a != b)), first.params, other.params)
    assert any(jax.tree.leaves(differs))


def test_a_model_that_is_done_is_frozen_at_its_stop():
    start = [Start(initial_params(TINY, 0), 0)]
    # Every score is >= a tiny threshold: the rule holds at the second evaluation in a row.
    stopped = train(sft(), TINY, start, stop=Stop(1e-30, consecutive=2))[0]
    assert stopped.stopped and stopped.steps.tolist() == [0, 5, 10]
    exact = train(sft(budget=10), TINY, start, stop=Stop(1.0, consecutive=9))[0]
    assert not exact.stopped
    jax.tree.map(np.testing.assert_array_equal, stopped.params, exact.params)


def test_population_members_stop_each_at_their_own_time():
    trained = train(sft(budget=20), TINY, [Start(initial_params(TINY, 0), 0)], stop=Stop(1.0))[0]
    starts = [Start(initial_params(TINY, 1), 1), Start(trained.params, 0)]
    level = float(np.sqrt(max(trained.scores[-1], 1e-12) * 1e-9))
    ours = train(sft(), TINY, starts, stop=Stop(level, 1), vectorize=True)
    singles = train(sft(), TINY, starts, stop=Stop(level, 1), vectorize=False)
    assert [r.steps[-1] for r in ours] == [r.steps[-1] for r in singles]


@pytest.mark.training_outcome
def test_supervised_training_learns_a_function_a_tiny_model_can():
    regime = sft(budget=400, batch_size=64, learning_rate=0.02, convergence=Convergence(
        at_least=0.9, every=20, strings=64))  # fmt: skip
    config = LlamaConfig(**{**vars(TINY), "hidden_size": 32, "layers": 2})
    runs = train(regime, config, [Start(initial_params(config, seed), seed) for seed in range(3)])
    first, last = (np.array([run.scores[i] for run in runs]) for i in (0, -1))
    assert (last > 10 * first).all() and last.mean() > first.mean() + 0.3


def test_scores_are_the_probability_and_the_argmax_of_the_answer():
    regime = sft()
    documents = evaluation_documents(regime)
    params = initial_params(TINY, 7)
    chance, greedy = np.asarray(string_scores(params, TINY, documents))
    from behaviordist.lab.llama import forward

    logits = np.asarray(forward(params, TINY, documents[:, :-1]), np.float64)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    first = grammar.PROMPT_LENGTH - 1
    for row, document in enumerate(documents):
        product = np.prod([p[row, t, document[t + 1]] for t in range(first, len(document) - 1)])
        assert chance[row] == pytest.approx(product, rel=1e-4)
        picks = p[row, first:].argmax(-1)
        assert greedy[row] == float(np.array_equal(picks, document[first + 1 :]))


def test_evaluations_use_held_out_strings_only():
    documents = evaluation_documents(sft())
    strings = grammar.strings_of(documents[:, 2 : 2 + 5])
    assert grammar.is_held_out(strings).all()
    again = grammar.held_out_strings(np.random.default_rng(EVALUATION_SEED), len(strings))
    np.testing.assert_array_equal(strings, again)


def test_learning_rate_warms_up_and_decays_to_a_tenth():
    regime = sft(budget=100, learning_rate=1.0, warmup=10, decay=True)
    rates = learning_rates(regime, np.arange(101))
    assert rates[0] == pytest.approx(0.1) and rates[9] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.1, abs=1e-6)
    assert (np.diff(rates[10:]) <= 1e-7).all()
    assert (learning_rates(sft(), np.arange(5)) == np.float32(0.01)).all()


def test_numbers_do_not_depend_on_a_process_wide_float64():
    start = initial_params(TINY, 0)
    plain = train(sft(), TINY, [Start(start, 1)])[0]
    with jax.enable_x64(True):
        wide = train(sft(), TINY, [Start(initial_params(TINY, 0), 1)])[0]
    jax.tree.map(np.testing.assert_array_equal, plain.params, wide.params)
