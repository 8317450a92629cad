"""Simulated weight quantisation: round to nearest, symmetric, no calibration.

What deployed weight-only quantisation computes, up to the kernels: weights are rounded to a grid
and multiplied as floats. The formula is `lab.rounding`'s, which quantisation-aware training shares.
"""

from __future__ import annotations

from behaviordist.lab.rounding import GROUP, LEVELS, round_weights

__all__ = ["GROUP", "LEVELS", "TORCHAO", "note", "round_weights"]

TORCHAO = "torchao-int8"
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
