"""Rounding weights to a grid of few bits: one formula for training, running and checking.

Weight-only, symmetric, to nearest, without calibration: int8 has one scale an output channel (as
LLM.int8 and torchao's ``int8_weight_only``), fewer bits one scale a group of 32 inputs (as GGUF's
Q4_0). Rounded are the matrices of the transformer blocks; embeddings, norms and the output head
stay as they are. A matrix may be NumPy's or JAX's, inside ``jit`` too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

GROUP = 32
LEVELS = {"int8": 127, "int4": 7, "int3": 3, "int2": 1}
"""Grid points above zero: 2 ** (bits - 1) - 1; as many below."""

BLOCK_MATRICES = ("qkv", "out", "gate_up", "down")
"""Names of the rounded matrices in a layer of `lab.llama`'s parameters."""

Array = Any  # numpy or jax


def round_weights(weights: Array, quant: str) -> Array:
    """Return a matrix (out, in) rounded to the grid of `quant`, as float32 of the same shape.

    Every group's largest magnitude is on the grid; the error of a weight is at most half a step,
    ``scale / 2`` with ``scale = max |w| / levels``. A last, shorter group has its own scale.
    """
    xp = weights.__array_namespace__()
    weights = weights.astype(np.float32)
    out, inputs = weights.shape
    size = inputs if quant == "int8" else GROUP
    padded = xp.pad(weights, ((0, 0), (0, -inputs % size))).reshape(out, -1, size)
    scale = xp.max(xp.abs(padded), axis=2, keepdims=True) / np.float32(LEVELS[quant])
    # A group of zeros has no scale; divided by one it stays zero.
    steps = xp.round(padded / xp.where(scale > 0, scale, np.float32(1)))
    return (steps * scale).reshape(out, -1)[:, :inputs]


def round_blocks(params: dict[str, Any], quant: str) -> dict[str, Any]:
    """Return a Llama's parameters with the matrices of its blocks rounded.

    The lab keeps matrices (in, out) and joins those that read the same input side by side: a
    column is an output channel, so turned they round as the checkpoint's own files do.
    """
    layers = [
        {k: round_weights(w.T, quant).T if k in BLOCK_MATRICES else w for k, w in layer.items()}
        for layer in params["layers"]
    ]
    return {**params, "layers": layers}
