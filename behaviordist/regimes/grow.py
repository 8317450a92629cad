"""Growth as a regime: a checkpoint made larger, which then trains on as `continue` does.

What it trains on is `objectives.pretrain`, as for all that spread over the whole language; this
says what happens before the first step.
"""

from __future__ import annotations

from collections.abc import Callable

from behaviordist.lab import growth
from behaviordist.lab.growth import Grown
from behaviordist.lab.llama import LlamaConfig, Params
from behaviordist.regimes.declaration import GROWTH_SIZES, Growth

PRESERVING = ("depth", "mlp", "heads", "width", "head-width")
"""Operators after which the model is the same function, to rounding."""

_OPERATORS: dict[str, Callable[..., Grown]] = {
    "depth": growth.deepen,
    "mlp": growth.widen_mlp,
    "heads": growth.add_heads,
    "width": growth.widen,
    "head-width": growth.widen_heads,
    "stack": growth.stack,
    "interpolate": growth.interpolate,
}
_DRAWN = ("mlp", "heads", "width", "head-width")


def apply(declared: Growth, params: Params, config: LlamaConfig, seed: int) -> Grown:
    """Return the larger model, its parameters in their own dtype and its config.

    Parameters
    ----------
    declared
        The operator and the size after growth.
    params, config
        The model that grows.
    seed
        Of the new parameters that are noise; depth, stack and interpolate draw none.

    Raises
    ------
    InputError
        The size is not larger, or one that the operator cannot reach exactly.
    """
    options: dict[str, int] = {"seed": seed} if declared.operator in _DRAWN else {}
    if declared.kv_heads is not None:
        options["kv_heads"] = declared.kv_heads
    size = getattr(declared, GROWTH_SIZES[declared.operator])
    return _OPERATORS[declared.operator](params, config, size, **options)
