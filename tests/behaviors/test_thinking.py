"""Chain of thought: the mixture over reasonings against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviordist.behaviors import load, thinking
from behaviordist.behaviors.huggingface.generation import generate
from behaviordist.behaviors.sampling import seed_of
from behaviordist.behaviors.settings import InferenceSettings, log_softmax
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer, write_llama


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 4))
def test_the_mixture_gives_the_mean_probability_of_every_whole_answer(seed, count, n):
    rng = np.random.default_rng(seed)
    each = log_softmax(rng.normal(0, 2, (count * n, 6)).astype(np.float32))
    target = rng.integers(6, size=n)
    mixed = thinking.marginalise(each, target, count)
    np.testing.assert_allclose(np.exp(mixed).sum(axis=1), 1, atol=1e-5)
    whole = each.reshape(count, n, 6)[:, np.arange(n), target].sum(axis=1, dtype=np.float64)
    expected = np.log(np.mean(np.exp(whole)))
    assert mixed[np.arange(n), target].sum() == pytest.approx(expected, abs=1e-4)


def test_equal_reasonings_change_nothing():
    each = log_softmax(np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32))
    mixed = thinking.marginalise(np.concatenate([each, each]), np.array([1, 2, 3]), 2)
    np.testing.assert_allclose(mixed, each, atol=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thinking") / "tiny"
    write_llama(folder, max_position_embeddings=160)
    return folder


def test_one_reasoning_is_a_longer_prompt(folder):
    """With one reasoning, the answers are those to the prompt, the reasoning, the conclusion."""
    probe = Probe("a", "2+2?", " 4.")
    behavior = load(f"{folder}@thoughts=1,thought_tokens=9")
    (block,) = behavior.log_probs(ProbeSet("one", (probe,)))
    tokenizer = byte_tokenizer()
    context = tokenizer.encode(probe.prompt + thinking.THINK)
    with behavior.model() as model:
        (drawn,) = generate(model, context, InferenceSettings(), 1, 9, seed_of(0, probe)).tolist()
    thought = thinking.trimmed(drawn, frozenset({1}))
    encoder = behavior.encoder()
    (item,) = thinking.with_thoughts(
        encoder(ProbeSet("one", (probe,)))[0], [thought], encoder.encode
    )
    assert list(item.ids[: len(context)]) == context
    conclusion = tokenizer.encode(thinking.ANSWER + probe.continuation, add_special_tokens=False)
    assert list(item.ids[-len(conclusion) :]) == conclusion
    import torch

    with behavior.model() as model, torch.no_grad():
        logits = model(torch.tensor([item.ids[:-1]])).logits[0, -item.scored :]
    np.testing.assert_allclose(block.log_p, logits.log_softmax(-1).numpy(), atol=1e-5)
    assert block.token.tolist() == tokenizer.encode(probe.continuation, add_special_tokens=False)


def test_it_is_repeatable_noted_and_part_of_the_identity(folder):
    probes = ProbeSet("two", (Probe("a", "2+2?", " 4."), Probe("b", "3+3?", " 6.")))
    behavior = load(f"{folder}@thoughts=3,thought_tokens=5")
    first, second = (
        np.concatenate([b.log_p for b in behavior.log_probs(probes)]) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert "3 sampled reasonings" in behavior.notes[0]
    assert behavior.identity != load(folder).identity
    assert behavior.forward_key != load(folder).forward_key


def test_room_for_the_reasoning_is_kept_free(folder):
    long = ProbeSet("long", (Probe("a", "x" * 80, "y"),))
    load(folder).check(long)
    with pytest.raises(InputError, match="'a' takes 81 tokens"):
        load(f"{folder}@thoughts=1,thought_tokens=50").check(long)
