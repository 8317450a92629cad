"""Every study of the lab, killed on the way: run again, it ends with the same findings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.studies.small import (
    small_bootstrapping,
    small_growing,
    small_inference,
    small_reciprocity,
    small_sycophancy,
)

SMALL = {
    "bootstrapping": small_bootstrapping,
    "growing": small_growing,
    "inference": small_inference,
    "reciprocity": small_reciprocity,
    "sycophancy": small_sycophancy,
}


def start(study: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "behaviordist", "run", str(study), "--out", str(out)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def finished(out: Path) -> int:
    """Count the artifacts that are whole: each has a manifest."""
    files = (names for at, _, names in os.walk(out) if ".tmp" not in at)  # folders vanish meanwhile
    return sum(name.endswith("manifest.json") for names in files for name in names)


def results(out: Path) -> dict[str, object]:
    """Every table of the folder, and what the study concludes."""
    tables = {path.name: path.read_bytes() for path in out.glob("*.csv")}
    record = json.loads((out / "run.json").read_text())
    return {**tables, **{key: record[key] for key in ("findings", "behaviors", "notes")}}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_killed_at_several_points_it_ends_with_the_same_findings(name, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    study = SMALL[name](tmp_path / "study.yaml")
    assert start(study, whole).wait(timeout=900) == 0
    total = finished(whole)
    for share in (0.2, 0.7):
        process = start(study, killed)
        while finished(killed) < share * total and process.poll() is None:
            time.sleep(0.05)
        assert process.poll() is None, f"the run ended before {share:.0%} of its artifacts"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    assert start(study, killed).wait(timeout=900) == 0
    assert results(killed) == results(whole)
    assert not list(killed.rglob(".*.tmp")), "what was half-written is cleared"
