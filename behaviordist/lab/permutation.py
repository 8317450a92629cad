"""The same function at other weights: a Llama with its hidden units in another order.

Three orders of a Llama's inside are invisible from outside: the axes of the residual stream (one
order for the whole model), the units of an MLP (one a layer), and the heads of a layer (key-value
heads among themselves, and the queries that share one). Entries inside a head are not free: rotary
positions tie each pair of them to a frequency. A permuted copy computes the same sums in another
order, so its logits agree to rounding, while the distance between the weights is that of strangers.
Source of the symmetry: Hecht-Nielsen 1990, "On the algebraic structure of feedforward network
weight spaces"; Ainsworth, Hayase and Srinivasa 2023, "Git re-basin".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from behaviordist.lab.growth import join_qkv, split_qkv
from behaviordist.lab.llama import LlamaConfig, Params

Order = NDArray[np.int64]


def permute(params: Params, config: LlamaConfig, seed: int) -> Params:
    """Return the same function with residual axes, MLP units and heads in another order.

    Parameters
    ----------
    params, config
        The model; arrays of any dtype, which is kept.
    seed
        Of the orders.

    Returns
    -------
    Parameters of the same shapes; logits agree to rounding (1e-5 in the lab).
    """
    rng = np.random.default_rng(seed)
    axes = rng.permutation(config.hidden_size)
    rest = {name: np.asarray(value) for name, value in params.items() if name != "layers"}
    moved = {"embed": rest["embed"][:, axes], "norm": rest["norm"][axes]}
    if "head" in rest:
        moved["head"] = rest["head"][axes]
    return {**moved, "layers": [_block(layer, config, axes, rng) for layer in params["layers"]]}


def _block(layer: Params, config: LlamaConfig, axes: Order, rng: np.random.Generator) -> Params:
    units = rng.permutation(config.intermediate_size)
    shared, queries = _heads(config, rng)
    parts = [part[axes] for part in split_qkv(layer["qkv"], config)]
    q, k, v = parts[0][:, queries], parts[1][:, shared], parts[2][:, shared]
    out = np.asarray(layer["out"]).reshape(config.heads, config.head_dim, -1)[queries]
    gate, up = np.split(np.asarray(layer["gate_up"])[axes], 2, axis=1)
    return {
        "attention_norm": np.asarray(layer["attention_norm"])[axes],
        "qkv": join_qkv([q, k, v]),
        "out": out.reshape(-1, config.hidden_size)[:, axes],
        "mlp_norm": np.asarray(layer["mlp_norm"])[axes],
        "gate_up": np.concatenate([gate[:, units], up[:, units]], axis=1),
        "down": np.asarray(layer["down"])[units][:, axes],
    }


def _heads(config: LlamaConfig, rng: np.random.Generator) -> tuple[Order, Order]:
    """Return an order of the key-value heads, and one of the queries that goes with it."""
    group = config.heads // config.kv_heads
    shared = rng.permutation(config.kv_heads)
    inside = np.stack([rng.permutation(group) for _ in shared])
    return shared, (shared[:, None] * group + inside).reshape(-1)
