"""Directed distances against enumeration, closed forms and their own standard errors."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.errors import InputError
from behaviordist.innerproduct.directed import directed_moments, surprise


def world(rng, n, answers, sharpness=1.0):
    """Two random behaviors over the same answers to n inputs: log-probabilities (n, answers)."""
    logits = sharpness * rng.standard_normal((2, n, answers))
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def enumerated(quantity, log_a, log_b, **options):
    n, answers = log_a.shape
    probe = np.repeat(np.arange(n), answers)
    own = None if quantity == "overlap" else log_b.ravel()
    return directed_moments(
        quantity, log_a.reshape(1, -1), probe, np.exp(log_b).ravel(), target_log_p=own, **options
    )


def test_enumerated_answers_give_the_closed_forms():
    log_a, log_b = world(np.random.default_rng(0), 30, 5)
    p, q = np.exp(log_a), np.exp(log_b)
    kl = (q * (log_b - log_a)).sum(axis=1)
    found = enumerated("kl", log_a, log_b)
    assert found.values[0] == pytest.approx(kl.mean(), abs=1e-12)
    assert found.standard_errors[0] == pytest.approx(kl.std(ddof=1) / np.sqrt(30), abs=1e-12)
    assert found.degrees_of_freedom == 29
    inner = (p * q).sum(axis=1)
    assert enumerated("overlap", log_a, log_b).values[0] == pytest.approx(inner.mean(), abs=1e-12)
    cross = -(q * log_a).sum(axis=1)
    assert enumerated("cross-entropy", log_a, log_b).values[0] == pytest.approx(cross.mean())


def test_bernoulli_divergence_is_the_textbook_one():
    p, q = 0.2, 0.7
    log_a, log_b = (np.log([[x, 1 - x]] * 2) for x in (p, q))
    wanted = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
    assert enumerated("kl", log_a, log_b).values[0] == pytest.approx(wanted)
    back = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    assert enumerated("kl", log_b, log_a).values[0] == pytest.approx(back)


def draws(rng, log_b, m):
    """m answers an input, drawn from B: (probe, answer)."""
    noise = rng.gumbel(size=(m, *log_b.shape))
    chosen = (log_b + noise).argmax(axis=-1).T
    return np.repeat(np.arange(len(log_b)), m), chosen.ravel()


@pytest.mark.parametrize("quantity", ["kl", "overlap"])
def test_monte_carlo_lies_within_two_standard_errors_of_the_truth(quantity):
    """Inputs are drawn too: the truth is that of the population of inputs."""
    rng = np.random.default_rng(5)
    population = world(rng, 4_000, 6, 1.5)
    p, q = np.exp(population)
    truth = ((q * np.log(q / p)) if quantity == "kl" else p * q).sum(axis=1).mean()
    hits = []
    for _ in range(600):
        some = rng.integers(4_000, size=40)
        log_a, log_b = population[:, some]
        probe, answer = draws(rng, log_b, 3)
        found = directed_moments(
            quantity,
            log_a[probe, answer][None],
            probe,
            np.full(len(probe), 1 / 3),
            target_log_p=log_b[probe, answer],
        )
        hits.append(abs(found.values[0] - truth) <= 2 * found.standard_errors[0])
    assert 0.93 <= np.mean(hits) <= 0.985


def test_a_behavior_lies_at_zero_from_itself_whatever_was_drawn():
    rng = np.random.default_rng(2)
    _, log_b = world(rng, 12, 4)
    probe, answer = draws(rng, log_b, 5)
    own = log_b[probe, answer]
    found = directed_moments("kl", own[None], probe, np.full(len(own), 0.2), target_log_p=own)
    assert found.values[0] == 0 and found.standard_errors[0] == 0


def test_paraphrases_are_one_cluster():
    """Every input twice: the error must be that of the inputs once, not smaller by sqrt 2."""
    log_a, log_b = world(np.random.default_rng(3), 20, 4)
    once = enumerated("kl", log_a, log_b)
    twice = enumerated(
        "kl", np.repeat(log_a, 2, 0), np.repeat(log_b, 2, 0), group=np.repeat(np.arange(20), 2)
    )
    assert twice.values == pytest.approx(once.values)
    assert twice.standard_errors == pytest.approx(once.standard_errors)
    assert twice.degrees_of_freedom == 19


def test_per_token_is_a_ratio_of_sums():
    log_a, log_b = world(np.random.default_rng(4), 25, 4)
    length = np.arange(1.0, 26.0)
    kl = (np.exp(log_b) * (log_b - log_a)).sum(axis=1)
    found = enumerated("kl", log_a, log_b, length=length)
    assert found.values[0] == pytest.approx(kl.sum() / length.sum())


def test_an_impossible_answer_is_infinite_not_floored():
    nats = np.array([[-np.inf, -1.0], [-1.0, -1.0]])
    found = directed_moments(
        "kl", nats, np.arange(2), np.ones(2), target_log_p=np.array([-1.0, -1.0])
    )
    assert np.isinf(found.values[0]) and np.isnan(found.standard_errors[0])
    assert found.values[1] == 0
    overlap = directed_moments("overlap", nats, np.arange(2), np.ones(2))
    assert overlap.values[0] == pytest.approx(np.exp(-1) / 2)


def test_surprise_is_the_logarithm_with_its_error():
    value, error = surprise(np.array([0.5]), np.array([0.01]))
    assert value[0] == pytest.approx(np.log(2)) and error[0] == pytest.approx(0.02)


def test_bad_input_is_one_line():
    nats, probe = np.zeros((1, 3)), np.array([0, 0, 2])
    with pytest.raises(InputError, match="input 1 has no answer"):
        directed_moments("overlap", nats, probe, np.ones(3))
    with pytest.raises(InputError, match="own log-probabilities"):
        directed_moments("kl", nats, np.arange(3), np.ones(3))
    with pytest.raises(InputError, match="must be"):
        directed_moments("overlap", nats, np.arange(2), np.ones(3))
