"""Cached decoding equals uncached; draws have the frequencies the model says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from behaviordist.errors import InputError
from behaviordist.lab import llama, sampling
from behaviordist.lab.llama import LlamaConfig

CONFIG = LlamaConfig(vocab_size=6, hidden_size=16, intermediate_size=24, head_dim=4)
PARAMS = llama.init(CONFIG, 3)
forward = jax.jit(llama.forward, static_argnums=1)
forward_cached = jax.jit(llama.forward_cached, static_argnums=1)
PROMPTS = np.random.default_rng(0).integers(6, size=(5, 7))


@pytest.mark.parametrize("split", [1, 3, 6])
def test_cached_logits_are_the_uncached_ones(split):
    whole = forward(PARAMS, CONFIG, PROMPTS)
    cache = llama.empty_cache(CONFIG, 5, 7)
    logits, cache = forward_cached(PARAMS, CONFIG, PROMPTS[:, :split], cache, 0)
    parts = [logits]
    for t in range(split, 7):
        logits, cache = forward_cached(PARAMS, CONFIG, PROMPTS[:, t : t + 1], cache, t)
        parts.append(logits)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_log_p_is_what_an_uncached_pass_gives(temperature):
    tokens, log_p = sampling.sample(PARAMS, CONFIG, PROMPTS, jax.random.key(0), 4, temperature)
    assert tokens.shape == log_p.shape == (5, 4) and tokens.dtype == jnp.int32
    text = np.concatenate([PROMPTS, tokens], axis=1)
    logits = forward(PARAMS, CONFIG, text)[:, 6:-1] / temperature
    expected = np.take_along_axis(
        np.asarray(jax.nn.log_softmax(logits)), np.asarray(tokens)[..., None], axis=-1
    )
    np.testing.assert_allclose(log_p, expected[..., 0], atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_pairs_of_tokens_come_as_often_as_the_model_says(temperature):
    prompts = np.repeat(PROMPTS[:1], 20_000, axis=0)
    tokens, _ = sampling.sample(PARAMS, CONFIG, prompts, jax.random.key(1), 2, temperature)
    observed = np.bincount(np.asarray(tokens) @ [6, 1], minlength=36)
    first = jax.nn.softmax(forward(PARAMS, CONFIG, PROMPTS[:1])[0, -1] / temperature)
    branches = np.concatenate([np.repeat(PROMPTS[:1], 6, axis=0), np.arange(6)[:, None]], axis=1)
    second = jax.nn.softmax(forward(PARAMS, CONFIG, branches)[:, -1] / temperature)
    expected = np.asarray(first[:, None] * second, np.float64).ravel()
    expected *= observed.sum() / expected.sum()
    # Cells with fewer than five expected draws are put together (Cochran's rule).
    rare = expected < 5
    pool = [np.append(v[~rare], v[rare].sum()) for v in (observed, expected)]
    pool = [v[:-1] if pool[1][-1] == 0 else v for v in pool]
    assert stats.chisquare(*pool).pvalue > 1e-3


def test_cold_samples_are_the_argmax_of_uncached_passes():
    tokens, log_p = sampling.sample(PARAMS, CONFIG, PROMPTS, jax.random.key(2), 5, 1e-4)
    text = np.concatenate([PROMPTS, tokens], axis=1)
    logits = np.asarray(forward(PARAMS, CONFIG, text))
    np.testing.assert_array_equal(tokens, logits[:, 6:-1].argmax(-1))
    assert (log_p > -1e-3).all()


def test_sampling_is_a_function_of_the_key_and_vmaps_over_models():
    models = [PARAMS, llama.init(CONFIG, 1)]
    population = jax.tree.map(lambda *leaves: np.stack(leaves), *models)
    key = jax.random.key(5)
    draw = jax.vmap(lambda p: sampling.sample(p, CONFIG, PROMPTS, key, 4, 1.0))
    together = np.asarray(draw(population)[0])
    for model, tokens in zip(models, together, strict=True):
        alone, _ = sampling.sample(model, CONFIG, PROMPTS, key, 4, 1.0)
        np.testing.assert_array_equal(alone, tokens)
    other, _ = sampling.sample(PARAMS, CONFIG, PROMPTS, jax.random.key(6), 4, 1.0)
    assert (np.asarray(other) != together[0]).any()


def test_no_tokens_to_draw_is_refused():
    with pytest.raises(InputError, match="new_tokens is 0"):
        sampling.sample(PARAMS, CONFIG, PROMPTS, jax.random.key(2), 0, 1.0)
