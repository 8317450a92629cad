"""Study `inference`: its measures against formulas, its verdicts against planted numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.stats import binomtest

from behaviordist.behaviors import InferenceSettings
from behaviordist.behaviors.settings import log_softmax
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.studies.inference import measure as measures
from behaviordist.studies.inference.answers import Answers
from behaviordist.studies.inference.conclude import conclude
from behaviordist.studies.inference.contexts import moved_table
from behaviordist.studies.inference.runs import SettingRuns
from behaviordist.studies.inference.study import BASE, PLAIN
from behaviordist.studies.load import load_study

from .claims import claim_of, verdict_of
from .small import small_inference

STUDY = load_study("inference")
PROBES = ProbeSet.load(STUDY.probes)
WHERE = np.repeat(np.arange(4), [3, 1, 5, 2])


def some_log_p(seed=0):
    rng = np.random.default_rng(seed)
    return log_softmax(rng.normal(0, 2, (len(WHERE), 7)).astype(np.float32))


def test_the_chance_of_an_answer_is_the_product_of_its_tokens():
    log_p, target = some_log_p(), np.random.default_rng(1).integers(7, size=len(WHERE))
    found = measures.answer_chance(np.exp(log_p / 2).astype(np.float64), WHERE, target)
    for probe in range(4):
        rows = np.flatnonzero(probe == WHERE)
        assert found[probe] == pytest.approx(np.exp(log_p[rows, target[rows]].sum()), rel=1e-4)


@pytest.mark.parametrize("temperature", [0.99, 1.01])
def test_the_spread_of_log_p_is_the_rate_of_temperature(temperature):
    """Against the distance itself at a temperature so near 1 that the second order vanishes."""
    log_p = some_log_p()
    warm = InferenceSettings(temperature=temperature).apply(log_p)
    a, b = (np.exp(x.astype(np.float64) / 2) for x in (log_p, warm))
    distance = np.sqrt(measures.squared_distances(a, b, WHERE).mean())
    expected = abs(1 / temperature - 1) / 2 * np.sqrt(measures.log_prob_spread(a, WHERE))
    assert distance == pytest.approx(expected, rel=0.02)


# ---------------------------------------------------------------- planted numbers


def planted(**changes):
    """Answers of nine seeds in which nothing changes but what `changes` says.

    `changes`: (setting, tag) -> by how much the chance of the right answer changes there.
    """
    runs = SettingRuns(STUDY, Path("nowhere"), 0)
    rng = np.random.default_rng(0)
    seeds, names, n = STUDY.seeds, tuple(STUDY.specs), len(PROBES)
    chance = np.full((seeds, len(names), n), 0.5)
    squared = np.zeros((seeds, len(names), n))
    squared[:, 1:] = 1e-4
    squared[:, names.index("kv cache")] = 1e-14
    roots = np.sqrt(rng.dirichlet(np.ones(5), (seeds, 5 * n)))
    table = {
        "chance": chance, "squared": squared, "roots": roots, "spread": np.full(seeds, 4.0),
        "drift": np.full((seeds, len(names)), 1e-7),
    }  # fmt: skip
    for name in STUDY.claims.near:
        at = float(STUDY.specs[name].partition("=")[2])
        jitter = 1 + 0.01 * np.arange(seeds)[:, None]
        squared[:, names.index(name)] = (1 / at - 1) ** 2 * jitter
    bits = np.tile(STUDY.quantisation.bits, (seeds, 1))
    quantisation = {
        "bits": bits, "plain": np.ones(seeds), "scores": np.full((seeds, 2, 4), 0.5),
        "squared": np.full((seeds, 2, 4, n), 0.01),
    }  # fmt: skip
    answers = Answers(runs, PROBES, names, {BASE: table}, quantisation)
    noise = np.linspace(0.9, 1.1, seeds)
    for (setting, *tags), by in changes.get("chance", {}).items():
        mask = answers.tagged(*tags)
        chance[:, names.index(setting), mask] += by * noise[:, None]
    if "rounded" in changes:
        quantisation["scores"][:, 0, 0] -= changes["rounded"] * noise
        quantisation["squared"][:, 0, 0] *= 1 + changes["rounded"] * noise[:, None]
    return answers


CACHE, SMALL, LAW = "key-value cache", "of what another seed does", "small change of temperature"
EFFECTS = (
    "QAT) beats rounding", "QAT stays nearer", "A scratchpad makes", "It does so more",
    "Solved examples are used", "Cutting a context that is longer", "A sliding window loses less",
)  # fmt: skip


def test_what_is_planted_is_found_and_what_is_not_is_not():
    about = STUDY.claims
    nothing = conclude(planted())
    for words in (CACHE, SMALL, LAW):
        assert verdict_of(nothing, words) == "supported"
    for words in EFFECTS:
        assert verdict_of(nothing, words) == "inconclusive"
    for sign, verdict in ((1, "supported"), (-1, "not supported")):
        chance = {
            (about.thoughts, "prompt:named", "steps:two"): 0.2 * sign,
            (about.without, "prompt:shots2"): -0.2 * sign,
            (about.shorter, "prompt:shots4"): 0.1 * sign,
        }
        claims = conclude(planted(rounded=0.4 * sign, chance=chance))
        for words in EFFECTS:
            assert verdict_of(claims, words) == verdict


def test_a_base_that_fails_outright_does_not_widen_the_others_to_nothing():
    """Eight bases learn from examples, one does not: the median seed does."""
    answers = planted(chance={(STUDY.claims.without, "prompt:shots2"): -0.2})
    at = answers.names.index(STUDY.claims.without)
    answers.models[BASE]["chance"][0, at] = 0.5
    claim = claim_of(conclude(answers), "Solved examples are used")
    # Eight of nine: p = 0.039 alone, and not enough among so many claims.
    assert claim.estimate.p_value == pytest.approx(binomtest(8, 9).pvalue)
    assert claim.verdict == "inconclusive" and "Alone it would be supported" in claim.answer
    assert claim.estimate.low > 0, "its own interval says what it would be alone"


def test_a_cache_that_changes_the_behavior_is_told():
    answers = planted()
    answers.models[BASE]["squared"][1, answers.names.index("kv cache")] = 1e-3
    assert verdict_of(conclude(answers), CACHE) == "not supported"


def test_seeds_alike_make_no_rounding_small():
    answers = planted()
    nearly = 1 + 1e-6 * np.arange(STUDY.seeds)
    alike = answers.models[BASE]["roots"][:1] * nearly[:, None, None]
    table = {**answers.models[BASE], "roots": alike}
    claims = conclude(replace(answers, models={BASE: table}))
    assert verdict_of(claims, SMALL) == "not supported"


def test_the_probes_that_moved_most_are_named():
    answers = planted()
    at = answers.names.index(STUDY.claims.window)
    answers.models[BASE]["squared"][:, at, [7, 250]] = [0.5, 1.0]
    rows = moved_table(answers, STUDY.claims.window).rows
    assert [row[0] for row in rows[:2]] == [PROBES.probes[250].id, PROBES.probes[7].id]
    assert answers.distance(BASE, PLAIN).max() == 0


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("settings", "window", "w"), "sliding_window=0", "must be at least 1"),
        (("settings", "window", "w"), "dtype=float16", "the lab cannot run 'w'"),
        (("claims", "window"), "windw 12", "did you mean 'window 12'"),
        (("quantisation", "task"), "copy", "must be one of tasks"),
    ],
)
def test_bad_files_are_one_line(tmp_path, path, value, words):
    values = STUDY.resolved()
    place = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=words) as caught:
        load_study(str(file))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_tiny_study_runs_and_is_not_done_twice(tmp_path):
    from behaviordist.studies.run import run

    file = small_inference(tmp_path / "mine.yaml")
    first = run(str(file), tmp_path / "out", jobs=2)
    assert first["findings"]["claims"][0]["verdict"] == "supported"
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.npz") if "meas" in str(p)}
    again = run(str(file), tmp_path / "out", jobs=2)
    assert again["findings"] == first["findings"]
    assert made and all(p.stat().st_mtime_ns == t for p, t in made.items())
