"""Inference settings: specs and their errors; logit-level settings against `transformers`' own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviordist.behaviors import InferenceSettings, parse_spec
from behaviordist.behaviors.settings import log_softmax
from behaviordist.errors import InputError


def logits(seed, rows=6, vocabulary=50, scale=3.0):
    return np.random.default_rng(seed).normal(0, scale, (rows, vocabulary)).astype(np.float32)


@pytest.mark.parametrize(
    ("spec", "model", "canonical"),
    [
        ("dir/model", "dir/model", ""),
        ("dir/model@temperature=1.0", "dir/model", ""),
        ("m@quant=int8,temperature=0.70", "m", "temperature=0.7,quant=int8"),
        ("m@top-k=5, top_p=0.9", "m", "top_k=5,top_p=0.9"),
        ("user@host/m", "user@host/m", ""),
        ("user@host/m@min_p=0.1", "user@host/m", "min_p=0.1"),
        ("m@quant=none", "m", ""),
    ],
)
def test_specs(spec, model, canonical):
    path, settings = parse_spec(spec)
    assert (path, settings.canonical) == (model, canonical)
    assert parse_spec(f"m@{canonical}")[1] == settings


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("m@temprature=1", "did you mean 'temperature'"),
        ("m@temperature=hot", "temperature must be float, not 'hot'"),
        ("m@temperature=-1", "temperature must be a number >= 0"),
        ("m@temperature=nan", "temperature must be a number >= 0"),
        ("m@temperature=1,temperature=2", "given twice"),
        ("m@temperature=", "has no value"),
        ("m@quant=int7", "did you mean 'int"),
        ("m@top_p=1.5", "top_p must be in"),
        ("m@top_k=0", "top_k must be at least 1"),
        ("@temperature=1", "names no model"),
    ],
)
def test_bad_specs_are_one_line_that_names_the_spec(spec, words):
    with pytest.raises(InputError) as caught:
        parse_spec(spec)
    assert words in str(caught.value)
    assert spec in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_logit_level_settings_nothing_is_touched():
    log_p = log_softmax(logits(0))
    assert InferenceSettings(quant="int8").apply(log_p) is log_p
    assert InferenceSettings(temperature=1.0).apply(log_p) is log_p


@given(st.integers(0, 10_000), st.floats(0.05, 5))
def test_temperature_on_log_probabilities_is_temperature_on_logits(seed, temperature):
    raw = logits(seed)
    mine = InferenceSettings(temperature=temperature).apply(log_softmax(raw))
    np.testing.assert_allclose(mine, log_softmax(raw / np.float32(temperature)), atol=2e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.7},
        {"top_k": 7},
        {"top_p": 0.8},
        {"min_p": 0.05},
        {"temperature": 1.7, "top_k": 20, "top_p": 0.9, "min_p": 0.02},
    ],
)
def test_the_warpers_of_transformers_agree(settings):
    import torch
    from transformers.generation import logits_process

    raw = logits(3, rows=40)
    warped = torch.tensor(raw)
    for key, warper in (
        ("temperature", logits_process.TemperatureLogitsWarper),
        ("top_k", logits_process.TopKLogitsWarper),
        ("top_p", logits_process.TopPLogitsWarper),
        ("min_p", logits_process.MinPLogitsWarper),
    ):
        if key in settings:
            warped = warper(settings[key])(None, warped)
    expected = torch.log_softmax(warped, dim=1).numpy()
    mine = InferenceSettings(**settings).apply(log_softmax(raw))
    assert np.array_equal(np.isinf(mine), np.isinf(expected))
    np.testing.assert_allclose(mine, expected, atol=1e-5)
    keeps = not np.isinf(expected).any()
    assert InferenceSettings(**settings).keeps_support == keeps


def test_greedy_is_the_limit_of_low_temperature():
    log_p = log_softmax(logits(4))
    greedy = InferenceSettings(temperature=0).apply(log_p)
    cold = InferenceSettings(temperature=1e-3).apply(log_p)
    np.testing.assert_allclose(np.exp(greedy), np.exp(cold), atol=1e-6)


def test_log_softmax_survives_huge_logits_and_removed_tokens():
    row = np.array([[1e30, 1e30, -np.inf]], dtype=np.float32)
    np.testing.assert_allclose(log_softmax(row), [[-np.log(2), -np.log(2), -np.inf]], rtol=1e-6)
