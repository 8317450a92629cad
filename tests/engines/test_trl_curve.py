"""The cost curve: stops where it should, survives a kill at any moment, is what others can read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("trl")

from behaviordist.engines import trl_engine
from behaviordist.engines.trl_curve import CurveFile, CurveRow, read_curve
from behaviordist.regimes.sections import Stop
from behaviordist.transfer.import_logs import read_curve as read_any_curve

from .trl_worlds import answers, data, regime, tiny_model

CHILD = """
import json, sys
from pathlib import Path
from behaviordist.engines import trl_engine
from behaviordist.regimes.declaration import Regime
regime = Regime.model_validate(json.loads(Path(sys.argv[1]).read_text()))
trl_engine.train(regime, Path(sys.argv[2]), Path(sys.argv[3]), 0, save_seconds=0.0)
"""


def row(step, score=0.5):
    return CurveRow(step, 10 * step, 1.0 * step, 0.1 * step, score, score)


def test_half_a_line_is_dropped_and_rows_beyond_the_checkpoint_are_measured_again(tmp_path):
    curve = CurveFile(tmp_path, [])
    for step in (0, 5, 10):
        curve.append(row(step))
    with open(tmp_path / "curve.jsonl", "a") as stream:
        stream.write('{"step": 15, "tok')
    assert [r.step for r in read_curve(tmp_path / "curve.jsonl")] == [0, 5, 10]
    whole, half = tmp_path / "checkpoint-5", tmp_path / "checkpoint-10"
    for folder in (whole, half):
        folder.mkdir()
    (whole / "complete").touch()
    resumed, last = CurveFile.resume(tmp_path)
    assert last == whole and not half.exists(), "a checkpoint without its marker does not count"
    assert [r.step for r in resumed.rows] == [0, 5]


def test_stop_asks_for_consecutive_evaluations():
    scores = [0.9, 0.2, 0.9]
    assert not Stop(0.8, 2).met(scores) and Stop(0.8, 2).met([*scores, 0.8])


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_curve(tmp_path):
    """SIGKILL once two evaluations are on disk; what is left is as if nothing had happened."""
    start = tiny_model(tmp_path / "start")
    never = {"at_least": 1.0, "consecutive": 9, "every": 5, "strings": 8}
    rows = data(tmp_path, answers())
    wanted = regime("sft", data=rows, learning_rate=5e-4, budget=60, convergence=never)
    (tmp_path / "regime.json").write_text(wanted.model_dump_json())
    work = tmp_path / "killed"
    command = [sys.executable, "-c", CHILD, *map(str, (tmp_path / "regime.json", start, work))]
    child = subprocess.Popen(command, env={**os.environ, "TQDM_DISABLE": "1"})
    deadline = time.monotonic() + 300
    while len(read_curve(work / "curve.jsonl")) < 4 and time.monotonic() < deadline:
        assert child.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = read_curve(work / "curve.jsonl")
    assert 4 <= len(done) < 13
    resumed = trl_engine.train(wanted, start, work, 0)
    straight = trl_engine.train(wanted, start, tmp_path / "straight", 0)
    steps = [r.step for r in resumed.curve]
    assert steps == list(range(0, 65, 5)), "every evaluation once"
    for name in ("step", "tokens", "flops"):
        assert [getattr(r, name) for r in resumed.curve] == [
            getattr(r, name) for r in straight.curve
        ]
    np.testing.assert_allclose(
        [r.score for r in resumed.curve], [r.score for r in straight.curve], rtol=1e-5
    )
    assert np.all(np.diff([r.seconds for r in resumed.curve]) > 0)


def test_the_import_reads_what_the_callback_writes(tmp_path):
    start = tiny_model(tmp_path / "start")
    wanted = regime("sft", data=data(tmp_path, answers()), learning_rate=5e-4)
    run = trl_engine.train(wanted, start, tmp_path / "work", 0, save_seconds=0.0)
    appended = read_any_curve(tmp_path / "work" / "curve.jsonl", "score")
    assert appended.scores.tolist() == [r.score for r in run.curve]
    # trainer_state.json of the trainer's own checkpoint: the evaluations after step 0.
    state = read_any_curve(tmp_path / "work", "eval_score")
    assert state.scores.tolist() == [r.score for r in run.curve[1:]][: len(state.scores)]
    assert len(state.scores) >= 3


def test_tokens_are_those_that_were_trained_on(tmp_path):
    start = tiny_model(tmp_path / "start")
    wanted = regime("sft", data=data(tmp_path, answers()), learning_rate=5e-4, budget=5)
    run = trl_engine.train(wanted, start, tmp_path / "work", 0)
    # <bos> ? x y = a b <eos>: eight tokens a row, sixteen rows a step, five steps.
    assert run.curve[-1].tokens == 8 * 16 * 5
    from behaviordist.lab.llama import flops_per_token

    from .trl_worlds import CONFIG

    assert run.curve[-1].flops == pytest.approx(8 * 16 * 5 * flops_per_token(CONFIG, 8))


def test_a_target_that_is_met_already_costs_nothing(tmp_path):
    from behaviordist.transfer.runs import Goal, Transfer
    from behaviordist.transfer.trl_runs import collect_trl, met_at_start, run_trl_transfer

    start, wanted = tiny_model(tmp_path / "start"), regime("sft", data=data(tmp_path, answers()))
    goal, path = Goal(1e-12, 1e-12, 1e-12), tmp_path / "curve.json"
    run_trl_transfer(path, wanted, start, 0, goal, tmp_path / "work")
    assert [r["step"] for r in json.loads(path.read_text())["rows"]] == [0]
    rows = collect_trl([Transfer("base", "base", "sft-test", 0, path)], {"sft-test": goal})
    assert met_at_start(rows) == [("base", "sft-test")]
