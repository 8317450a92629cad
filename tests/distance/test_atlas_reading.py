"""Reading an atlas: neighbours, maps by landmarks, planted trees, drift along a line."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from behaviordist.distance.analysis.ordination import landmark_coordinates, principal_coordinates
from behaviordist.distance.analysis.tree import drawn_squares, join, splits, tree_of
from behaviordist.distance.atlas.drift import drift, series
from behaviordist.distance.atlas.nearest import nearest
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.pairwise import matrix_of
from behaviordist.errors import InputError
from behaviordist.innerproduct import pair_moments
from tests.distance.worlds import fingerprint_of

LEAVES = 9


def planted(seed, probes=40, noise=0.0):
    """Features that change along a random tree's branches, each in coordinates of its own.

    Return fingerprints, and the (squared) length of the path between any two leaves.
    """
    rng = np.random.default_rng(seed)
    sides, alive = [], [frozenset([k]) for k in range(LEAVES)]
    while len(alive) > 3:
        a, b = (alive.pop(int(rng.integers(len(alive)))) for _ in range(2))
        sides += [a, b]
        alive.append(a | b)
    sides += alive
    lengths = rng.uniform(0.2, 1.0, len(sides))
    features = np.zeros((LEAVES, probes, len(sides)))
    for k, side in enumerate(sides):
        features[sorted(side), :, k] = np.sqrt(lengths[k])
    features += noise * rng.normal(size=features.shape)
    path = sum(
        length * np.not_equal.outer(*[np.isin(np.arange(LEAVES), list(side))] * 2)
        for length, side in zip(lengths, sides, strict=True)
    )
    prints = [fingerprint_of(f"leaf {k}", features[k]) for k in range(LEAVES)]
    return prints, path, {s for s in sides if len(s) > 1}


@pytest.mark.parametrize("seed", range(4))
def test_a_planted_additive_tree_comes_back_with_its_branches(seed):
    import skbio

    prints, path, _ = planted(seed)
    np.testing.assert_allclose(pair_moments(prints).squared, path, rtol=1e-5)
    newick, support = tree_of(prints, replicates=3)
    read = skbio.TreeNode.read(io.StringIO(newick))
    labels = [f.label for f in prints]
    found = read.cophenet().filter(labels).data
    np.testing.assert_allclose(found, path, atol=1e-4)
    assert len(support) == LEAVES - 3 and set(support.values()) == {1.0}


def test_support_falls_with_noise_and_is_the_share_of_draws():
    clear, noisy = (tree_of(planted(1, 12, noise)[0], replicates=30)[1] for noise in (0.05, 1.5))
    assert np.mean(list(clear.values())) == 1 > np.mean(list(noisy.values()))
    again = tree_of(planted(1, 12, 1.5)[0], replicates=30)[1]
    assert again == noisy  # the seed says everything
    assert all(0 <= v <= 1 and round(v * 30, 6) == round(v * 30) for v in noisy.values())


def test_draws_of_one_pass_are_passes_with_weights():
    prints = planted(2, 12, 1.5)[0]
    prints = [replace(f, group=np.arange(12) // np.array([1] * 6 + [2] * 6)) for f in prints]
    n = len(np.unique(prints[0].group))
    draws = np.random.default_rng(0).integers(0, 3, (5, n))
    member = np.unique(prints[0].group, return_inverse=True)[1]
    for squared, drawn in zip(drawn_squares(prints, draws), draws, strict=True):
        wanted = pair_moments(prints, weights=drawn[member].astype(float)).squared
        np.testing.assert_allclose(squared, wanted, rtol=1e-4, atol=1e-5)


def test_splits_are_those_of_a_tree_written_by_hand():
    squared = np.array([[0, 2, 4, 4], [2, 0, 4, 4], [4, 4, 0, 2], [4, 4, 2, 0]], float)
    assert set(splits(join(["a", "b", "c", "d"], squared))) == {frozenset("cd")}
    with pytest.raises(InputError, match="three behaviors or more"):
        join(["a", "b"], squared[:2, :2])


def points(n, seed=0, dimensions=2):
    rng = np.random.default_rng(seed)
    at = rng.normal(size=(n, dimensions)) * np.array([3, 1][:dimensions])
    squared = ((at[:, None] - at[None]) ** 2).sum(axis=2)
    return DistanceMatrix(tuple(f"b{k}" for k in range(n)), squared, np.zeros((n, n)))


def test_landmarks_place_points_of_a_plane_exactly():
    matrix = points(80)
    placed = landmark_coordinates(matrix, landmarks=10).coordinates
    again = ((placed[:, None] - placed[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(again, matrix.squared, atol=1e-8)
    few = landmark_coordinates(matrix, landmarks=80).coordinates
    np.testing.assert_array_equal(few, principal_coordinates(matrix).coordinates)


def test_the_nearest_come_first_and_are_called_nearer_only_where_intervals_part():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(60, 5))
    prints = [
        fingerprint_of(f"b{k}", base + far * rng.normal(size=(60, 5)))
        for k, far in enumerate((0.0, 0.1, 0.3, 1.0, 1.02))
    ]
    matrix = matrix_of(prints)
    found = nearest(matrix, "b0", 3)
    assert [n.label for n in found] == ["b1", "b2", "b3"]
    assert [n.surely for n in found] == [True, True, False]  # b3 and b4 cannot be told apart
    assert [n.surely for n in nearest(matrix, "b0", 4)] == [True, True, False, False]
    low, high = matrix.interval()
    assert found[0].low == pytest.approx(np.sqrt(low[0, 1]))
    assert found[0].high == pytest.approx(np.sqrt(high[0, 1]))
    assert len(nearest(matrix, "b0", 9)) == 4
    with pytest.raises(InputError, match="no behavior 'x'"):
        nearest(matrix, "x")
    with pytest.raises(InputError, match="one or more"):
        nearest(matrix, "b0", 0)


def test_a_series_is_in_the_order_of_its_numbers_and_a_line_is_straight():
    steps = [0, 1, 2, 10, 100]
    at = np.array([[0.0, 0], [1, 0], [2, 0], [3, 0], [3, 4]])
    squared = ((at[:, None] - at[None]) ** 2).sum(axis=2)
    labels = [f"m@revision=step{s}" for s in steps]
    matrix = DistanceMatrix(tuple(labels), squared, np.zeros((5, 5)))
    shuffled = [labels[k] for k in (3, 0, 4, 2, 1)]
    assert series([*shuffled, "other"], "m@revision=step*") == labels
    places = drift(matrix, labels)
    assert [p.start for p in places] == pytest.approx([0, 1, 2, 3, 5])
    assert [p.step for p in places] == pytest.approx([0, 1, 1, 1, 4])
    assert [p.path for p in places] == pytest.approx([0, 1, 2, 3, 7])
    assert [p.straight for p in places[1:]] == pytest.approx([1, 1, 1, 5 / 7])
    assert places[3].step_low == pytest.approx(1) and np.isnan(places[0].straight)
    with pytest.raises(InputError, match="'x\\*' is 0 of the labels"):
        series(labels, "x*")
