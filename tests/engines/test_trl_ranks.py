"""Several processes of one launcher train one model: what they write is what one process writes."""

from __future__ import annotations

import os
import subprocess
import sys

import pandas as pd
import pytest

pytest.importorskip("trl")

from .trl_worlds import answers, pairs, tiny_model, write_rows

LAUNCHER = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


def write_regime(folder, algorithm, rows, **more):
    write_rows(folder / f"{algorithm}.train.jsonl", rows[8:])
    write_rows(folder / f"{algorithm}.held-out.jsonl", rows[:8])
    settings = {"budget": 6, "batch_size": 16, "learning_rate": 0.005, **more}
    path = folder / f"{algorithm}.yaml"
    path.write_text(
        f"algorithm: {algorithm}\ntask: ab\n"
        + "".join(f"{key}: {value}\n" for key, value in settings.items())
        + "convergence: {at_least: 0.9, consecutive: 1, every: 2, strings: 8}\n"
        f"data: {{train: {algorithm}.train.jsonl, held_out: {algorithm}.held-out.jsonl,"
        " max_new_tokens: 3}\n"
    )
    return path


def transfer(out, source, targets, *launcher):
    call = [sys.executable, *launcher, "-m", "behaviordist", "transfer", "--sources", source]
    call += ["--targets", *targets, "--seeds", "1", "--out", out]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        list(map(str, call)), capture_output=True, text=True, timeout=300, env=environment
    )


@pytest.mark.slow
def test_two_processes_measure_what_one_measures(tmp_path):
    source = tiny_model(tmp_path / "one")
    sft = write_regime(tmp_path, "sft", answers("a b"), learning_rate=0.0005)
    dpo = write_regime(tmp_path, "dpo", pairs(), learning_rate=0.00002)
    rlvr = write_regime(tmp_path, "rlvr", answers("a b"), group_size=8, batch_size=32)
    alone = transfer(tmp_path / "alone", source, [sft, dpo, rlvr])
    together = transfer(tmp_path / "together", source, [sft, dpo, rlvr], *LAUNCHER)
    assert alone.returncode == 0, alone.stderr
    assert together.returncode == 0, together.stderr
    assert together.stdout.count("written:") == 1, "the first process speaks for all"
    one, two = (pd.read_parquet(tmp_path / n / "transfers.parquet") for n in ("alone", "together"))
    # Sampling is each process's own, so a policy's rollouts differ; what is read does not.
    for target in ("sft-ab", "dpo-ab"):
        left, right = (t[t["target"] == target].reset_index(drop=True) for t in (one, two))
        assert left["step"].tolist() == right["step"].tolist()
        assert len(left) > 2, "some steps of training are compared"
        assert left["tokens"].tolist() == right["tokens"].tolist()
        assert left["score"].to_numpy() == pytest.approx(right["score"].to_numpy(), rel=1e-3)
    assert two.loc[two["target"] == "rlvr-ab", "step"].max() == 6
    assert not list((tmp_path / "together").rglob("*.tmp")), "nothing half-written is left"


@pytest.mark.slow
def test_a_total_that_does_not_divide_is_one_line(tmp_path):
    source = tiny_model(tmp_path / "one")
    sft = write_regime(tmp_path, "sft", answers("a b"), batch_size=15)
    done = transfer(tmp_path / "out", source, [sft], *LAUNCHER)
    assert done.returncode != 0
    assert "batch_size 15 is the total, and does not divide among 2 processes" in done.stderr
