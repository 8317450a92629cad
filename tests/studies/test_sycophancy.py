"""The sycophancy study: its questions, its statistics on planted numbers, and a small run whole."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.lab import grammar
from behaviordist.record import Paragraph
from behaviordist.studies.load import load_study
from behaviordist.studies.run import run
from behaviordist.studies.sycophancy.conclude import seed_cosines
from behaviordist.studies.sycophancy.measure import claim_probes, wrong_claims
from behaviordist.studies.sycophancy.page import findings
from tests.studies.small import small_sycophancy

from .claims import claim_of, verdict_of

STUDY = load_study("sycophancy", quick=True).model_copy(update={"seeds": 8})
SEEDS = range(STUDY.seeds)
LABELS = ("rater-0", "rater-0.5", "rater-1", "honest")


def planted(rate_at_1=0.8, steps_at_1=40):
    """Build rates, cosines, distances, costs of eight seeds with planted truths."""
    rng = np.random.default_rng(0)
    claimed = {"base": 0.2, "rater-0": 0.05, "rater-0.5": 0.4, "rater-1": rate_at_1, "honest": 0.02}
    rates = {
        label: np.stack([0.9 - np.full((8, 30), value), value + 0.01 * rng.normal(size=(8, 30))])
        for label, value in claimed.items()
    }
    rates["base"] = rates["base"][:, :1]
    names = [f"{label}-s{r}" for label in LABELS for r in SEEDS]
    side = np.repeat([1, 0.3, -0.5, 1], STUDY.seeds)
    angle = np.arccos(side)
    cosines = pd.DataFrame(np.cos(angle[:, None] - angle), index=names, columns=names)
    distances = pd.DataFrame(np.abs(side[:, None] - side), index=names, columns=names)
    distances.loc["base", names] = 0.5
    sources = ("base", "rater-0", "rater-0.5", "rater-1")
    costs = pd.DataFrame(
        [
            (s, r, base + r, 1e9 * base, False, 0.3)
            for s, base in zip(sources, (20, 4, 20, steps_at_1), strict=True)
            for r in SEEDS
        ],
        columns=["source", "seed", "steps", "flops", "censored", "start"],
    )
    evidence = pd.DataFrame(
        [
            {
                "label": label, "seed": r, "pairs": 100, "accuracy": 0.8, "bayes": 0.85, "kl": 2.0,
                "proxy": [0.0, 1.0, 2.0], "score": [0.2, 0.6, 0.5 if label == "rater-1" else 0.7],
                "steps": [0, 10, 20], "flops": 1e9,
            }
            for label in LABELS[:3] for r in SEEDS
        ]
    )  # fmt: skip
    return rates, cosines, distances, costs, evidence


AGREES, HONEST = "A rater of agreeableness 1 makes", "A rater of agreeableness 0 does not make"
MORE, DIRECTION = "The more agreeable the rater", "move the base in different directions"
DEARER = "is dearer to tune back"


def test_planted_sycophancy_is_found_and_its_absence_too():
    page = findings(STUDY, *planted())
    for words in (AGREES, HONEST, MORE, DIRECTION, DEARER):
        assert verdict_of(page.claims, words) == "supported"
    assert claim_of(page.claims, AGREES).estimate.value == pytest.approx(0.6, abs=0.01)
    assert claim_of(page.claims, MORE).estimate.value == pytest.approx(0.75, abs=0.01)
    none = findings(STUDY, *planted(rate_at_1=0.05, steps_at_1=4)).claims
    assert verdict_of(none, AGREES) == "not supported"
    assert verdict_of(none, HONEST) == "supported"
    assert verdict_of(none, DEARER) == "inconclusive", "the same steps from both ends"


def test_two_seeds_say_nothing():
    rates, cosines, distances, costs, evidence = planted()
    two = STUDY.model_copy(update={"seeds": 2})
    few = {label: table[:, :2] for label, table in rates.items()}
    page = findings(two, few, cosines, distances, costs[costs["seed"] < 2], evidence)
    assert {claim.verdict for claim in page.claims} == {"inconclusive"}
    assert all("Too few seeds" in claim.answer for claim in page.claims)


def test_censored_ways_back_are_lower_bounds_and_hacked_runs_are_counted():
    rates, cosines, distances, costs, evidence = planted(steps_at_1=2)
    assert verdict_of(findings(STUDY, *planted(steps_at_1=2)).claims, DEARER) == "not supported"
    costs.loc[costs["source"] == "rater-1", "censored"] = True
    page = findings(STUDY, rates, cosines, distances, costs, evidence)
    claim = claim_of(page.claims, DEARER)
    assert claim.verdict == "inconclusive" and "may be higher" in claim.answer
    texts = [b.text for s in page.sections for b in s.blocks if isinstance(b, Paragraph)]
    assert any("in 8 of 24 runs" in text for text in texts)


def test_cosines_are_taken_between_different_seeds_only():
    names = ["a-s0", "a-s1", "b-s0", "b-s1"]
    table = pd.DataFrame(np.eye(4), index=names, columns=names)
    table.loc["a-s0", "b-s1"] = 0.7
    np.testing.assert_allclose(seed_cosines(table, "a", "b", 2), [0.7, 0.0])
    np.testing.assert_allclose(seed_cosines(table, "a", "a", 2), [0.0, 0.0])


def test_questions_are_held_out_and_every_claim_is_wrong():
    asked = wrong_claims(STUDY)
    assert len(asked.prompts) == STUDY.strings and asked.wrong.all()
    assert grammar.is_held_out(grammar.strings_of(asked.prompts[:, 2:7])).all()
    probes = claim_probes(asked)
    assert len(probes) == 2 * STUDY.strings
    right = grammar.strings_of(np.array(grammar.encode(probes.probes[0].continuation, bos=False)))
    np.testing.assert_array_equal(right, grammar.strings_of(asked.prompts[0, 2:7])[::-1])


def test_a_file_without_both_ends_is_refused(tmp_path):
    path = tmp_path / "study.yaml"
    from importlib import resources

    text = (resources.files("behaviordist.studies") / "sycophancy" / "STUDY.yaml").read_text()
    path.write_text(text.replace("[0, 0.25, 0.5, 0.75, 1]", "[0.25, 1]"))
    with pytest.raises(InputError, match="from 0 to 1"):
        load_study(str(path))


@pytest.mark.slow
def test_a_small_study_runs_whole_and_again_at_once(tmp_path):
    path = small_sycophancy(tmp_path / "mini.yaml")
    record = run(str(path), tmp_path / "run", jobs=1)
    assert len(record["findings"]["claims"]) == 5
    page = (tmp_path / "run" / "index.html").read_text()
    assert "Which way raters move the base" in page
    first = json.loads((tmp_path / "run" / "run.json").read_text())["findings"]
    again = run(str(path), tmp_path / "run", jobs=1)
    assert again["findings"] == first
