"""Every command that writes, small enough to be stopped many times."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from subprocess import Popen
from typing import Any

from behaviordist.lab import checkpoint
from behaviordist.lab.grammar import VOCABULARY
from behaviordist.lab.llama import LlamaConfig, init
from tests.fuzz.worlds import declarations, evals, logs, models, probe_files, runs, tables

COMMANDS = {
    "test": "test --distances d.csv --costs c.csv --permutations 999 --out o",
    "leaderboard": "leaderboard --distances x=d.csv --costs c.csv --permutations 99 --out o",
    "plan": "plan --distances d.csv --costs c.csv --target a --out o",
    "backtest": "plan --backtest --distances d.csv --costs c.csv --out o",
    "costs import": "costs import runs.csv --metric eval_score --tau 0.5 --out o/costs.csv",
    "probes new": "probes new rows.csv --out o/new.jsonl",
    "distance": "distance one two --probes p.jsonl --out o",
    "fingerprint": "fingerprint one two --probes p.jsonl --out o",
    "fingerprint --jobs": "fingerprint one two --probes p.jsonl --jobs 2 --out o",
    "pull": "pull org/atlas --out o/pulled",
    "card": "card atlas x --base y --out o/card.md",
    "compare": "compare one two --probes p.jsonl --out o",
    "evals distance": "evals distance scores.csv --out o",
    "evals compare": "evals compare scores.csv --reference a --candidate b --json o/compare.json",
    "gate": "gate a.jsonl b.jsonl --policy gate.yaml --json o/g.json --junit o/g.xml",
    "grow": "grow lab --operator mlp --intermediate-size 64 --out o/grown",
    "regimes new": "regimes new sft --out o/regime.yaml",
    "train": "train regime.yaml --from one --out o/tuned",
    "transfer": "transfer --base one --targets regime.yaml --seeds 1 --keep --out o",
    "run": "run study.yaml --jobs 1 --out o",
}
HUB: dict[str, str] = {}
"""Environment of commands that ask a hub; `good` of test_faults.py serves one with the atlas."""
QUICK = ("test", "plan", "costs import", "probes new", "regimes new")


def world(folder: Path) -> Path:
    """Write what every command reads."""
    for write in (tables, logs, evals, probe_files, runs, models, declarations):
        write(folder)
    config = LlamaConfig(vocab_size=len(VOCABULARY), hidden_size=16, layers=1, intermediate_size=32)
    checkpoint.save(folder / "lab", init(config, 0), config, {"regime": "random"})
    (folder / "o").mkdir()
    return folder


def start(folder: Path, command: str, *, full: bool = False, **streams: Any) -> Popen[str]:
    """Start a command, by name or as a line, in its own group; on a `full` disk no file grows."""
    line = COMMANDS.get(command, command)
    words = [sys.executable, "-m", "behaviordist", *line.split()]
    asks = HUB if line.startswith(("push", "pull")) else {}
    if full:
        words = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *words]
    return Popen(
        words,
        cwd=folder,
        env={**os.environ, **asks, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        stdout=streams.get("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: Popen[str]) -> tuple[int, str]:
    """Wait for the end; return the exit code and what stood on stderr."""
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def results(folder: Path) -> dict[str, bytes]:
    """Return the tables below ``o``: what must be the same however often a run was stopped.

    Curves of runs at work count seconds.
    """
    kept = (".csv", ".npz", ".jsonl", ".safetensors")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / "o").rglob("*"))
        if path.is_file() and path.suffix in kept and "work" not in path.parts
    }
