"""Simulated weight quantisation: round to nearest, symmetric, no calibration.

What deployed weight-only quantisation computes, up to the kernels: weights are rounded to a grid
and multiplied as floats. int8 has one scale an output channel (as LLM.int8 and torchao's
`int8_weight_only`), int4 and int2 one scale a group of 32 inputs (as GGUF's Q4_0). Rounded are the
matrices of the transformer blocks; embeddings, norms, biases and the output head stay as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TORCHAO = "torchao-int8"
GROUP = 32
LEVELS = {"int8": 127, "int4": 7, "int2": 1}
NOTE = (
    "{quant}: simulated, weights of the blocks rounded to nearest, symmetric, one scale {scale};"
    " embeddings, norms and the output head are not rounded"
)


def note(quant: str) -> str:
    """Return the sentence that reports carry about a quantised behavior."""
    if quant == TORCHAO:
        return f"{quant}: torchao's int8 weight-only kernels; the output head is not quantised"
    scale = "an output channel" if quant == "int8" else f"a group of {GROUP} inputs"
    return NOTE.format(quant=quant, scale=scale)


def round_weights(weights: NDArray[np.float32], quant: str) -> NDArray[np.float32]:
    """Return a matrix (out, in) rounded to the grid of `quant`, as float32 of the same shape.

    Every group's largest magnitude is on the grid; the error of a weight is at most half a step,
    `scale / 2` with `scale = max |w| / levels`. A last, shorter group has its own scale.
    """
    weights = np.asarray(weights, dtype=np.float32)
    out, inputs = weights.shape
    size = inputs if quant == "int8" else GROUP
    padded = np.pad(weights, ((0, 0), (0, -inputs % size))).reshape(out, -1, size)
    scale = np.abs(padded).max(axis=2, keepdims=True) / np.float32(LEVELS[quant])
    steps = np.rint(np.divide(padded, scale, out=np.zeros_like(padded), where=scale > 0))
    return np.asarray((steps * scale).reshape(out, -1)[:, :inputs], dtype=np.float32)
