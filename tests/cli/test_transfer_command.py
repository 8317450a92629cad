"""`behaviordist transfer` on tiny models: tables that `test` reads, resume, what costs nothing."""

from __future__ import annotations

import json
import sys

import pandas as pd
import pytest

pytest.importorskip("trl")

from behaviordist.cli.app import main
from behaviordist.engines.trl_engine import train_checkpoint
from behaviordist.regimes.files import load_regime
from behaviordist.store.tables import read_costs

from ..engines.trl_worlds import answers, tiny_model, write_rows


def command(*arguments):
    sys.argv = ["behaviordist", *map(str, arguments)]
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def write_regime(folder, task, answer, every=5, rate=0.005):
    write_rows(folder / f"{task}.train.jsonl", answers(answer)[8:])
    write_rows(folder / f"{task}.held-out.jsonl", answers(answer)[:8])
    path = folder / f"{task}.yaml"
    path.write_text(
        f"algorithm: sft\ntask: {task}\nbudget: 20\nbatch_size: 16\nlearning_rate: {rate}\n"
        f"convergence: {{at_least: 0.5, consecutive: 1, every: {every}, strings: 8}}\n"
        f"data: {{train: {task}.train.jsonl, held_out: {task}.held-out.jsonl}}\n"
    )
    return path


def test_sources_times_targets(tmp_path, capsys):
    one = tiny_model(tmp_path / "one")
    two = tiny_model(tmp_path / "two", seed=1)
    targets = [write_regime(tmp_path, "ab", "a b"), write_regime(tmp_path, "cd", "c d")]
    call = ["transfer", "--sources", one, two, "--targets", *targets, "--seeds", "1"]
    out = tmp_path / "out"
    assert command(*call, "--out", out) == 0
    rows = pd.read_parquet(out / "transfers.parquet")
    assert set(rows["source"]) == {"one", "two"} and set(rows["target"]) == {"sft-ab", "sft-cd"}
    assert (rows["tau"] == 0.45).all(), "0.9 of the stated level, without a base"
    costs, censored = read_costs(out / "costs.csv")
    for source in ("one", "two"):
        for target in ("sft-ab", "sft-cd"):
            run = rows[(rows["source"] == source) & (rows["target"] == target)]
            reached = run.loc[run["score"] >= 0.45, "step"]
            wanted = reached.min() if len(reached) else 20
            assert costs.loc[source, target] == wanted > 0
    assert json.loads((out / "run.json").read_text())["kind"] == "transfer"
    # Again: nothing is trained, nothing changes.
    before = (out / "transfers" / "sft-ab" / "one-s0.json").stat().st_mtime_ns
    capsys.readouterr()
    assert command(*call, "--out", out) == 0
    assert (out / "transfers" / "sft-ab" / "one-s0.json").stat().st_mtime_ns == before
    assert command("report", out) == 0


@pytest.mark.slow
def test_a_base_sets_the_level_and_test_reads_the_costs(tmp_path):
    """From regime files to a verdict, by the commands alone: train, transfer, distance, test."""
    base = tiny_model(tmp_path / "base", seed=2)
    answers_of = {"ab": "a b", "ac": "a c", "ba": "b a", "cd": "c d"}
    targets = [
        write_regime(tmp_path, task, answer, every=1, rate=0.001)
        for task, answer in answers_of.items()
    ]
    behaviors = []
    for path in targets:
        regime = load_regime(path)
        behaviors.append(tmp_path / regime.label)
        train_checkpoint(behaviors[-1], regime, base, 0, tmp_path / f"{regime.label}-run")
    out = tmp_path / "out"
    call = ["transfer", "--sources", *behaviors, "--targets", *targets, "--base", base]
    assert command(*call, "--seeds", "1", "--out", out) == 0
    rows = pd.read_parquet(out / "transfers.parquet")
    assert len(rows.groupby(["source", "target"])) == 4 * 4, "the base is a source, no own target"
    for target in rows["target"].unique():
        own = json.loads((out / "checkpoints" / f"{target}-s0" / "provenance.json").read_text())
        tau = rows.loc[rows["target"] == target, "tau"]
        assert tau.to_numpy() == pytest.approx(0.9 * own["score"])
    measured = tmp_path / "distances"
    assert command("distance", *behaviors, base, "--probes", "lab", "--out", measured) == 0
    given = ["--distances", measured / "distances.csv", "--costs", out / "costs.csv"]
    tested = tmp_path / "test"
    assert command("test", *given, "--permutations", "99", "--out", tested) == 0
    found = json.loads((tested / "test.json").read_text())
    # The base was no target, so a square test has each target's three other behaviors.
    assert found["n_pairs"] == 3 * found["n_targets"] >= 6
    assert 0 < found["statistic"]["p_value"] <= 1
