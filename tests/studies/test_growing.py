"""Study `growing`: planted curves give the savings, jumps and verdicts that were planted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from behaviordist.engines.checkpoints import flops_per_step
from behaviordist.errors import InputError
from behaviordist.studies.growing.measure import Measured, curve_table, ratio_table, savings_table
from behaviordist.studies.growing.page import findings
from behaviordist.studies.growing.runs import CONTROL, SMALL, GrowthRuns, fresh
from behaviordist.studies.load import load_study
from behaviordist.transfer.curves import summarise
from tests.studies.small import small_growing

from .claims import claim_of

EXACT, JUMPING = ["depth", "mlp", "heads", "width"], ["stack", "interpolate"]


@pytest.fixture
def runs(tmp_path):
    return GrowthRuns(load_study("growing"), tmp_path, 0)


def plant(runs, share_left=0.25):
    """Straight curves: scratch climbs to 1 over its FLOPs, growth over a planted share of them.

    The small model stops at a quarter of its large model's FLOPs; a grown model gets from there
    to the level in `share_left` of the FLOPs that the large one needs, jittered by seed.
    """
    regime, steps = runs.study.small_regime(), runs.study.large_steps
    grid = np.arange(0, steps + 1, runs.study.every)
    jump = {"max_logit_difference": 0.0, "hellinger": 0.0, "positions": 1}
    for r in range(runs.study.seeds):
        small_steps = 25 * (10 + r)
        small_flops = small_steps * flops_per_step(regime, runs.config)
        write(runs, SMALL, r, np.arange(0, small_steps + 1, 25), flops=small_flops)
        for name in runs.scratches:
            write(runs, name, r, grid, scores=grid / steps)
        for name in (*runs.shapes, CONTROL):
            level_at = share_left * (1 + 0.02 * r) * runs.study.level_share * steps
            own = runs.shapes.get(name, runs.config)
            first = next(iter(runs.shapes.values()))
            large = runs.shapes.get(name, first)
            level_at *= flops_per_step(regime, large) / flops_per_step(regime, own)
            reached = 0.5 + (runs.study.level_share - 0.5) * grid / level_at
            write(runs, name, r, grid, scores=np.minimum(reached, 1.0))
        for name in runs.shapes:
            sizes = {"parameters": 2, "layers": 2}
            grown = {"before": sizes, "after": {**sizes, "layers": 4}}
            write(runs, fresh(name), r, [0], growth=grown, jump=jump)


def write(runs, name, replicate, steps, scores=None, **more):
    scores = np.linspace(0, 0.5, len(steps)) if scores is None else scores
    evidence = {"steps": list(map(int, steps)), "scores": list(map(float, scores))}
    folder = runs.checkpoint(name, replicate)
    folder.mkdir(parents=True)
    record = {"evidence": evidence, "steps": int(steps[-1]), "converged": True, **more}
    (folder / "provenance.json").write_text(json.dumps(record))


def post_training(runs, factor):
    """Runs that reach tau after steps planted by source; `factor` multiplies freshly grown ones."""
    rows = []
    for regime in runs.study.regimes():
        for name in runs.sources():
            for r in range(runs.study.seeds):
                base = 20 * (1 + 0.05 * r) * (factor if name.endswith("-fresh") else 1.0)
                for step in range(81):
                    rows.append((name, regime.label, r, step, float(step >= base)))
    frame = pd.DataFrame(rows, columns=["source", "target", "seed", "step", "score"])
    return frame.assign(
        source_role="base", greedy=0.0, tokens=0.0, flops=0.0, level=0.8, tau=0.8, budget=80
    )


def measured(runs, factor=1.0, jump=0.0, **planted):
    plant(runs, **planted)
    curves, costs = curve_table(runs), summarise(post_training(runs, factor))
    savings = savings_table(runs, curves)
    jumps = [(fresh(n), r, jump) for n in EXACT for r in range(runs.study.seeds)]
    jumps += [(fresh(n), r, 0.5 + 0.01 * r) for n in JUMPING for r in range(runs.study.seeds)]
    jumps += [(n, r, 0.3) for n in runs.shapes for r in range(runs.study.seeds)]
    jumps += [("other seed", r, 0.2 + 0.01 * r) for r in range(runs.study.seeds)]
    table = pd.DataFrame(jumps, columns=["name", "seed", "distance"])
    nats = [(n, r, 2.0 + 0.1 * r, jump) for n in runs.sources() for r in range(runs.study.seeds)]
    nats = pd.DataFrame(nats, columns=["name", "seed", "to_task", "from_small"])
    ratios = ratio_table(runs, costs)
    return Measured(runs, curves, costs, savings, table, ratios, nats, (1e-5, 15.0))


def test_savings_are_the_planted_ratio_of_flops(runs):
    plant(runs, share_left=0.25)
    savings = savings_table(runs, curve_table(runs))
    regime, every = runs.study.small_regime(), runs.study.every
    for row in savings.to_dict("records"):
        shape = runs.shapes.get(row["operator"], runs.config)
        one = flops_per_step(regime, shape) * every
        scratch = runs.study.level_share * runs.study.large_steps
        large = next(iter(runs.shapes.values())) if row["operator"] == CONTROL else shape
        expected = scratch * flops_per_step(regime, large)
        after = 0.25 * (1 + 0.02 * row["seed"]) * expected
        assert row["level"] == pytest.approx(0.95)
        # Costs are read at evaluations: rounded up by less than one.
        assert 0 <= row["scratch"] - expected < flops_per_step(regime, large) * every + 1
        assert -1 <= row["growth"] - row["small"] - after < one + 1
        assert row["left"] == pytest.approx((row["growth"] - row["small"]) / row["scratch"])
        assert row["savings"] == pytest.approx(np.log2(row["scratch"] / row["growth"]))
        assert not row["censored_growth"] and row["lost"] == pytest.approx(0) and row["back"] == 0


def test_grown_copies_lie_on_the_curve_beside_the_small_model(runs):
    """No jump: a copy is at 0 nats from the small one; every run is one point of its panel."""
    page = findings(measured(runs))
    section = next(s for s in page.sections if s.title == "On the curve of cost against nats")
    figure, table = section.blocks
    assert {panel.title for panel in figure.panels} == {"sft-reverse", "rlvr-reverse"}
    for panel in figure.panels:
        assert sum(len(p.x) for p in panel.points) == len(runs.sources()) * runs.study.seeds
        copies = next(p for p in panel.points if p.label == "grown, same function")
        assert len(copies.y) == len(EXACT) * runs.study.seeds
    names = [row[0] for row in table.rows]
    assert names == [SMALL, *[fresh(n) for n in (*EXACT, *JUMPING)]]
    assert {row[1] for row in table.rows[: 1 + len(EXACT)]} == {"0"}


def test_a_grown_model_that_never_arrives_is_censored_not_dropped(runs):
    plant(runs, share_left=5.0)
    savings = savings_table(runs, curve_table(runs))
    assert savings["censored_growth"].all() and not savings["censored_scratch"].any()
    assert (savings[savings["operator"] != CONTROL]["savings"] < 0).all()


PAYS = "Function-preserving growth reaches"
NOT_ALL, UNEQUAL = "Distance is not all", "do not cost the same to tune"
VERDICTS = {
    "growth pays": ({"share_left": 0.25}, PAYS, "supported"),
    "growth does not pay": ({"share_left": 0.9}, PAYS, "not supported"),
    "grown models never arrive": ({"share_left": 5.0}, PAYS, "not supported"),
    "distance is not all": ({}, NOT_ALL, "supported"),
    "a jump is no distance zero": ({"jump": 0.01}, NOT_ALL, "inconclusive"),
    "other steps at distance zero": ({"factor": 1.5}, UNEQUAL, "supported"),
    "the same steps at distance zero": ({}, UNEQUAL, "inconclusive"),
    "jumps beyond other seeds": ({}, "further than another seed would", "supported"),
    "the same steps at equal FLOPs": ({}, "At equal FLOPs", "inconclusive"),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_verdicts_are_the_planted_ones(runs, case):
    planted, words, verdict = VERDICTS[case]
    claim = claim_of(findings(measured(runs, **planted)).claims, words)
    assert claim.verdict == verdict, claim.answer


def test_the_step_ratio_is_the_planted_factor(runs):
    tables = measured(runs, factor=1.5)
    claim = claim_of(findings(tables).claims, UNEQUAL)
    assert 2**claim.estimate.value == pytest.approx(1.5, abs=0.05)
    assert tables.ratio("trained", EXACT).median().value == 0.0


def test_few_seeds_decide_nothing_and_say_so(tmp_path):
    study = load_study("growing").model_copy(update={"seeds": 5})
    page = findings(measured(GrowthRuns(study, tmp_path, 0)))
    claim = claim_of(page.claims, PAYS)
    assert claim.verdict == "inconclusive" and "5 cannot decide" in claim.answer


def test_growth_gets_no_more_flops_than_the_large_model(runs):
    plant(runs)
    regime = runs.study.small_regime()
    for r in range(runs.study.seeds):
        small = runs.provenance(SMALL, r)["flops"]
        for name, shape in runs.shapes.items():
            spent = small + runs.steps_left(name, r) * flops_per_step(regime, shape)
            total = runs.study.large_steps * flops_per_step(regime, shape)
            assert total - runs.study.every * flops_per_step(regime, shape) < spent <= total


BAD = {
    "names one operator twice": {"growths": [{"operator": "depth", "layers": 4}] * 2},
    "may use up the FLOPs .* 'heads'": {"small": {"budget": 1100, "at_least": 0.6}},
    "operator 'depth' needs 'layers'": {"growths": [{"operator": "depth"}]},
    "operator 'depth' does not change 'heads'": {
        "growths": [{"operator": "depth", "layers": 3, "heads": 8}]
    },
    "layers is 2: growth needs more": {"growths": [{"operator": "depth", "layers": 2}]},
    "unknown function 'revers'": {"task": "revers"},
    "multiples of every": {"large_steps": 601},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_files_are_refused_in_one_line(tmp_path, message):
    values = load_study("growing").resolved() | BAD[message]
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=message) as error:
        load_study(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_whole_run_ends_in_findings_and_a_second_one_makes_nothing(tmp_path):
    from behaviordist.studies.run import run

    path = small_growing(tmp_path / "tiny.yaml")
    record = run(str(path), tmp_path / "out")
    assert record["kind"] == "findings" and len(record["findings"]["claims"]) == 6
    assert (tmp_path / "out" / "index.html").is_file()
    grown = json.loads((tmp_path / "out/checkpoints/depth-fresh-s0/provenance.json").read_text())
    assert grown["jump"]["max_logit_difference"] == 0.0
    weights = sorted((tmp_path / "out").rglob("*.safetensors"))
    times = [path.stat().st_mtime_ns for path in weights]
    again = run(str(path), tmp_path / "out")
    assert times and [path.stat().st_mtime_ns for path in weights] == times
    assert again["findings"] == record["findings"]
