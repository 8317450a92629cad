"""The factored form against features of the whole vocabulary."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.errors import InputError
from behaviordist.innerproduct import get_geometry, pair_moments
from behaviordist.innerproduct.linear_heads import LinearHead, head_moments
from tests.distance.worlds import fingerprint_of, normalise


def test_equals_the_whole_vocabulary():
    rng = np.random.default_rng(0)
    probe = np.repeat(np.arange(20), 3)
    heads = [LinearHead(rng.normal(size=(60, d)), rng.normal(size=(500, d))) for d in (8, 8, 12)]
    feature = get_geometry("aitchison").features
    prints = [
        fingerprint_of(str(k), feature(normalise(h.hidden @ h.weight.T), None), probe)
        for k, h in enumerate(heads)
    ]
    found, expected = head_moments(heads, probe), pair_moments(prints)
    np.testing.assert_allclose(found.squared, expected.squared, rtol=1e-5)
    np.testing.assert_allclose(
        found.squared_standard_errors, expected.squared_standard_errors, rtol=1e-4
    )


def test_shapes_that_do_not_fit():
    head = LinearHead(np.zeros((3, 2)), np.zeros((5, 2)))
    with pytest.raises(InputError, match="head 1"):
        head_moments([head, LinearHead(np.zeros((3, 4)), np.zeros((5, 2)))], np.arange(3))
    with pytest.raises(InputError, match="no heads"):
        head_moments([], np.arange(3))
