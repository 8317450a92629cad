"""Sampling from the lab's Llama with a key-value cache: prefill once, then a token a step.

Plain functions of parameters and a key: they run inside `jax.jit` and under `jax.vmap` over
models. Every row gets `new_tokens` tokens; what follows an ``<eos>`` is the caller's to ignore.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from behaviordist.errors import InputError
from behaviordist.lab.llama import Cache, LlamaConfig, Params, empty_cache, forward_cached

Pair = tuple[jax.Array, jax.Array]


@partial(jax.jit, static_argnames=("config", "new_tokens"))
def sample(
    params: Params,
    config: LlamaConfig,
    prompts: jax.Array,
    key: jax.Array,
    new_tokens: int,
    temperature: float | jax.Array = 1.0,
) -> Pair:
    """Draw continuations from ``softmax(logits / temperature)``.

    Parameters
    ----------
    params, config
        The model.
    prompts
        ``(B, P)``, all of the same length, no padding.
    key
        Of `jax.random`; the draws are a function of it.
    new_tokens
        How many tokens to draw for each prompt.
    temperature
        Above zero. Use `greedy` for the limit of zero.

    Returns
    -------
    tokens ``(B, new_tokens)`` int32, and their log-probabilities in nats ``(B, new_tokens)`` under
    the distribution that they were drawn from (so with the temperature).
    """
    shape = (new_tokens, prompts.shape[0], config.vocab_size)
    return _decode(params, config, prompts, jax.random.gumbel(key, shape), temperature)


@partial(jax.jit, static_argnames=("config", "new_tokens"))
def sample_rows(
    params: Params, config: LlamaConfig, prompts: jax.Array, seeds: jax.Array, new_tokens: int
) -> Pair:
    """Draw at temperature 1 with a seed for every row; returns as `sample` does.

    Rows with one prompt and one seed get one continuation, whatever else is in the batch.

    Parameters
    ----------
    params, config, prompts, new_tokens
        As for `sample`.
    seeds
        ``(B,)`` uint32.
    """
    shape = (new_tokens, config.vocab_size)
    noise = jax.vmap(lambda seed: jax.random.gumbel(jax.random.key(seed), shape))(seeds)
    return _decode(params, config, prompts, noise.swapaxes(0, 1), 1.0)


def _decode(
    params: Params,
    config: LlamaConfig,
    prompts: jax.Array,
    noise: jax.Array,
    temperature: float | jax.Array,
) -> Pair:
    """Take ``argmax(log_p + noise)`` each time: a draw from p when the noise is Gumbel.

    The noise ``(new_tokens, B, V)`` is made before the loop: half the time of making it inside.
    """
    new_tokens, batch, _ = noise.shape
    if new_tokens < 1:
        raise InputError(f"new_tokens is {new_tokens}: draw at least one")
    length = prompts.shape[1]
    # The last token drawn is never fed back, so it needs no room.
    cache = empty_cache(config, batch, length + new_tokens - 1)

    def draw(logits: jax.Array, noise: jax.Array) -> Pair:
        log_p = jax.nn.log_softmax(logits[:, -1] / temperature)
        token = jnp.argmax(log_p + noise, axis=-1).astype(jnp.int32)
        return token, jnp.take_along_axis(log_p, token[:, None], axis=-1)[:, 0]

    def step(carry: tuple[jax.Array, Cache], inputs: Pair) -> tuple[tuple[jax.Array, Cache], Pair]:
        token, cache = carry
        position, noise = inputs
        logits, cache = forward_cached(params, config, token[:, None], cache, position)
        token, log_p = draw(logits, noise)
        return (token, cache), (token, log_p)

    logits, cache = forward_cached(params, config, prompts, cache, 0)
    token, log_p = draw(logits, noise[0])
    positions = length + jnp.arange(new_tokens - 1)
    _, (tokens, log_ps) = jax.lax.scan(step, (token, cache), (positions, noise[1:]))
    tokens = jnp.concatenate([token[None], tokens]).T
    return tokens, jnp.concatenate([log_p[None], log_ps]).T
