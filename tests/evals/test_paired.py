"""Paired changes against scipy and statsmodels; gates by simulation; distances by closed forms."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.proportion import proportion_confint

import behaviordist as bd
from behaviordist.evals.bounds import mean_of
from behaviordist.evals.gate import items_that_show, power, smallest_margin
from behaviordist.evals.paired import mcnemar


def made(columns, cluster=None, tags=None):
    """Scores of models a, b, ... from (n, M) or (n, M, E)."""
    values = np.asarray(columns, dtype=float)
    values = values[:, :, None] if values.ndim == 2 else values
    n, m = values.shape[:2]
    group = np.arange(n) if cluster is None else np.asarray(cluster)
    items = tuple(("", f"q{i:05}") for i in range(n))
    return bd.EvalScores(tuple("abcdef"[:m]), items, values, tuple(tags or [""] * n), group)


def flips(n, gains, losses, seed=0):
    """Scores of 0 and 1 of two models with so many gains and losses."""
    both = np.ones((n, 2))
    both[:gains, 0], both[gains : gains + losses, 1] = 0, 0
    return np.random.default_rng(seed).permutation(both)


@pytest.mark.parametrize(("gains", "losses"), [(0, 0), (0, 7), (3, 12), (20, 21), (40, 11)])
def test_mcnemar_and_clopper_pearson(gains, losses):
    whole = bd.compare_evals(made(flips(200, gains, losses)), "a", "b").overall
    table = [[200 - gains - losses, losses], [gains, 0]]
    assert whole.p_value == pytest.approx(their_mcnemar(table, exact=True).pvalue)
    assert whole.p_value == mcnemar(gains, losses)
    for mean, count in (
        (whole.gains, gains), (whole.losses, losses), (whole.disagreement, gains + losses)
    ):  # fmt: skip
        exact = binomtest(count, 200).proportion_ci(0.95, "exact")
        assert (mean.low, mean.high) == pytest.approx((exact.low, exact.high))
        theirs = proportion_confint(count, 200, 0.05, "beta")
        assert (mean.low, mean.high) == pytest.approx(np.nan_to_num(theirs))
        assert mean.value == count / 200
    assert whole.change.value == pytest.approx((gains - losses) / 200)
    assert whole.change.standard_error == pytest.approx(
        np.std(np.diff(flips(200, gains, losses), axis=1), ddof=1) / 200**0.5
    )


def test_direction_is_said_beside_distance_and_only_where_it_is_shown():
    for gains, losses, word in ((60, 5, "scores higher"), (5, 60, "scores lower")):
        result = bd.compare_evals(made(flips(300, gains, losses)), "a", "b")
        assert result.overall.direction == word
        assert f"b {word}" in result.sentences()[1]
    still = bd.compare_evals(made(flips(300, 30, 30)), "a", "b")
    assert still.overall.direction == "neither is shown to score higher"
    assert still.overall.disagreement.value == 0.2  # no change is not sameness


def test_tags_and_clusters_of_a_comparison():
    tags = ["x"] * 50 + ["y"] * 50
    both = np.ones((100, 2))
    both[50:70, 1] = 0
    result = bd.compare_evals(made(both, tags=tags), "a", "b")
    assert [(t.name, t.worsened) for t in result.tags] == [("y", 20), ("x", 0)]
    grouped = bd.compare_evals(made(both, np.arange(100) // 10), "a", "b").overall
    alone = bd.compare_evals(made(both), "a", "b").overall
    assert grouped.units == 10 and np.isnan(grouped.p_value)
    # Ten items that flip together carry the error of one: sqrt(10) times as large, but for G - 1.
    ratio = grouped.change.standard_error / alone.change.standard_error
    assert ratio == pytest.approx((10 * 10 / 9 * 99 / 100) ** 0.5)
    assert grouped.change.low < alone.change.low
    # Known sizes of clusters add no noise: 40 clusters show what 40 items show, times the largest.
    sizes = np.repeat(np.arange(40), np.tile([1, 3], 20))
    assert smallest_margin(sizes) == pytest.approx(1.5 * smallest_margin(np.arange(40)))


def test_three_verdicts_of_three_tests():
    same, fewer, other = flips(1000, 2, 2), flips(1000, 0, 100), flips(1000, 100, 100)
    said = {
        test: [bd.gate_evals(made(x), "a", "b", 0.05, test).verdict for x in (same, fewer, other)]
        for test in ("non-inferiority", "equivalence", "disagreement")
    }
    assert said == {
        "non-inferiority": ["within", "beyond", "within"],
        "equivalence": ["within", "beyond", "within"],
        "disagreement": ["within", "beyond", "beyond"],
    }
    better = flips(1000, 100, 0)
    assert bd.gate_evals(made(better), "a", "b", 0.05).verdict == "within"
    assert bd.gate_evals(made(better), "a", "b", 0.05, "equivalence").verdict == "beyond"
    assert bd.gate_evals(made(flips(1000, 20, 50)), "a", "b", 0.03).verdict == "open"


@pytest.mark.parametrize("test", ["non-inferiority", "equivalence", "disagreement"])
def test_the_smallest_margin_is_that_of_a_candidate_that_never_differs(test):
    n = 300
    smallest = smallest_margin(np.arange(n), test)
    still = made(flips(n, 0, 0))
    assert bd.gate_evals(still, "a", "b", smallest * 1.001, test).passed
    with pytest.raises(bd.InputError, match="cannot show less than") as error:
        bd.gate_evals(still, "a", "b", smallest * 0.999, test)
    enough = items_that_show(smallest * 0.999, test)
    assert f"{enough:,} independent items show" in str(error.value) and n < enough < n + 3
    if test == "disagreement":
        assert smallest == pytest.approx(1 - 0.05 ** (1 / n))


def test_bad_questions():
    scores = made(flips(100, 1, 1))
    for options, said in (
        ({"margin": 0}, "margin is a share"), ({"margin": 1.5}, "margin is a share"),
        ({"margin": 0.1, "alpha": 0.7}, "alpha must"), ({"margin": 0.1, "test": "same"}, "unknown"),
    ):  # fmt: skip
        with pytest.raises(bd.InputError, match=said):
            bd.gate_evals(scores, "a", "b", **options)
    with pytest.raises(bd.InputError, match="no model 'z'"):
        bd.gate_evals(scores, "a", "z", 0.1)
    with pytest.raises(bd.InputError, match="compared to itself"):
        bd.compare_evals(scores, "a", "a")
    apart = np.array([[1, np.nan], [np.nan, 1]])
    with pytest.raises(bd.InputError, match="no item in common"):
        bd.compare_evals(made(apart), "a", "b")


def test_power_of_disagreement_is_that_of_all_counts():
    n, margin, changed = 150, 0.1, 0.05
    passed = [bd.gate_evals(made(flips(n, k, 0)), "a", "b", margin, "disagreement").passed
              for k in range(20)]  # fmt: skip
    from scipy.stats import binom

    assert power(n, margin, changed, "disagreement") == pytest.approx(
        sum(binom.pmf(k, n, changed) for k, good in enumerate(passed) if good)
    )


def test_distances_are_disagreements_with_errors():
    rng = np.random.default_rng(1)
    columns = (rng.random((400, 4)) < [0.5, 0.5, 0.9, 0.1]).astype(float)
    columns[:, 1] = columns[:, 0]
    matrix = bd.eval_distances(made(columns), margin=0.1)
    for i, j in itertools.combinations(range(4), 2):
        share = np.mean(columns[:, i] != columns[:, j])
        assert matrix.distances[i, j] == pytest.approx(share)
        expected = np.sqrt(share * (1 - share) / 399)
        assert matrix.standard_errors[i, j] == pytest.approx(expected)
        limit = binomtest(round(share * 400), 400).proportion_ci(1 - 2 * 0.025 / 6, "exact").high
        assert matrix.limits[i, j] == pytest.approx(limit**2)
    assert matrix.states().table[0].tolist() == ["", "same", "apart", "apart"]


@pytest.mark.parametrize(("n", "share"), [(400, 0.03), (400, 0.3), (2000, 0.01)])
def test_intervals_of_a_matrix_hold_the_truth(n, share):
    """Coverage over all counts: binomial weights, no simulation."""
    from scipy.stats import binom

    covered = 0.0
    for k in range(int(binom.ppf(1e-3, n, share)), int(binom.ppf(1 - 1e-3, n, share)) + 1):
        low, high = bd.eval_distances(made(flips(n, k, 0))).interval()
        held = low[0, 1] <= share**2 <= high[0, 1]
        covered += binom.pmf(k, n, share) * held
    assert 0.93 < covered < 0.98


def test_pairs_without_a_common_item_are_missing():
    columns = np.array([[1, np.nan, 1], [np.nan, 1, 0], [1, np.nan, 1]])
    table = bd.eval_distances(made(columns)).states().table
    assert table[0, 1] == "missing" and table[0, 2] != "missing"


def test_noise_of_epochs_does_not_make_models_apart():
    rng = np.random.default_rng(2)
    right = rng.random((500, 1, 1))
    same = rng.random((500, 2, 4)) < right
    matrix = bd.eval_distances(made(same))
    assert matrix.distances[0, 1] > 0.1
    assert matrix.distances[0, 1] == pytest.approx(matrix.floor[0, 1] ** 0.5, rel=0.1)
    assert matrix.states().table[0, 1] == "undecided"
    other = same.copy()
    other[:, 1] = rng.random((500, 4)) < right[:, :, 0] * 0.3
    assert bd.eval_distances(made(other)).states().table[0, 1] == "apart"


def test_one_document_that_stands_twice_hides_no_difference():
    once = flips(400, 0, 120)
    twice = np.full((400, 2, 2), np.nan)
    twice[:, :, 0], twice[7, :, 1] = once, once[7]
    matrix, plain = bd.eval_distances(made(twice)), bd.eval_distances(made(once))
    assert matrix.distances[0, 1] == plain.distances[0, 1] == 0.3
    assert matrix.floor[0, 1] ** 0.5 <= 1 / 400
    assert matrix.states().table[0, 1] == plain.states().table[0, 1] == "apart"


def rates(draw, n, margin, test, studies):
    passed = [bd.gate_evals(draw(n, k), "a", "b", margin, test).passed for k in range(studies)]
    return np.mean(passed)


MEAN_GRADE = 0.05 * (1 - np.exp(-1 / 0.05))  # of an exponential of 0.05, cut at 1


def at_the_margin(kind, margin, test):
    """A drawer of candidates that lie at the margin exactly."""

    def draw(n, seed):
        rng = np.random.default_rng(seed)
        change = margin if test == "disagreement" else -margin
        if kind == "rare":  # losses alone
            change = np.where(rng.random(n) < margin, np.sign(change), 0.0)
        elif kind == "busy":  # many gains and losses
            more = 0.0 if test == "disagreement" else 0.15
            u = rng.random(n)
            change = np.where(u < margin + more, np.sign(change), np.where(u > 1 - more, 1.0, 0))
        elif kind == "graded":
            change = np.sign(change) * np.minimum(rng.exponential(0.05, n), 1)
            change *= margin / MEAN_GRADE
        else:  # clusters of unequal sizes that fail whole
            cluster = np.repeat(np.arange(n // 4), np.tile([1, 3, 8, 4], n // 16 + 1)[: n // 4])
            fails = rng.random(n) < margin
            change = np.sign(change) * fails[cluster]
            return made(np.stack([np.ones(len(change)), 1 - np.abs(change)], 1), cluster)
        base = np.where(change < 0, 1.0, 0.0)
        other = base + change
        if test == "disagreement":
            other = np.abs(base - np.abs(change))
        return made(np.stack([base, np.clip(other, 0, 1)], 1))

    return draw


@pytest.mark.slow
@pytest.mark.parametrize("test", ["non-inferiority", "equivalence", "disagreement"])
@pytest.mark.parametrize("kind", ["rare", "busy", "graded", "clusters"])
def test_size_at_the_margin_is_at_most_five_percent(kind, test):
    studies = 1000
    n = 1600 if kind == "clusters" else 400  # 400 units each
    rate = rates(at_the_margin(kind, 0.05, test), n, 0.05, test, studies)
    assert rate <= 0.05 + 2.6 * (0.05 * 0.95 / studies) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("test", ["non-inferiority", "equivalence", "disagreement"])
@pytest.mark.parametrize(("n", "margin", "changed"), [(500, 0.03, 0.02), (1000, 0.04, 0.1)])
def test_power_is_as_promised(n, margin, changed, test):
    def draw(n, seed):
        rng = np.random.default_rng((7, seed))
        u, base = rng.random(n), (rng.random(n) < 0.6).astype(float)
        flip = u < changed
        # Half of what changes was right before: as many are lost as won.
        base[flip] = (u[flip] < changed / 2).astype(float)
        return made(np.stack([base, np.where(flip, 1 - base, base)], 1))

    seen = rates(draw, n, margin, test, 1000)
    assert seen == pytest.approx(power(n, margin, changed, test), abs=0.05)


def test_limits_hold_their_own_estimate():
    """In this order bets that were won early put the lower limit at -0.0175, above the mean."""
    change = np.zeros(200)
    change[[59, 67, 73, 156, 199]], change[[150]] = -1.0, 1.0
    mean = mean_of(change, np.arange(200), 0.05, lowest=-1.0)
    assert mean.low == pytest.approx(-0.02)
    assert mean.low <= mean.value <= mean.high
