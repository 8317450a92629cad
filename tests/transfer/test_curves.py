"""First passage, areas and matrices against closed forms and lifelines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from behaviordist.errors import InputError
from behaviordist.transfer.curves import (
    COLUMNS,
    area_above,
    code_bits,
    excess_bits,
    first_passage,
    summarise,
)
from behaviordist.transfer.matrix import TransferMatrix, scores_at_start, split_halves


def test_first_passage_is_the_first_evaluation_at_tau():
    steps, scores = [0, 5, 10, 15], [0.1, 0.6, 0.4, 0.9]
    assert first_passage(steps, scores, 0.5, 20) == (5.0, False)
    assert first_passage(steps, scores, 0.9, 20) == (15.0, False)
    assert first_passage(steps, scores, 0.95, 20) == (20.0, True)
    assert first_passage(steps, scores, 0.1, 20) == (0.0, False)
    assert first_passage(steps, scores, 0.9, 12) == (12.0, True)


def test_area_of_a_straight_line_is_half_the_box():
    assert area_above([0, 10], [0.0, 1.0], 1.0, 10) == pytest.approx(5.0)
    assert area_above([0, 10], [0.0, 0.8], 0.8, 10) == pytest.approx(5.0)
    # Stopped at step 10, the last score carries forward over the other 10.
    assert area_above([0, 10], [0.0, 0.5], 1.0, 20) == pytest.approx(7.5 + 5.0)
    assert area_above([0, 5, 10], [1.0, 0.0, 1.0], 1.0, 10, skip_start=True) == pytest.approx(2.5)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.floats(0.05, 1))
def test_cost_and_area_stay_in_range_and_fall_as_tau_falls(scores, tau):
    steps = np.arange(len(scores)) * 2
    budget = float(steps[-1])
    high, low = (first_passage(steps, scores, t, budget) for t in (tau, tau / 2))
    assert 0 <= low.cost <= high.cost <= budget
    assert 0 <= area_above(steps, scores, tau, budget) <= budget + 1e-9


@pytest.mark.parametrize(
    ("steps", "scores"),
    [([0, 0], [0.1, 0.2]), ([-1, 0], [0, 0]), ([0, 1], [0.1, np.nan]), ([0, 1], [0.1]), ([], [])],
)
def test_curves_that_make_no_sense_are_refused(steps, scores):
    with pytest.raises(InputError):
        first_passage(steps, scores, 0.5, 10)


def rows_of(curves, budget=10.0, level=1.0, tau=0.9):
    """Rows of ``transfers.parquet`` from {(source, target, seed): [scores]} at unit steps."""
    frames = [
        pd.DataFrame(
            {
                "source": source,
                "target": target,
                "source_role": "behavior",
                "seed": seed,
                "step": range(len(scores)),
                "tokens": np.arange(len(scores)) * 100,
                "flops": np.arange(len(scores)) * 1e6,
                "score": scores,
                "greedy": scores,
                "level": level,
                "tau": tau,
                "budget": budget,
            }
        )
        for (source, target, seed), scores in curves.items()
    ]
    return pd.concat(frames)[list(COLUMNS)]


def test_runs_are_read_in_steps_tokens_and_flops():
    rows = rows_of({("a", "b", 0): [0, 0.5, 1.0], ("a", "b", 1): [0, 0.1, 0.2]})
    runs = summarise(rows).set_index("seed")
    assert runs.loc[0, ["steps", "tokens", "flops", "censored"]].tolist() == [2, 200, 2e6, False]
    # Never arrived: costs the whole budget, in every unit.
    assert runs.loc[1, ["steps", "tokens", "flops", "censored"]].tolist() == [10, 1000, 1e7, True]
    assert summarise(rows, share=0.2).set_index("seed").loc[1, "steps"] == 2


def test_mean_cost_is_the_restricted_mean_of_lifelines():
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    rng = np.random.default_rng(0)
    arrive = rng.integers(1, 15, size=12)
    curves = {
        ("a", "b", seed): [1.0 if step >= at else 0.0 for step in range(min(at, 10) + 1)]
        for seed, at in enumerate(arrive)
    }
    for key, scores in curves.items():
        if arrive[key[2]] > 10:
            scores[-1] = 0.0
    runs = summarise(rows_of(curves))
    ours = TransferMatrix.from_runs(runs, ["a", "b"])
    fit = KaplanMeierFitter().fit(runs["steps"], ~runs["censored"])
    assert ours.costs.loc["a", "b"] == pytest.approx(
        restricted_mean_survival_time(fit, t=10.0), abs=1e-9
    )
    assert ours.censored.loc["a", "b"] == pytest.approx(np.mean(arrive > 10))
    assert np.isnan(ours.costs.loc["b", "a"])


def test_split_halves_use_disjoint_seeds_and_scores_at_start_are_step_zero():
    curves = {("a", "b", s): [0.1 * s, 1.0] if s % 2 else [0.1 * s, 0, 0, 1.0] for s in range(4)}
    rows = rows_of(curves)
    halves = split_halves(summarise(rows), ["a", "b"])
    assert halves is not None
    assert halves[0].loc["a", "b"] == 3 and halves[1].loc["a", "b"] == 1
    assert scores_at_start(rows, ["a", "b"]).loc["a", "b"] == pytest.approx(0.15)
    one = summarise(rows[rows["seed"] == 0])
    assert split_halves(one, ["a", "b"]) is None


def test_transfer_matrix_reads_what_it_writes(tmp_path):
    rows = rows_of({("a", "b", 0): [0, 1.0], ("b", "a", 0): [0, 0, 0]})
    ours = TransferMatrix.from_runs(summarise(rows), ["a", "b"])
    ours.save(tmp_path)
    again = TransferMatrix.load(tmp_path / "costs.csv")
    pd.testing.assert_frame_equal(again.costs, ours.costs)
    with pytest.raises(InputError, match="unknown cost measure"):
        TransferMatrix.from_runs(summarise(rows), ["a"], "hours")


def test_excess_bits_are_the_code_length_of_a_learner_above_the_entropy():
    """Laplace's rule on n flips: code lengths are Beta functions, summed over all counts."""
    n, p = 12, 0.3
    counts = np.arange(n + 1)
    chance = stats.binom.pmf(counts, n, p)
    code = -special.betaln(counts + 1, n - counts + 1) @ chance / np.log(2)
    entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    nats = []
    for t in range(n + 1):
        k = np.arange(t + 1)
        said = (k + 1) / (t + 2)
        kl = p * np.log(p / said) + (1 - p) * np.log((1 - p) / (1 - said))
        nats.append(stats.binom.pmf(k, t, p) @ kl)
    assert excess_bits(range(n + 1), nats, 1) == pytest.approx(code - n * entropy)
    assert excess_bits(range(n + 1), nats, 64) == pytest.approx(64 * (code - n * entropy))
    # Evaluated at every fourth step of a straight line: nothing is lost. No step costs nothing.
    assert excess_bits([0, 4, 8], [8.0, 4.0, 0.0], 1) == pytest.approx(36 / np.log(2))
    assert excess_bits([0], [3.0], 64) == 0


def test_code_bits_grow_by_what_each_batch_cost_before_its_step():
    # Nats fall 8, 6, 4, 2: a batch of 3 costs that at steps 0, 1, 2.
    nats = np.log(2) * np.array([8.0, 4.0, 2.0])
    assert code_bits([0, 2, 3], nats, 3) == pytest.approx([0, 3 * (8 + 6), 3 * (8 + 6 + 4)])
    rows = rows_of({("a", "b", 0): [0.1, 0.5, 0.95, 1.0]}).assign(
        samples=[0, 3, 6, 9], bits=range(4)
    )
    run = summarise(rows).iloc[0]
    assert (run["steps"], run["samples"], run["bits"]) == (2, 6, 2)
    with pytest.raises(InputError, match="did not count bits"):
        TransferMatrix.from_runs(summarise(rows.drop(columns="bits")), ["a", "b"], "bits")
