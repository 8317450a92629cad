"""A study from nothing to its report, and killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

# Kept on one process of a parallel run, and first: they share a study that takes half a minute.
pytestmark = pytest.mark.xdist_group("one study")

MINI = Path(__file__).with_name("mini.yaml")
OUTPUTS = ("distances.csv", "standard_errors.csv", "costs.csv", "test.json")


def start(out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "behaviordist", "run", str(MINI), "--out", str(out)]
    return subprocess.Popen([*command, "--jobs", "1"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    finish(start(out))
    return out


def artifacts(out: Path) -> int:
    """Count what is finished: checkpoints and transfer runs with their manifests."""
    return len([*out.glob("checkpoints/*/manifest.json"), *out.glob("transfers/*/*.manifest.json")])


def kill_after(out: Path, count: int) -> None:
    """Start the run and SIGKILL it as soon as `count` artifacts are finished."""
    process = start(out)
    while artifacts(out) < count and process.poll() is None:
        time.sleep(0.01)
    assert process.poll() is None, f"the run ended early: {process.stderr.read()}"
    os.kill(process.pid, signal.SIGKILL)
    # Not `communicate`: workers that outlive the kill for a while hold the pipe open.
    process.wait(timeout=60)
    process.stderr.close()


def test_every_file_is_there_and_says_what_was_run(undisturbed):
    for name in (*OUTPUTS, "heatmap.png", "index.html", "run.json", "study.yaml"):
        assert (undisturbed / name).stat().st_size > 0
    record = json.loads((undisturbed / "run.json").read_text())
    assert [b["label"] for b in record["behaviors"]][:2] == ["sft-copy", "sft-reverse"]
    assert len(record["numbers"]["base_chance"]) == 4
    assert record["provenance"]["seed"] == 0 and record["provenance"]["cpu"]["model"]
    test = json.loads((undisturbed / "test.json").read_text())
    assert test["n_behaviors"] == 4 and test["references"] == ["base", "random"]
    rows = pd.read_parquet(undisturbed / "transfers.parquet")
    # 4 targets x (3 behaviors + base + random) x 2 seeds
    assert len(rows.groupby(["source", "target", "seed"])) == 4 * 5 * 2


@pytest.mark.slow
def test_killed_at_several_points_it_ends_with_the_same_numbers(undisturbed, tmp_path):
    out = tmp_path / "killed"
    for count in (1, 4, 20):
        kill_after(out, count)
    finish(start(out))
    for name in OUTPUTS:
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert not list(out.rglob(".*.tmp")), "a killed run's half-written files are cleared"


@pytest.mark.slow
def test_finished_work_is_kept_and_damaged_work_is_made_again(undisturbed):
    kept = undisturbed / "checkpoints" / "sft-copy-s0" / "model.safetensors"
    broken = undisturbed / "transfers" / "sft-copy" / "base-s0.json"
    before, good = kept.stat().st_mtime_ns, broken.read_bytes()
    broken.write_bytes(good.replace(b"0", b"1", 1))
    finish(start(undisturbed))
    assert kept.stat().st_mtime_ns == before
    assert broken.read_bytes() == good


def test_a_folder_that_another_run_holds_is_refused(tmp_path):
    from behaviordist.errors import InputError
    from behaviordist.store.folders import exclusive

    with exclusive(tmp_path), pytest.raises(InputError, match="another run"), exclusive(tmp_path):
        pass
