"""Mixtures as tasks: their law of answers, their data, their score."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from behaviordist.errors import InputError
from behaviordist.lab import grammar, llama
from behaviordist.lab.functions import function
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import Regime
from behaviordist.regimes.objectives import rlvr, sft
from behaviordist.regimes.tasks import answer_law, draw_answers, shares, single

MIXED = {"copy": 0.5, "reverse": 0.3, "swap": 0.2}
CONFIG = LlamaConfig(
    hidden_size=16, layers=1, heads=2, kv_heads=1, head_dim=8, intermediate_size=16
)


def regime(task, algorithm="sft"):
    return Regime(
        algorithm=algorithm,
        task=task,
        budget=2,
        batch_size=64,
        learning_rate=1e-3,
        convergence={"at_least": 0.9, "every": 1, "strings": 16},
    )


def test_shares_are_normalised_and_bad_ones_refused():
    names, weights = shares({"copy": 3, "swap": 1, "ends": 0})
    assert names == ("copy", "swap") and weights.tolist() == [0.75, 0.25]
    assert shares("copy")[0] == ("copy",)
    for bad in ({"copy": -1.0}, {"copy": 0.0}, {}):
        with pytest.raises(InputError, match="shares"):
            shares(bad)
    with pytest.raises(InputError, match="no string function 'cpy'"):
        shares({"cpy": 1.0})


def test_answers_are_drawn_as_often_as_the_law_says():
    rng = np.random.default_rng(0)
    x = np.repeat(grammar.held_out_strings(rng, 1), 20_000, axis=0)
    answers, law = answer_law(MIXED, x[:1])
    drawn = draw_answers(MIXED, rng, x)
    for answer, share in zip(answers[:, 0], law[:, 0], strict=True):
        assert (drawn == answer).all(axis=1).mean() == pytest.approx(share, abs=0.015)


def test_functions_that_answer_alike_are_summed_once():
    same = np.array([[4, 4, 4, 4, 4], [0, 1, 2, 3, 4]], np.int32)
    answers, law = answer_law(MIXED, same)
    assert law[:, 0].tolist() == [1.0, 0.0, 0.0] and law.sum(axis=0).tolist() == [1.0, 1.0]
    assert np.allclose(law[:, 1], [0.5, 0.3, 0.2])
    assert (answers[1, 1] == function("reverse").apply(same[1])).all()


def test_one_function_draws_as_before():
    """The numbers of regimes with one function must not move."""
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    x = grammar.training_strings(first, 8)
    assert (draw_answers("reverse", first, x) == function("reverse").apply(x)).all()
    grammar.training_strings(second, 8)
    assert first.integers(1000) == second.integers(1000)


@pytest.mark.slow
def test_the_score_of_a_mixture_is_exp_minus_kl():
    params = jax.tree.map(np.asarray, llama.init(CONFIG, 0))
    held_out = sft.held_out(regime(MIXED))
    score = float(sft.evaluate(params, CONFIG, held_out, None)[0])
    kl = []
    for k in range(held_out["share"].shape[1]):
        total = 0.0
        for share, document in zip(
            held_out["share"][:, k], held_out["documents"][:, k], strict=True
        ):
            if share > 0:
                logits = np.asarray(llama.forward(params, CONFIG, document[None, :-1]), np.float64)[
                    0
                ]
                log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
                nats = log_p[np.arange(len(log_p)), document[1:]][-6:].sum()
                total += share * (np.log(share) - nats)
        kl.append(total)
    assert score == pytest.approx(np.exp(-np.mean(kl)), rel=1e-4)


def test_a_verifier_refuses_a_mixture():
    with pytest.raises(InputError, match="one function, not a mixture"):
        single(MIXED, "rlvr")
    with pytest.raises(InputError, match="always answers the same"):
        rlvr.draw(
            regime("copy", "rlvr").model_copy(update={"task": MIXED}), np.random.default_rng()
        )
