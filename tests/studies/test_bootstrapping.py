"""Study `bootstrapping`: planted costs give the verdicts that were planted; a small study runs."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from behaviordist.studies.bootstrapping.coherence import coherence_claims, residuals
from behaviordist.studies.bootstrapping.conclude import conclude, saving_claim
from behaviordist.studies.bootstrapping.measure import within_target_links
from behaviordist.studies.bootstrapping.page import findings, threshold_table
from behaviordist.studies.bootstrapping.runs import BudgetRuns
from behaviordist.studies.load import load_study
from tests.studies.small import small_bootstrapping

from .claims import claim_of, verdict_of

BUDGETS = (0, 100, 400)


def planted(steps, *, censored=(), seeds=9, step_flops=10.0, pretrain_flops=1.0):
    """Costs of one regime: `steps` maps a budget to the mean steps left, jittered by seed."""
    rows = [
        {
            "budget": budget,
            "algorithm": "sft",
            "target": "sft-reverse",
            "seed": seed,
            "steps": steps[budget] + seed,
            "flops": step_flops * (steps[budget] + seed),
            "pretrain_flops": pretrain_flops * budget,
            "censored": (budget, seed) in censored,
            "start": 0.0,
            "distance": 1.0 - budget / 1000 + 0.01 * seed,
        }
        for budget in BUDGETS
        for seed in range(seeds)
    ]
    table = pd.DataFrame(rows)
    table["total_flops"] = table["flops"] + table["pretrain_flops"]
    return table


def planted_law(excess=1.0, slope=3.0, seeds=9, late=()):
    """Runs of one regime: coherent sources on a line, shorter bases so many times above it."""
    rows = []
    for seed in range(seeds):
        sources = [(f"reverse-{k}", "coherent", n) for k, n in ((10, 3.0), (30, 2.0), (60, 1.0))]
        sources += [("base-00400", "base", 4.0), ("base-00100", "base", 6.0)]
        sources += [("base-00000", "random", 20.0)]
        for source, role, nats in sources:
            line = 5.0 + seed + slope * nats
            steps = line * (excess if source == "base-00100" else 1.0)
            rows.append((source, role, "sft-reverse", "sft", seed, steps, (source, seed) in late,
                         nats))  # fmt: skip
    names = ["source", "role", "target", "algorithm", "seed", "steps", "censored", "nats"]
    return pd.DataFrame(rows, columns=names)


def test_what_coherence_adds_is_what_was_planted():
    lines = residuals(planted_law(excess=2.0))
    assert lines["excess"].to_numpy() == pytest.approx(1.0)
    assert lines["slope"].to_numpy() == pytest.approx(3.0)
    assert lines["rho"].to_numpy() == pytest.approx(1.0)
    nearer, dearer = coherence_claims(lines)
    assert nearer.verdict == dearer.verdict == "supported" and "2 times" in dearer.answer
    assert coherence_claims(residuals(planted_law(excess=0.5)))[1].verdict == "not supported"
    assert coherence_claims(residuals(planted_law(slope=-1.0)))[0].verdict == "not supported"
    # A run that never arrived only says that the truth is higher.
    late = {("base-00100", s) for s in range(9)}
    bound = coherence_claims(residuals(planted_law(excess=0.5, late=late)))[1]
    assert bound.verdict == "inconclusive"


def test_a_line_that_falls_says_nothing_of_others():
    """It would say next to no steps far away, and anything would be dear beside that."""
    lines = residuals(planted_law(slope=-7.0).assign(steps=lambda t: t["steps"] + 30))
    assert (lines["slope"] < 0).all() and lines["excess"].isna().all()
    claim = coherence_claims(lines)[1]
    assert claim.verdict == "inconclusive" and "9 of 9 lines do not rise" in claim.answer


def test_a_coherent_run_that_never_arrived_bounds_the_excess_from_above():
    late = {("base-00400", s) for s in range(9)}
    assert (
        coherence_claims(residuals(planted_law(excess=4.0, late=late)))[1].verdict == "inconclusive"
    )


def test_costs_that_do_not_vary_have_no_line():
    flat = planted_law().assign(steps=4.0)
    lines = residuals(flat)
    assert lines[["rho", "excess"]].isna().all().all()
    assert coherence_claims(lines)[1].verdict == "inconclusive"


def test_cheap_pretraining_pays_and_dear_pretraining_does_not():
    steps = {0: 200, 100: 40, 400: 30}
    pays = saving_claim(planted(steps), "sft")
    assert pays.verdict == "supported" and "never" not in pays.answer
    # 100 steps of pre-training and 40 + r left, against 200 + r: by hand.
    by_hand = [math.log2((100 + 10 * (40 + r)) / (10 * (200 + r))) for r in range(9)]
    assert pays.estimate.value == pytest.approx(np.median(by_hand))
    # Nine seeds: the second and the eighth hold the median in 96 % of studies.
    assert pays.estimate.low == pytest.approx(sorted(by_hand)[1])
    assert pays.estimate.high == pytest.approx(sorted(by_hand)[7])
    assert saving_claim(planted(steps, pretrain_flops=100.0), "sft").verdict == "not supported"


def test_a_bound_never_carries_a_verdict_against_its_direction():
    steps = {0: 200, 100: 40, 400: 30}
    never = {(0, s) for s in range(5)}
    assert saving_claim(planted(steps, censored=never), "sft").verdict == "supported"
    dear = saving_claim(planted(steps, censored=never, pretrain_flops=100.0), "sft")
    assert dear.verdict == "inconclusive" and "the truth is lower" in dear.answer
    # No budget lets every run arrive: the ratio is a lower bound.
    late = {(b, s) for b in (100, 400) for s in range(5)}
    cheap = saving_claim(planted(steps, censored=late), "sft")
    assert cheap.verdict == "inconclusive" and "it is higher" in cheap.answer
    dear = saving_claim(planted(steps, censored=late, pretrain_flops=100.0), "sft")
    assert dear.verdict == "not supported"


def test_one_seed_in_nine_that_never_arrives_does_not_undo_the_others():
    steps = {0: 200, 100: 40, 400: 30}
    dear = saving_claim(planted(steps, censored={(0, 1)}, pretrain_flops=100.0), "sft")
    assert dear.verdict == "not supported", "eight of nine: p = 0.039 alone"


def test_five_seeds_are_too_few_whatever_they_show():
    claim = saving_claim(planted({0: 200, 100: 40, 400: 30}, seeds=5), "sft")
    assert claim.verdict == "inconclusive" and "Too few seeds" in claim.answer


def test_whether_random_weights_arrive_is_a_binomial_question(tmp_path):
    steps = {0: 200, 100: 40, 400: 30}
    words, links = "From random weights, sft", within_target_links(planted(steps))
    for arrive, verdict in ((9, "not supported"), (5, "inconclusive"), (0, "supported")):
        censored = {(0, s) for s in range(arrive, 9)}
        lines = residuals(planted_law())
        claims = conclude(planted(steps, censored=censored), links, lines, ("sft",))
        claim = claim_of(claims, words)
        assert claim.verdict == verdict and f"{arrive} of 9 seeds" in claim.answer
        oracle = binomtest(arrive, 9)
        assert claim.estimate.p_value == pytest.approx(oracle.pvalue)
        limits = oracle.proportion_ci(method="exact")
        assert (claim.estimate.low, claim.estimate.high) == (limits.low, limits.high)


def test_the_budget_is_chosen_on_the_other_seeds():
    table = planted({0: 200, 100: 40, 400: 35}, seeds=3)
    # Seed 0 alone would have chosen 400; the others choose 100 for it.
    first = (table["seed"] == 0) & (table["budget"] == 400)
    table.loc[first, "total_flops"] = 470.0
    saving = saving_claim(table, "sft")
    assert saving.estimate.value == pytest.approx(
        np.median([math.log2((100 + 10 * (40 + r)) / (10 * (200 + r))) for r in range(3)])
    )


def test_thresholds_and_links_are_read_off_the_runs(tmp_path):
    runs = BudgetRuns(load_study("bootstrapping"), tmp_path, 0)
    censored = {(0, s) for s in range(9)} | {(100, 2)}
    table = planted({0: 200, 100: 40, 400: 30}, censored=censored)
    assert threshold_table(runs, table).rows == (("sft-reverse", "100", "400", "0%", "100%"),)
    links = within_target_links(table)
    assert links["rho"].to_numpy() == pytest.approx(1.0), "farther bases have more left to pay"
    flat = table.assign(steps=5)
    assert within_target_links(flat)["rho"].isna().all()


def test_no_interval_is_drawn_below_zero(tmp_path):
    runs = BudgetRuns(load_study("bootstrapping"), tmp_path, 0)
    table = planted({0: 200, 100: 40, 400: 1})
    table.loc[(table["seed"] == 0) & (table["budget"] == 400), "steps"] = 90
    post = {"sft": runs.study.post_training["sft"]}
    runs = BudgetRuns(runs.study.model_copy(update={"post_training": post}), tmp_path, 0)
    page = findings(runs, table, planted_law())
    lines = page.sections[0].blocks[0]
    assert all(low >= 0 for series in lines.series for low in series.low)
    assert verdict_of(page.claims, "The nearer a base lies") == "supported"


@pytest.mark.slow
def test_a_small_study_from_nothing_to_its_report(tmp_path):
    from behaviordist.studies.run import run

    path = small_bootstrapping(tmp_path / "mini.yaml")
    out = tmp_path / "out"
    record = run(str(path), out, jobs=2)
    table = pd.read_csv(out / "costs_by_budget.csv")
    assert len(table) == 3 * 4 * 2
    assert table["total_flops"].to_numpy() == pytest.approx(
        (table["flops"] + table["pretrain_flops"]).to_numpy()
    )
    assert (table.loc[table["budget"] == 0, "pretrain_flops"] == 0).all()
    assert (table["steps"] <= table["budget"].eq(0) * 20 + 20).all()
    assert (out / "index.html").is_file() and len(record["findings"]["claims"]) == 11
    # One run is lost: it alone is made again, and says the same.
    lost = out / "transfers" / "sft-reverse" / "base-00020-s1.json"
    before, others = lost.read_text(), out / "transfers" / "rlvr-reverse" / "base-00020-s1.json"
    stamp = others.stat().st_mtime_ns
    lost.unlink()
    again = run(str(path), out, jobs=2)
    assert json.loads(lost.read_text()) == json.loads(before)
    assert others.stat().st_mtime_ns == stamp
    assert again["findings"] == record["findings"]
