"""Quantisation-aware training: straight-through gradients, and what it is for."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from pydantic import ValidationError

from behaviordist.engines.jax_engine import Start, initial_params, train
from behaviordist.lab import grammar
from behaviordist.lab.llama import LlamaConfig
from behaviordist.lab.rounding import BLOCK_MATRICES, round_blocks
from behaviordist.regimes.declaration import Convergence
from behaviordist.regimes.evaluation import evaluate, evaluation_documents
from behaviordist.regimes.objective import Hyper
from behaviordist.regimes.objectives import qat, sft
from tests.regimes.settings import regime_of

SMALL = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY),
    hidden_size=32,
    layers=2,
    heads=2,
    kv_heads=1,
    intermediate_size=32,
)


def regime(algorithm, **changes):
    settings = {
        "algorithm": algorithm, "task": "copy", "budget": 400, "batch_size": 64,
        "learning_rate": 0.02, "convergence": Convergence(at_least=0.95, every=20, strings=64),
    }  # fmt: skip
    return regime_of(algorithm, settings, **changes)


def test_the_gradient_is_the_one_at_the_rounded_weights():
    """Straight through: as if the rounded weights were the parameters. And nothing is left out."""
    params = initial_params(SMALL, 0)
    two = regime("qat", bits=2)
    batch = sft.draw(two, np.random.default_rng(0))
    rounded = round_blocks(jax.tree.map(np.asarray, params), "int2")
    mine, expected = (
        jax.jit(jax.grad(module.loss), static_argnums=(1, 4))(at, SMALL, batch, None, Hyper.of(two))
        for module, at in ((qat, params), (sft, rounded))
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), mine, expected)
    assert all(np.abs(layer[name]).max() > 0 for layer in mine["layers"] for name in BLOCK_MATRICES)


def test_the_score_is_the_rounded_models():
    params, documents = initial_params(SMALL, 0), evaluation_documents(regime("sft"))
    rounded = round_blocks(jax.tree.map(np.asarray, params), "int3")
    of_rounded = jax.jit(evaluate, static_argnums=1)(rounded, SMALL, documents)
    run = train(regime("qat", bits=3, budget=20), SMALL, [Start(params, 0)])[0]
    assert run.scores[0] == pytest.approx(float(of_rounded[0]), rel=1e-4)


@pytest.mark.training_outcome
def test_at_two_bits_training_for_the_grid_beats_rounding_afterwards():
    """The planted check: the same data and steps, then both are rounded to two bits.

    On every seed, and by more than noise on the whole; how much one seed loses hangs on rounding.
    """
    starts = [Start(initial_params(SMALL, seed), seed) for seed in (1, 2, 3)]
    plain, aware = train(regime("sft"), SMALL, starts), train(regime("qat", bits=2), SMALL, starts)
    documents = evaluation_documents(regime("sft"))
    score = jax.jit(evaluate, static_argnums=1)

    def rounded(runs):
        return np.array(
            [score(round_blocks(run.params, "int2"), SMALL, documents)[0] for run in runs], float
        )

    lost = np.array([run.scores[-1] for run in plain]) - rounded(plain)
    gained = rounded(aware) - rounded(plain)
    assert lost.min() > 0 and lost.mean() > 0.3
    assert gained.min() > 0 and gained.mean() > 0.2
    np.testing.assert_allclose(rounded(aware), [run.scores[-1] for run in aware], rtol=1e-4)


def test_bits_are_for_qat_alone():
    with pytest.raises(ValidationError, match="bits\n  Field required"):
        regime("qat")
    with pytest.raises(ValidationError, match=r"'bits'; sft does not read it \(qat does\)"):
        regime("sft", bits=2)
