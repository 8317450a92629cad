"""Logs of the usual trainers, read back to the numbers that were written."""

import json
import sys

import numpy as np
import pytest

from behaviordist.cli import app as command_line
from behaviordist.errors import InputError
from behaviordist.hypothesis.tables.long_tables import read_cost_data
from behaviordist.transfer.import_logs import TauRule, import_costs, read_curve

STEPS = [0, 10, 20, 30]


def state(scores, steps=STEPS):
    """A trainer_state.json: training and evaluation entries mixed, as the trainers write it."""
    history = []
    for step, score in zip(steps, scores, strict=True):
        history.append({"step": step, "loss": 1.0, "epoch": step / 10})
        history.append({"step": step, "eval_reward": score, "epoch": step / 10})
    return json.dumps({"global_step": steps[-1], "log_history": history})


def test_trainer_state_and_its_last_checkpoint(tmp_path):
    (tmp_path / "trainer_state.json").write_text(state([0.1, 0.4, 0.8, 0.9]))
    curve = read_curve(tmp_path, "eval_reward")
    assert curve.steps.tolist() == STEPS and curve.scores.tolist() == [0.1, 0.4, 0.8, 0.9]
    run = tmp_path / "run"
    for n in (9, 10):
        (run / f"checkpoint-{n}").mkdir(parents=True)
        (run / f"checkpoint-{n}/trainer_state.json").write_text(state(range(n - 6), STEPS[: n - 6]))
    assert read_curve(run, "eval_reward").scores.tolist() == [0, 1, 2, 3]


def test_csv_and_json_lines(tmp_path):
    (tmp_path / "a.csv").write_text("global_step,score\n0,0.5\n5,\n10,0.75\n")
    assert read_curve(tmp_path / "a.csv", "score").steps.tolist() == [0, 10]
    lines = [json.dumps({"step": s, "reward": s / 10}) for s in (20, 10)]
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    assert read_curve(tmp_path / "b.jsonl", "reward").scores.tolist() == [1.0, 2.0]


def test_tensorboard_event_files(tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    writer = tensorboard.SummaryWriter(str(tmp_path))
    scores = np.random.default_rng(0).uniform(size=300).astype(np.float32)
    for step, score in enumerate(scores):
        writer.add_scalar("eval/reward", float(score), step)
        writer.add_scalar("other", -1.0, step)
    writer.close()
    curve = read_curve(tmp_path, "eval/reward")
    assert curve.steps.tolist() == list(range(300))
    np.testing.assert_array_equal(curve.scores.astype(np.float32), scores)
    path = next(tmp_path.glob("*.tfevents.*"))
    path.write_bytes(path.read_bytes()[:-7])
    assert len(read_curve(tmp_path, "other").steps) in (299, 300)


@pytest.fixture
def manifest(tmp_path):
    runs = {
        ("a", "b", "0"): [0.0, 0.5, 0.85, 0.9],
        ("a", "b", "1"): [0.0, 0.1, 0.2, 0.3],
        ("b", "a", "0"): [0.4, 0.5, 0.6, 0.7],
        ("a", "a", "0"): [0.0, 0.6, 0.6, 0.6],
        ("b", "b", "0"): [0.0, 0.9, 1.0, 1.0],
    }
    lines = ["source,target,seed,path"]
    for i, ((source, target, seed), scores) in enumerate(runs.items()):
        (tmp_path / f"{i}.json").write_text(state(scores))
        lines.append(f"{source},{target},{seed},{i}.json")
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(lines))
    return path


def test_costs_by_share_of_the_targets_own_level(manifest):
    costs = import_costs(manifest, "eval_reward", TauRule(share=0.8)).set_index(
        ["source", "target", "seed"]
    )
    assert costs.loc[("a", "b", "0"), "steps"] == 20 and costs.loc[("a", "b", "0"), "tau"] == 0.8
    assert costs.loc[("a", "b", "1"), "censored"] == 1
    assert costs.loc[("a", "b", "1"), "steps"] == 30
    assert costs.loc[("b", "a", "0"), "steps"] == 10  # 0.8 of the level 0.6
    assert len(costs) == 3


def test_costs_by_a_score_where_lower_is_better(tmp_path):
    (tmp_path / "l.csv").write_text("step,loss\n0,3\n7,2\n9,1\n")
    (tmp_path / "runs.csv").write_text("source,target,path,budget\na,b,l.csv,8\na,c,l.csv,9\n")
    costs = import_costs(tmp_path / "runs.csv", "loss", TauRule(tau=1.5, lower=True))
    assert costs["steps"].tolist() == [7, 9] and costs["censored"].tolist() == [1, 0]


def test_command_line_makes_what_the_test_reads(manifest, monkeypatch, capsys):
    out = manifest.parent / "costs.csv"
    monkeypatch.setattr(
        sys, "argv",
        ["behaviordist", "costs", "import", str(manifest), "--metric", "eval_reward",
         "--share", "0.8", "--out", str(out)],
    )  # fmt: skip
    with pytest.raises(SystemExit) as code:
        command_line.main()
    assert not code.value.code and "3 runs, 1 censored" in capsys.readouterr().out
    data = read_cost_data(out)
    assert data.costs.loc["a", "b"] == 25 and data.censored.loc["a", "b"] == 0.5


@pytest.mark.parametrize(
    ("text", "metric", "message"),
    [
        ("{}", "eval_reward", "no 'log_history'"),
        ("{", "eval_reward", "not JSON"),
        (state([0, 0, 0, 0]), "eval_rewards", "did you mean 'eval_reward'"),
        (state([0, 0, 0, 0], steps=[-1, 0, 1, 2]), "eval_reward", "step -1 is negative"),
    ],
)
def test_bad_logs(tmp_path, text, metric, message):
    (tmp_path / "trainer_state.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_curve(tmp_path, metric)


def test_bad_manifests_and_rules(tmp_path, manifest):
    with pytest.raises(InputError, match="either a score"):
        TauRule()
    with pytest.raises(InputError, match="has no meaning"):
        TauRule(share=0.9, lower=True)
    with pytest.raises(InputError, match="no such file"):
        import_costs(tmp_path / "absent.csv", "m", TauRule(tau=1.0))
    bad = tmp_path / "bad.csv"
    bad.write_text("source,path\na,x\n")
    with pytest.raises(InputError, match="no column 'target'"):
        import_costs(bad, "m", TauRule(tau=1.0))
    bad.write_text("source,target,path\na,b,nowhere\n")
    with pytest.raises(InputError, match="no such file or folder"):
        import_costs(bad, "m", TauRule(tau=1.0))
    bad.write_text("source,target,path\na,b,0.json\n")
    with pytest.raises(InputError, match="no level for target 'b'"):
        import_costs(bad, "eval_reward", TauRule(share=0.8))
