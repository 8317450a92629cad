"""A Llama in JAX: RMSNorm, RoPE, SwiGLU, grouped-query attention, tied or untied embeddings.

The same function as Hugging Face's ``LlamaForCausalLM`` (`lab.checkpoint` reads and writes its
folders), written as plain functions of a pytree of arrays, so that `jax.vmap` over parameters
trains a population. Matrices act from the right: ``x @ w``.

Parameters are ``{"embed": (V, d), "norm": (d,), "head": (d, V) unless tied, "layers": [...]}`` and
a layer is ``{"attention_norm": (d,), "qkv": (d, (H + 2K) h), "out": (H h, d), "mlp_norm": (d,),
"gate_up": (d, 2f), "down": (f, d)}``: d width, H heads, K key-value heads, h head width, f MLP
width. Query, key and value share a matrix, gate and up too: fewer, larger products. Activations
are kept as ``(B T, d)`` rather than ``(B, T, d)``: on a CPU, XLA contracts one axis in a weight's
gradient a third faster than two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from behaviordist.errors import InputError

Params = dict[str, Any]
Cache = list[tuple[jax.Array, jax.Array]]


@dataclass(frozen=True)
class LlamaConfig:
    """Shape and constants of a Llama. Defaults are the lab's model.

    With `sliding_window`, a token attends to that many tokens at most, itself among them (Jiang et
    al. 2023, Mistral 7B). Hugging Face's Llama has no such thing: it is a way to run one.
    """

    vocab_size: int = 40
    hidden_size: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    intermediate_size: int = 128
    rope_theta: float = 10_000.0
    rms_eps: float = 1e-5
    tie_embeddings: bool = False
    max_positions: int = 128
    head_dim: int = 16
    sliding_window: int | None = None

    def __post_init__(self) -> None:
        if self.heads % self.kv_heads:
            raise InputError(
                f"{self.heads} heads cannot share {self.kv_heads} key-value heads: "
                "heads must be a multiple of kv_heads"
            )
        if self.head_dim % 2:
            raise InputError(f"head_dim {self.head_dim} is odd: rotary positions need an even one")
        if self.sliding_window is not None and self.sliding_window < 1:
            raise InputError(f"sliding_window must be at least 1 token, not {self.sliding_window}")


def init(config: LlamaConfig, seed: int) -> Params:
    """Return random parameters, float32.

    Matrices are normal with standard deviation ``fan_in ** -0.5``, those that write to the
    residual stream smaller by ``(2 layers) ** -0.5`` (Radford et al. 2019, section 2.3); embeddings
    have standard deviation 0.02 when tied (they are the head too), 1 in root mean square else.
    """
    return dict(_init(config, jax.random.key(seed)))


@partial(jax.jit, static_argnames="config")
def _init(config: LlamaConfig, key: jax.Array) -> Params:
    c = config
    keys = iter(jax.random.split(key, 2 + 4 * c.layers))
    residual = (2 * c.layers) ** -0.5

    def normal(rows: int, columns: int, scale: float) -> jax.Array:
        return scale * jax.random.normal(next(keys), (rows, columns), jnp.float32)

    def layer() -> Params:
        d, width = c.hidden_size, c.heads * c.head_dim
        return {
            "attention_norm": jnp.ones(d),
            "qkv": normal(d, (c.heads + 2 * c.kv_heads) * c.head_dim, d**-0.5),
            "out": normal(width, d, residual * width**-0.5),
            "mlp_norm": jnp.ones(d),
            "gate_up": normal(d, 2 * c.intermediate_size, d**-0.5),
            "down": normal(c.intermediate_size, d, residual * c.intermediate_size**-0.5),
        }

    params: Params = {
        "embed": normal(c.vocab_size, c.hidden_size, 0.02 if c.tie_embeddings else 1.0),
        "norm": jnp.ones(c.hidden_size),
    }
    if not c.tie_embeddings:
        params["head"] = normal(c.hidden_size, c.vocab_size, c.hidden_size**-0.5)
    params["layers"] = [layer() for _ in range(c.layers)]
    return params


def forward(params: Params, config: LlamaConfig, tokens: jax.Array) -> jax.Array:
    """Return logits ``(B, T, V)`` float32 of tokens ``(B, T)``.

    Attention is causal, so rows may be padded on the right: padding moves no logit before it.

    Raises
    ------
    InputError
        T exceeds ``config.max_positions``.
    """
    length = tokens.shape[1]
    _check_length(config, length)
    positions = jnp.arange(length)
    rope = _rope(config, positions)
    mask = _visible(config, positions, length)
    x = jnp.asarray(params["embed"])[tokens.reshape(-1)]
    for layer in params["layers"]:
        q, k, v = _qkv(layer, config, x, rope)
        x = x + _attend(q, k, v, mask) @ layer["out"]
        x = x + _mlp(layer, config, x)
    x = _rms_norm(x, params["norm"], config.rms_eps).reshape(*tokens.shape, -1)
    return _head(params, x)


def empty_cache(config: LlamaConfig, batch: int, length: int) -> Cache:
    """Return a key-value cache with room for `length` positions, ``(B, length, K, h)`` a layer."""
    _check_length(config, length)
    zeros = jnp.zeros((batch, length, config.kv_heads, config.head_dim), jnp.float32)
    return [(zeros, zeros) for _ in range(config.layers)]


def forward_cached(
    params: Params, config: LlamaConfig, tokens: jax.Array, cache: Cache, start: int | jax.Array
) -> tuple[jax.Array, Cache]:
    """Return logits of the tokens at positions ``start ..`` given the cache of those before.

    Parameters
    ----------
    params, config
        The model.
    tokens
        ``(B, T)``, the positions ``start, ..., start + T - 1``.
    cache
        From `empty_cache` or an earlier call; positions before `start` are filled.
    start
        May be traced.

    Returns
    -------
    logits ``(B, T, V)`` and the cache with these positions filled in.
    """
    length, room = tokens.shape[1], cache[0][0].shape[1]
    positions = start + jnp.arange(length)
    rope = _rope(config, positions)
    mask = _visible(config, positions, room)
    x = jnp.asarray(params["embed"])[tokens.reshape(-1)]
    filled: Cache = []
    for layer, (keys, values) in zip(params["layers"], cache, strict=True):
        q, k, v = _qkv(layer, config, x, rope)
        keys = jax.lax.dynamic_update_slice_in_dim(keys, k, start, axis=1)
        values = jax.lax.dynamic_update_slice_in_dim(values, v, start, axis=1)
        filled.append((keys, values))
        x = x + _attend(q, keys, values, mask) @ layer["out"]
        x = x + _mlp(layer, config, x)
    x = _rms_norm(x, params["norm"], config.rms_eps).reshape(*tokens.shape, -1)
    return _head(params, x), filled


def parameter_count(config: LlamaConfig) -> int:
    """Return the number of parameters; tied embeddings count once."""
    c = config
    embeddings = c.vocab_size * c.hidden_size * (1 if c.tie_embeddings else 2)
    return embeddings + c.layers * (_layer_weights(c) + 2 * c.hidden_size) + c.hidden_size


def flops_per_token(config: LlamaConfig, context: int, training: bool = True) -> int:
    """Return floating-point operations a token: ``2 N + 2 layers context width``, x3 in training.

    Kaplan et al. 2020, "Scaling laws for neural language models", section 2.1 and table 1: a
    multiply-add is two operations, the backward pass costs twice the forward pass, causal attention
    looks at half of the context on average. N counts every matrix that multiplies, the output head
    too (it is a third of the lab's work, and Kaplan et al. leave it out), but no embedding lookup.

    Parameters
    ----------
    config
        The model.
    context
        Length of the sequence, in tokens.
    training
        Forward and backward (6 N) or forward only (2 N).
    """
    c = config
    matrices = c.layers * _layer_weights(c) + c.vocab_size * c.hidden_size
    forward_pass = 2 * matrices + 2 * c.layers * context * c.heads * c.head_dim
    return forward_pass * (3 if training else 1)


def _layer_weights(c: LlamaConfig) -> int:
    attention = c.hidden_size * (2 * c.heads + 2 * c.kv_heads) * c.head_dim
    return attention + 3 * c.hidden_size * c.intermediate_size


def _check_length(config: LlamaConfig, length: int) -> None:
    if length > config.max_positions:
        raise InputError(
            f"{length} tokens exceed the model's context of {config.max_positions}: "
            "shorten the text, it is never cut silently"
        )


def _head(params: Params, x: jax.Array) -> jax.Array:
    head: jax.Array = params["head"] if "head" in params else params["embed"].T
    rows = x.reshape(-1, x.shape[-1]) @ head
    return rows.reshape(*x.shape[:-1], -1)


def _rms_norm(x: jax.Array, gamma: jax.Array, eps: float) -> jax.Array:
    mean_square = jnp.mean(x * x, axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(mean_square + eps) * gamma


def _rope(config: LlamaConfig, positions: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return cos and sin ``(T, 1, h / 2)`` of the rotation angles (Su et al. 2021)."""
    half = config.head_dim // 2
    frequencies = config.rope_theta ** (-jnp.arange(half, dtype=jnp.float32) / half)
    angles = positions[:, None, None].astype(jnp.float32) * frequencies
    return jnp.cos(angles), jnp.sin(angles)


def _rotate(x: jax.Array, rope: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Rotate ``(B, T, heads, h)``, pairing entry i with entry i + h/2 as Hugging Face does."""
    cos, sin = rope
    a, b = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def _qkv(
    layer: Params, c: LlamaConfig, x: jax.Array, rope: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return rotated queries ``(B, T, H, h)``, rotated keys and plain values ``(B, T, K, h)``."""
    joint = _rms_norm(x, layer["attention_norm"], c.rms_eps) @ layer["qkv"]
    length = rope[0].shape[0]
    joint = joint.reshape(-1, length, c.heads + 2 * c.kv_heads, c.head_dim)
    rotated = _rotate(joint[:, :, : c.heads + c.kv_heads], rope)
    return rotated[:, :, : c.heads], rotated[:, :, c.heads :], joint[:, :, -c.kv_heads :]


def _visible(config: LlamaConfig, positions: jax.Array, room: int) -> jax.Array:
    """Return ``(T, room)``: which of the places ``0 .. room - 1`` each of the positions sees."""
    behind = positions[:, None] - jnp.arange(room)[None, :]
    seen = behind >= 0
    return seen if config.sliding_window is None else seen & (behind < config.sliding_window)


def _attend(q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array) -> jax.Array:
    """Return attention ``(B T, H h)``; `mask` ``(T, S)`` says which keys a query may see."""
    batch, length, heads, width = q.shape
    groups = q.reshape(batch, length, k.shape[2], -1, width)
    scores = jnp.einsum("btkgd,bskd->bkgts", groups, k) * width**-0.5
    weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), axis=-1)
    return jnp.einsum("bkgts,bskd->btkgd", weights, v).reshape(-1, heads * width)


def _mlp(layer: Params, c: LlamaConfig, x: jax.Array) -> jax.Array:
    gate, up = jnp.split(_rms_norm(x, layer["mlp_norm"], c.rms_eps) @ layer["gate_up"], 2, axis=-1)
    down: jax.Array = layer["down"]
    return (jax.nn.silu(gate) * up) @ down
