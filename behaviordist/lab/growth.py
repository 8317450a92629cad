"""Larger models from trained ones: operators on the lab's Llama, most of them exact.

Each takes ``(params, config)`` and returns the same pair, larger, in the dtype it was given. Five
keep the function to rounding (Chen et al. 2016, "Net2Net"; Gesmundo and Maile 2023, "Composable
function-preserving expansions"): `deepen`, `widen_mlp`, `add_heads`, `widen`, `widen_heads`. Each
leaves the new parameters where gradients reach them: of two factors whose product must be zero,
one is zero and the other is not. `stack` and `interpolate` repeat blocks and change the function
(Gong et al. 2019; Du et al. 2024): their jump is to be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.lab.llama import LlamaConfig, Params

Array = NDArray[Any]
Grown = tuple[Params, LlamaConfig]

SYMMETRY_BREAKING = 0.1
"""Noise on the rows of copied MLP units, in root mean squares of those rows."""


def deepen(params: Params, config: LlamaConfig, layers: int) -> Grown:
    """Insert identity blocks, spread evenly, until there are `layers` of them; exact to the bit.

    A new block is a copy of the block before it whose two matrices that write to the residual
    stream are zero (Wu et al. 2024, "LLaMA Pro"): they get a gradient at once, the rest next.
    """
    _check_larger("layers", config.layers, layers)
    source = _spread(config.layers, layers)
    fresh = np.diff(source, prepend=-1) == 0

    def block(place: int) -> Params:
        layer = params["layers"][source[place]]
        if not fresh[place]:
            return dict(layer)
        return {**layer, **{name: np.zeros_like(layer[name]) for name in ("out", "down")}}

    return _with_layers(params, config, [block(i) for i in range(layers)])


def stack(params: Params, config: LlamaConfig, layers: int) -> Grown:
    """Put the whole stack of blocks on top of itself until there are `layers`; not exact."""
    _check_larger("layers", config.layers, layers)
    blocks = [dict(params["layers"][i % config.layers]) for i in range(layers)]
    return _with_layers(params, config, blocks)


def interpolate(params: Params, config: LlamaConfig, layers: int) -> Grown:
    """Repeat each block in its place until there are `layers`; not exact."""
    _check_larger("layers", config.layers, layers)
    blocks = [dict(params["layers"][i]) for i in _spread(config.layers, layers)]
    return _with_layers(params, config, blocks)


def widen_mlp(
    params: Params,
    config: LlamaConfig,
    intermediate_size: int,
    seed: int = 0,
    noise: float = SYMMETRY_BREAKING,
) -> Grown:
    """Copy MLP units until there are `intermediate_size` a layer; exact to rounding.

    The columns of gate and up are copied by an index map; the copies share the row of down in
    equal parts, plus noise that sums to zero over the copies of a unit. Without that noise copies
    get the same gradients and stay one unit for ever; shares of unequal size would not do, since
    Adam divides a gradient's size out.

    Parameters
    ----------
    params, config
        The model.
    intermediate_size
        Units a layer after growth.
    seed
        Of which units are copied once more than others, and of the noise.
    noise
        Its standard deviation, in root mean squares of the layer's new rows of down.
    """
    old = config.intermediate_size
    _check_larger("intermediate_size", old, intermediate_size)
    rng = np.random.default_rng(seed)

    def grown(layer: Params) -> Params:
        rounds = -(-intermediate_size // old) - 1
        more = np.concatenate([rng.permutation(old) for _ in range(rounds)])
        units = np.concatenate([np.arange(old), more[: intermediate_size - old]])
        gate, up = np.split(np.asarray(layer["gate_up"]), 2, axis=1)
        gate_up = np.concatenate([gate[:, units], up[:, units]], axis=1)
        return {**layer, "gate_up": gate_up, "down": _shared_rows(layer["down"], units, noise, rng)}

    layers = [grown(layer) for layer in params["layers"]]
    return {**params, "layers": layers}, replace(config, intermediate_size=intermediate_size)


def add_heads(
    params: Params, config: LlamaConfig, heads: int, kv_heads: int | None = None, seed: int = 0
) -> Grown:
    """Add attention heads whose output rows are zero; exact to rounding.

    The new queries, keys and values are noise of the old ones' standard deviation.

    Parameters
    ----------
    params, config
        The model.
    heads
        Query heads after growth.
    kv_heads
        Key-value heads after growth; None: so many that each still serves as many queries. With
        more queries to a key-value head, the new ones are put beside those that it serves.
    seed
        Of the noise.

    Raises
    ------
    InputError
        Not more heads; fewer key-value heads, or fewer queries to each; heads not a multiple.
    """
    c, group = config, config.heads // config.kv_heads
    _check_larger("heads", c.heads, heads)
    if kv_heads is None:
        if heads % group:
            raise InputError(
                f"{heads} heads in groups of {group} queries to a key-value head do not come out "
                f"even: give a multiple of {group}"
            )
        kv_heads = heads // group
    grown = replace(c, heads=heads, kv_heads=kv_heads)
    if kv_heads < c.kv_heads or heads // kv_heads < group:
        raise InputError(
            f"growth cannot regroup {c.heads} heads over {c.kv_heads} key-value heads as {heads} "
            f"over {kv_heads}: keep at least {c.kv_heads}, with {group} queries or more to each"
        )
    rng = np.random.default_rng(seed)
    query = (c.hidden_size, kv_heads, heads // kv_heads, c.head_dim)
    key = (c.hidden_size, kv_heads, c.head_dim)

    def block(layer: Params) -> Params:
        q, k, v = split_qkv(layer["qkv"], c)
        q = q.reshape(c.hidden_size, c.kv_heads, group, c.head_dim)
        out = np.asarray(layer["out"]).reshape(c.kv_heads, group, c.head_dim, -1)
        parts = [_padded(q, query, rng), _padded(k, key, rng), _padded(v, key, rng)]
        rows = _padded(out, (*query[1:], c.hidden_size))
        return {**layer, "qkv": join_qkv(parts), "out": rows.reshape(-1, c.hidden_size)}

    return {**params, "layers": [block(layer) for layer in params["layers"]]}, grown


def widen(params: Params, config: LlamaConfig, hidden_size: int, seed: int = 0) -> Grown:
    """Widen the residual stream to `hidden_size`; exact to rounding.

    What writes to the stream (embeddings, attention output, MLP down) is padded with zeros. The
    mean square that RMSNorm divides by then falls by d / D, so gamma is multiplied by
    ``sqrt(d / D)`` and eps by ``d / D``. What reads from the new places is noise of the old
    entries' standard deviation. Tied embeddings stay tied: the new columns are zero as embedding
    and as head alike.
    """
    c, d = config, config.hidden_size
    _check_larger("hidden_size", d, hidden_size)
    rng = np.random.default_rng(seed)
    shrink = (d / hidden_size) ** 0.5

    def norm(gamma: Array) -> Array:
        grown = np.full(hidden_size, np.mean(gamma), gamma.dtype)
        grown[:d] = gamma
        return np.asarray(grown * shrink, gamma.dtype)

    def reads(matrix: Array) -> Array:
        return _padded(matrix, (hidden_size, matrix.shape[1]), rng)

    def writes(matrix: Array) -> Array:
        return _padded(matrix, (matrix.shape[0], hidden_size))

    change = {"norm": norm, "qkv": reads, "gate_up": reads, "head": reads}
    change |= {"embed": writes, "out": writes, "down": writes}
    change |= {"attention_norm": norm, "mlp_norm": norm}

    def grown(part: Params) -> Params:
        return {
            name: change[name](np.asarray(value))
            for name, value in part.items()
            if name != "layers"
        }

    larger = {**grown(params), "layers": [grown(layer) for layer in params["layers"]]}
    return larger, replace(c, hidden_size=hidden_size, rms_eps=c.rms_eps * d / hidden_size)


def widen_heads(params: Params, config: LlamaConfig, head_dim: int, seed: int = 0) -> Grown:
    """Widen every head to `head_dim`, a multiple of its width; exact to rounding.

    Rotary positions turn entries i and i + h/2 of a head by ``theta ** (-2 i / h)``. With m times
    the width, entry m i turns as fast as entry i did: old entries go to every m-th place, which
    keeps pairs and frequencies to the bit. At other widths the old frequencies are not among the
    new ones, and no padding is exact. Keys and output rows are padded with zeros, queries and
    values with noise, and queries are multiplied by ``sqrt(m)``, since scores are divided by the
    root of the width.

    Raises
    ------
    InputError
        `head_dim` is no larger multiple of the old one.
    """
    c = config
    _check_larger("head_dim", c.head_dim, head_dim)
    if head_dim % c.head_dim:
        raise InputError(
            f"head_dim {head_dim} is no multiple of {c.head_dim}: rotary positions turn entry i by "
            f"theta ** (-2 i / head_dim), and only a multiple keeps the old frequencies: give "
            f"{2 * c.head_dim}"
        )
    times = head_dim // c.head_dim
    rng = np.random.default_rng(seed)

    def spread(old: Array, noise: bool = False) -> Array:
        """Put the last axis at every m-th place, zeros or noise between."""
        shape = (*old.shape[:-1], head_dim)
        new = _noise(old, shape, rng) if noise else np.zeros(shape, old.dtype)
        new[..., ::times] = old
        return new

    def block(layer: Params) -> Params:
        q, k, v = split_qkv(layer["qkv"], c)
        scaled = np.asarray(q * times**0.5, q.dtype)
        qkv = join_qkv([spread(scaled, noise=True), spread(k), spread(v, noise=True)])
        columns = np.asarray(layer["out"]).T.reshape(-1, c.heads, c.head_dim)
        out = spread(columns).reshape(c.hidden_size, -1).T
        return {**layer, "qkv": qkv, "out": np.ascontiguousarray(out)}

    layers = [block(layer) for layer in params["layers"]]
    return {**params, "layers": layers}, replace(c, head_dim=head_dim)


def split_qkv(qkv: Any, config: LlamaConfig) -> tuple[Array, Array, Array]:
    """Return queries ``(d, H, h)``, keys and values ``(d, K, h)`` of the joint matrix."""
    c = config
    joint = np.asarray(qkv).reshape(c.hidden_size, c.heads + 2 * c.kv_heads, c.head_dim)
    q, k, v = np.split(joint, [c.heads, c.heads + c.kv_heads], axis=1)
    return q, k, v


def join_qkv(parts: Sequence[Array]) -> Array:
    """Return the joint matrix of what `split_qkv` returns."""
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _with_layers(params: Params, config: LlamaConfig, layers: list[Params]) -> Grown:
    return {**params, "layers": layers}, replace(config, layers=len(layers))


def _check_larger(name: str, old: int, new: int) -> None:
    if new <= old:
        raise InputError(f"{name} is {old}: growth needs more than that, not {new}")


def _spread(old: int, new: int) -> NDArray[np.int64]:
    """Return the old block that each new place repeats: in order, as evenly as can be."""
    return np.arange(new) * old // new


def _shared_rows(down: Any, units: Array, noise: float, rng: np.random.Generator) -> Array:
    """Return rows of down for copied units, which add up to the unit's own row."""
    rows = np.asarray(down)
    counts = np.bincount(units)
    shared = rows[units] / counts[units, None].astype(rows.dtype)
    jitter = rng.normal(0.0, noise * np.sqrt(np.mean(np.square(shared))), shared.shape)
    totals = np.zeros(rows.shape)
    np.add.at(totals, units, jitter)
    return np.asarray(shared + (jitter - (totals / counts[:, None])[units]), rows.dtype)


def _padded(old: Array, shape: tuple[int, ...], rng: np.random.Generator | None = None) -> Array:
    """Return `shape` with `old` in its leading corner, zeros around it, or noise like it."""
    new = np.zeros(shape, old.dtype) if rng is None else _noise(old, shape, rng)
    new[tuple(slice(size) for size in old.shape)] = old
    return new


def _noise(like: Array, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return np.asarray(rng.standard_normal(shape) * np.std(like), like.dtype)
