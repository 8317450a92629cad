"""`behaviordist transfer` on tiny models: tables that `test` reads, resume, what costs nothing."""

from __future__ import annotations

import json
import sys

import pandas as pd
import pytest

pytest.importorskip("trl")

from behaviordist.cli.app import main
from behaviordist.store.tables import read_costs

from ..engines.trl_worlds import answers, tiny_model, write_rows


def command(*arguments):
    sys.argv = ["behaviordist", *map(str, arguments)]
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def write_regime(folder, task, answer):
    write_rows(folder / f"{task}.train.jsonl", answers(answer)[8:])
    write_rows(folder / f"{task}.held-out.jsonl", answers(answer)[:8])
    path = folder / f"{task}.yaml"
    path.write_text(
        f"algorithm: sft\ntask: {task}\nbudget: 20\nbatch_size: 16\nlearning_rate: 0.005\n"
        "convergence: {at_least: 0.5, consecutive: 1, every: 5, strings: 8}\n"
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
