"""Gradient alignment where the answer is known: along the gradient, and against it."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from behaviordist.engines.gradient_alignment import gradient_misalignment
from behaviordist.engines.jax_engine import initial_params
from behaviordist.lab import checkpoint, grammar
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import Convergence, Regime
from behaviordist.regimes.objective import Hyper
from behaviordist.regimes.objectives import sft

CONFIG = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY), hidden_size=8, layers=1, heads=1, kv_heads=1, head_dim=8,
    intermediate_size=8,
)  # fmt: skip
REGIME = Regime(
    algorithm="sft", task="copy", budget=10, batch_size=8, learning_rate=0.1,
    convergence=Convergence(at_least=0.9),
)  # fmt: skip


@pytest.mark.slow
def test_a_target_down_the_gradient_is_aligned_and_one_up_it_is_opposed(tmp_path):
    start = initial_params(CONFIG, 0)
    batch = sft.draw(REGIME.model_copy(update={"batch_size": 32}), np.random.default_rng(5))
    gradient = jax.grad(sft.loss)(start, CONFIG, batch, None, Hyper.of(REGIME))
    moved = {
        "start": start,
        "down": jax.tree.map(lambda p, g: p - 0.5 * g, start, gradient),
        "up": jax.tree.map(lambda p, g: p + 0.5 * g, start, gradient),
    }
    for name, params in moved.items():
        checkpoint.save(tmp_path / name, params, CONFIG, {})
    folders = {name: [tmp_path / name] for name in moved}
    table = gradient_misalignment(
        folders, {"down": REGIME, "up": REGIME}, CONFIG, strings=32, seed=5
    )
    assert table.loc["start", "down"] == pytest.approx(0.0, abs=1e-4)
    assert table.loc["start", "up"] == pytest.approx(2.0, abs=1e-4)
    assert table["start"].isna().all() and np.isnan(table.loc["up", "up"])
