"""Array behaviors, and the one forward pass that several behaviors share."""

import numpy as np
import pytest

from behaviordist.behaviors import (
    ArrayBehavior,
    InferenceSettings,
    check_comparable,
    shared_log_probs,
)
from behaviordist.behaviors.settings import log_softmax
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

PROBES = ProbeSet("two", (Probe("a", "", "x"), Probe("b", "", "yz")))
ROWS = np.array([0, 1, 1])


def table(seed=0, size=5):
    return log_softmax(np.random.default_rng(seed).normal(size=(3, size)).astype(np.float32))


def test_rows_come_back_with_the_settings_applied():
    settings = InferenceSettings(temperature=0.5)
    (block,) = ArrayBehavior("a", ROWS, table(), settings).log_probs(PROBES)
    np.testing.assert_allclose(block.log_p, log_softmax(2 * table()), atol=1e-6)
    assert block.probe.tolist() == [0, 1, 1]


def test_identity_follows_numbers_and_settings():
    base = ArrayBehavior("a", ROWS, table())
    warm = ArrayBehavior("b", ROWS, table(), InferenceSettings(temperature=2.0))
    other = ArrayBehavior("a", ROWS, table(1))
    assert base.identity == ArrayBehavior("renamed", ROWS, table()).identity
    assert len({base.identity, warm.identity, other.identity}) == 3
    assert base.forward_key == warm.forward_key != other.forward_key


def test_behaviors_on_one_checkpoint_share_one_forward_pass():
    passes = []

    class Counted(ArrayBehavior):
        def forward(self, probes):
            passes.append(self.label)
            return super().forward(probes)

    behaviors = [
        Counted("a", ROWS, table()),
        Counted("other", ROWS, table(1)),
        Counted("warm", ROWS, table(), InferenceSettings(temperature=2.0)),
    ]
    shared = dict(shared_log_probs(behaviors, PROBES))
    assert passes == ["a", "other"]
    for index, behavior in enumerate(behaviors):
        (alone,) = behavior.log_probs(PROBES)
        assert np.array_equal(shared[index].log_p, alone.log_p)


@pytest.mark.parametrize(
    ("probe", "log_p", "words"),
    [
        (ROWS, table()[:2], "must be"),
        (ROWS, table() + 1, "sums to 2.718"),
        (ROWS, np.full((3, 5), np.nan), "sums to nan"),
        (ROWS, np.full((3, 5), 1e38, np.float32), "sums to inf"),
        (np.array([0, 1, 0]), table(), "adjacent"),
    ],
)
def test_arrays_that_are_no_behavior_are_refused(probe, log_p, words):
    with pytest.raises(InputError, match=words):
        ArrayBehavior("bad", probe, log_p)


def test_arrays_and_probes_must_belong_together():
    with pytest.raises(InputError, match="needs a model"):
        ArrayBehavior("a", ROWS, table(), InferenceSettings(quant="int8"))
    with pytest.raises(InputError, match="holds 1 probes, 'two' has 2"):
        list(ArrayBehavior("a", np.zeros(3), table()).log_probs(PROBES))
    with pytest.raises(InputError, match="computed on other probes"):
        list(ArrayBehavior("a", ROWS, table(), probe_digest="x").log_probs(PROBES))


def test_other_vocabularies_are_refused_with_what_works_instead():
    first = ArrayBehavior("first", ROWS, table())
    check_comparable([first, ArrayBehavior("same", ROWS, table(1))])
    with pytest.raises(InputError, match="'first' and 'wide' have vocabularies of 5 and 6.*loglik"):
        check_comparable([first, ArrayBehavior("wide", ROWS, table(size=6))])
    with pytest.raises(InputError, match="different token ids"):
        check_comparable([first, ArrayBehavior("permuted", ROWS, table(), vocabulary="other")])
