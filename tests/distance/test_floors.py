"""Noise floors: what repeating adds, and which cells it takes away."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.distance import DistanceMatrix, matrix_of
from behaviordist.distance.analysis.floors import (
    NoiseFloor,
    paraphrase_floor,
    repeat_floor,
    with_floors,
)
from behaviordist.errors import InputError
from tests.distance.worlds import fingerprint_of


def test_repeating_adds_twice_the_noise():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(400, 8))
    pairs = [
        tuple(fingerprint_of(k, base + 0.1 * rng.normal(size=base.shape)) for k in "ab")
        for _ in range(3)
    ]
    floor = repeat_floor("seed", pairs)
    assert floor.squared == pytest.approx(2 * 8 * 0.01, rel=0.1) and floor.n == 3
    assert abs(floor.squared - 0.16) < 3 * floor.standard_error
    assert floor.distance == pytest.approx(np.sqrt(floor.squared))
    with pytest.raises(InputError, match="at least one pair"):
        repeat_floor("dtype", [])


def test_half_precision_is_a_floor_of_its_own():
    base = np.random.default_rng(0).normal(size=(200, 8))
    floor = repeat_floor(
        "dtype", [(fingerprint_of("a", base), fingerprint_of("b", base, dtype=np.float16))]
    )
    assert 0 < floor.distance < 2e-3


def test_paraphrases():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(150), 3)
    prompt = rng.normal(size=(150, 5))[group]
    features = prompt + 0.2 * rng.normal(size=prompt.shape)
    floor = paraphrase_floor(fingerprint_of("a", features, group=group))
    assert floor.squared == pytest.approx(2 * 5 * 0.04, rel=0.1) and floor.n == 150
    # By the definition, on one group.
    one = features[:3]
    expected = np.mean([np.sum((one[i] - one[j]) ** 2) for i, j in ((0, 1), (0, 2), (1, 2))])
    alone = paraphrase_floor(fingerprint_of("a", one, group=np.zeros(3, dtype=int)))
    assert alone.squared == pytest.approx(expected, rel=1e-5) and np.isnan(alone.standard_error)
    with pytest.raises(InputError, match="sketch=None"):
        paraphrase_floor(fingerprint_of("a", features, group=group, sketch="countsketch-5"))
    with pytest.raises(InputError, match="no paraphrases"):
        paraphrase_floor(fingerprint_of("a", features))


def test_cells_under_the_floor_are_marked_in_matrix_and_mask(tmp_path):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(300, 4))
    prints = [
        fingerprint_of("a", base),
        fingerprint_of("again", base + 0.1 * rng.normal(size=base.shape)),
        fingerprint_of("far", base + rng.normal(size=base.shape)),
    ]
    plain = matrix_of(prints)
    assert plain.states().are("apart")[0, 1]
    floors = [NoiseFloor("seed", 0.05, 0.001, 4), NoiseFloor("dtype", 1e-6, float("nan"), 1)]
    marked = with_floors(plain, floors)
    assert marked.states().table[0, 1] == "undecided" and marked.states().are("apart")[0, 2]
    marked.save(tmp_path)
    again = DistanceMatrix.load(tmp_path)
    assert again.metadata["noise_floors"][1]["standard_error"] is None
    np.testing.assert_array_equal(again.states().table, marked.states().table)
    with pytest.raises(InputError, match="no noise floors"):
        with_floors(plain, [])
