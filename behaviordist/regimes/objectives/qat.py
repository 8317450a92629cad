"""Quantisation-aware training: supervised fine-tuning of the weights that rounding will leave.

The forward pass sees the blocks' matrices rounded to `bits` (`lab.rounding`: the grid that
``quant=intN`` runs a checkpoint on), the backward pass takes rounding for the identity (the
straight-through estimator of Bengio, Leonard and Courville 2013; Jacob et al. 2018). What is
trained and saved are the float32 weights behind the grid; what is scored is the rounded model.
"""

from __future__ import annotations

from typing import Any

import jax

from behaviordist.lab import llama
from behaviordist.lab.rounding import round_blocks
from behaviordist.regimes.objective import Hyper
from behaviordist.regimes.objectives import sft
from behaviordist.regimes.objectives.sft import draw, sampled_tokens

__all__ = ["SCORE", "deployed", "draw", "fake_quantised", "loss", "sampled_tokens"]

SCORE = "expected exact match on held-out strings, of the rounded weights"


def fake_quantised(params: Any, bits: int) -> Any:
    """Return the rounded parameters, whose gradient is the one of `params` itself.

    Nothing is clipped: a group's largest magnitude is on its grid, so none lies outside.
    """
    rounded = round_blocks(params, f"int{bits}")
    return jax.tree.map(lambda w, r: w + jax.lax.stop_gradient(r - w), params, rounded)


def loss(
    params: Any, config: llama.LlamaConfig, batch: dict[str, Any], key: Any, hyper: Hyper
) -> jax.Array:
    """Return the loss of `sft` at the rounded weights, in nats a token of the answer."""
    assert hyper.bits is not None
    return sft.loss(fake_quantised(params, hyper.bits), config, batch, key, hyper)


def deployed(params: Any, hyper: Hyper) -> Any:
    """Return the rounded weights: what training for a grid is for."""
    return round_blocks(params, f"int{hyper.bits}")
