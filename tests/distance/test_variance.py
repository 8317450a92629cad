"""Shares of variance against scikit-bio, Anderson's formula by hand, and planted truth."""

import numpy as np
import pytest

from behaviordist.distance.analysis.scikit_bio import scikit_bio
from behaviordist.distance.analysis.variance import variance_shares
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError

LABELS = tuple(f"b{i}" for i in range(11))
REGIMES = ("sft", "dpo", "sft", "rl", "dpo", "dpo", "sft", "rl", "sft", "dpo", "rl")
LEVELS = dict(zip(LABELS, REGIMES, strict=True))


def matrix(shift, seed=0):
    """Eleven points in five dimensions, each regime moved by `shift` along an axis of its own."""
    points = np.random.default_rng(seed).normal(size=(len(LABELS), 5))
    for i, label in enumerate(LABELS):
        points[i, ("sft", "dpo", "rl").index(LEVELS[label])] += shift
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
    return DistanceMatrix(LABELS, squared, np.full(squared.shape, np.nan)), points


def sums_of_squares(points):
    """Within levels and in all, about centroids: in a Euclidean space the same by Huygens."""
    level = np.array([LEVELS[label] for label in LABELS])
    about = [((points[level == a] - points[level == a].mean(0)) ** 2).sum() for a in set(level)]
    return sum(about), ((points - points.mean(0)) ** 2).sum()


@pytest.mark.parametrize("shift", [0.0, 1.0, 4.0])
def test_share_and_f_are_those_of_the_centroids(shift):
    made, points = matrix(shift)
    found = variance_shares(made, LEVELS, permutations=99)
    within, total = sums_of_squares(points)
    assert found.share == pytest.approx(1 - within / total, rel=1e-9)
    assert found.pseudo_f == pytest.approx(((total - within) / 2) / (within / 8), rel=1e-9)


def test_it_is_scikit_bios_permanova():
    made, _ = matrix(0.8)
    theirs = scikit_bio("skbio.stats.distance").permanova(
        made.to_skbio(), [LEVELS[label] for label in LABELS], permutations=199, seed=3
    )
    found = variance_shares(made, LEVELS | {"unused": "rl"}, permutations=199, seed=3)
    assert found.pseudo_f == theirs["test statistic"] and found.p_value == theirs["p-value"]


def test_planted_levels_are_found_and_absent_ones_are_not():
    assert variance_shares(matrix(4.0)[0], LEVELS).p_value <= 0.005
    p_values = [variance_shares(matrix(0.0, s)[0], LEVELS, permutations=99).p_value
                for s in range(60)]  # fmt: skip
    # Uniform under the null: 3 of 60 are expected at 5 %; 10 or more once in a thousand.
    assert sum(p <= 0.05 for p in p_values) < 10


def test_levels_that_explain_everything():
    squared = np.array([[LEVELS[a] != LEVELS[b] for b in LABELS] for a in LABELS], dtype=float)
    found = variance_shares(DistanceMatrix(LABELS, squared, squared * np.nan), LEVELS)
    assert found.share == 1.0 and found.pseudo_f == np.inf


@pytest.mark.parametrize(
    ("factor", "change", "message"),
    [
        (dict.fromkeys(LABELS, "sft"), 1.0, "1 level"),
        ({label: label for label in LABELS}, 1.0, "its own level"),
        ({label: LEVELS[label] for label in LABELS[1:]}, 1.0, "'b0' has no level"),
        (LEVELS, 0.0, "all distances are 0"),
        (LEVELS, np.nan, "no distance of 'b0' and 'b1'"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(factor, change, message):
    squared = matrix(1.0)[0].squared * change
    np.fill_diagonal(squared, 0.0)
    made = DistanceMatrix(LABELS, squared, np.full(squared.shape, np.nan))
    with pytest.raises(InputError, match=message) as error:
        variance_shares(made, factor)
    assert "\n" not in str(error.value)
