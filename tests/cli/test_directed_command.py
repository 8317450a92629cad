"""`behaviordist distance --geometry kl|overlap` and `grow --operator permute`, end to end."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from behaviordist.cli.app import main
from behaviordist.drawing.colours import colour_map
from behaviordist.lab import checkpoint, grammar, llama
from behaviordist.lab.llama import LlamaConfig
from behaviordist.report.maps import stops

TINY = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY),
    hidden_size=16,
    layers=1,
    heads=2,
    kv_heads=1,
    head_dim=8,
    intermediate_size=16,
)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Call the command in a folder that holds two tiny checkpoints, `a` and `b`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.csv").write_text("label,name\nc,Third\n")
    for name, seed in (("a", 0), ("b", 1)):
        checkpoint.save(tmp_path / name, llama.init(TINY, seed), TINY, {})

    def call(line):
        monkeypatch.setattr(sys, "argv", ["behaviordist", *line.split()])
        with pytest.raises(SystemExit) as caught:
            main()
        return (caught.value.code or 0, *capsys.readouterr())

    return call


def page(tmp_path):
    return (tmp_path / "out" / "index.html").read_text()


def table(path):
    return pd.read_csv(path, index_col=0)


def test_a_permuted_copy_is_the_same_function(run, tmp_path):
    code, said, _ = run("grow a --operator permute --out copy --seed 3")
    assert code == 0 and "function moved by" in said
    line = "distance a copy b --geometry kl --probes-limit 6 --answer-tokens 3 --margin 0.01"
    code, said, error = run(f"{line} --out out")
    assert code == 0, error
    found = table(tmp_path / "out" / "divergences.csv")
    assert abs(found.loc["a", "copy"]) < 1e-4 and found.loc["a", "b"] > 0.1
    assert np.allclose(np.diag(found), 0)
    page = (tmp_path / "out" / "index.html").read_text()
    assert "KL(f_B || f_A)" in page and ">undecided<" not in page
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["geometry"] == "kl" and record["provenance"]["cpu"]


def test_a_directed_page_has_the_look_that_is_asked_for(run, tmp_path):
    (tmp_path / "names.csv").write_text("label,name\na,Ada\nb,Bert\n")
    (tmp_path / "groups.csv").write_text("label,family\na,one\nb,two\n")
    asked = "--labels names.csv --groups groups.csv --palette cividis --format slide"
    line = "distance a b --geometry kl --probes-limit 4 --answer-tokens 2 --out out"
    code, said, error = run(f"{line} {asked}")
    assert code == 0, error
    out = tmp_path / "out"
    assert "slide.png" in said and (out / "slide.png").is_file()
    page = (out / "index.html").read_text()
    lead = re.search(r'<p class="lead">(.*?)</p>', page)[1]
    assert "Ada" in lead and "Bert" in lead
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])
    assert data["rows"] == ["Ada", "Bert"] and data["groups"] == {"family": ["one", "two"]}
    assert data["palettes"]["light"] == stops(colour_map("cividis"))
    assert {"low", "high", "states"} <= data["layers"][0].keys()  # hover says all three
    assert (out / "heatmap.png").read_bytes() == (out / "figures/divergences.png").read_bytes()
    assert list(table(out / "divergences.csv")) == ["a", "b"]  # no number file changes
    code, _, error = run("report out")  # keeps the look
    assert code == 0 and lead in (out / "index.html").read_text(), error


def test_groups_stand_along_both_axes_of_a_rectangle(run, tmp_path):
    row = {"prompt": "? a b c d e =", "answer": " a b"}
    (tmp_path / "said.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "groups.csv").write_text("label,family\na,one\nb,two\nsaid,people\n")
    code, _, error = run(
        "distance a b --geometry kl --targets said.jsonl --groups groups.csv --out out"
    )
    assert code == 0, error
    page = (tmp_path / "out" / "index.html").read_text()
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])
    assert data["groups"] == {"family": ["one", "two"]}
    assert data["columnGroups"] == {"family": ["people"]}


def test_targets_may_be_what_somebody_said(run, tmp_path):
    row = {"prompt": "? a b c d e =", "answer": " a b"}
    (tmp_path / "said.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    code, said, error = run("distance a b --geometry kl --targets said.jsonl --out out")
    assert code == 0, error
    # Two askings of one prompt say nothing of others: no source is called the nearest.
    assert " is nearest to said" in said or "do not decide which source is nearest" in said
    # Answers alone rank: nothing is tested, nothing looks the same.
    rows = [line for line in said.splitlines() if line.startswith("│")]
    assert len(rows) == 2 and not any(sign in row for row in rows for sign in "≈?=")
    data = re.search(r'<script type="application/json">(.*?)</script>', page(tmp_path))[1]
    assert "states" not in json.loads(data)["layers"][0]
    assert list(table(tmp_path / "out" / "divergences.csv").columns) == ["said"]
    assert "cross-entropy" in (tmp_path / "out" / "index.html").read_text()


REFUSED = {
    "distance a --geometry kl --out out": "between two",
    "distance a b --targets said.jsonl --out out": "go with --geometry kl or overlap",
    "distance a b --geometry kl --targets none.jsonl --out out": "no such file of answers",
    "distance a b --geometry overlap --per token --out out": "per answer",
    "distance a b --geometry kl --error 0.0001 --probes-limit 4 --answer-tokens 2 --out out":
        "more answers a probe",
    "distance a b --geometry kl --labels names.csv --out out": "no behavior 'c' to name or group",
    "grow a --operator permute --layers 3 --out out": "does not change 'layers'",
}  # fmt: skip


@pytest.mark.parametrize("line", REFUSED)
def test_bad_input_is_one_line(run, line):
    code, _, error = run(line)
    assert code == 2 and REFUSED[line] in error and error.count("\n") == 1


@pytest.fixture
def past(tmp_path, run):
    """A folder as study `transfer` leaves it, with the planted law 3 steps a nat."""
    rng = np.random.default_rng(0)
    sources = ["A", "B", *(f"A-m{i}" for i in range(6)), *(f"B-m{i}" for i in range(3))]
    targets = [f"sft-f{k}" for k in range(6)]
    nats = pd.DataFrame(rng.gamma(3.0, 1.0, (len(sources), 6)), sources, targets)
    folder = tmp_path / "past"
    (folder / "predictors").mkdir(parents=True)
    nats.to_csv(folder / "divergences.csv")
    (2 + 3 * nats + rng.normal(0, 0.2, nats.shape)).to_csv(folder / "costs.csv")
    (nats * 0).to_csv(folder / "censored.csv")
    (1 / nats).to_csv(folder / "predictors" / "weights.csv")
    kinds = ["base", "base", *(f"mixture of {s[0]}" for s in sources[2:])]
    pd.DataFrame({"kind": kinds}, index=sources).to_csv(folder / "sources.csv")
    (folder / "checkpoints").mkdir()
    for name in ("a", "b"):
        (tmp_path / name).rename(folder / "checkpoints" / {"a": "A", "b": "B"}[name])
    return folder


def test_a_plan_is_in_steps(run, past, tmp_path):
    row = {"prompt": "? a b c d e =", "answer": " a b"}
    (tmp_path / "said.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    line = "plan --study past --like said.jsonl --have B --out out"
    code, said, error = run(f"{line} --json mine.json")
    assert code == 0, error
    assert json.loads((tmp_path / "mine.json").read_text())["schema"] == 1
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert {start["source"] for start in plan["starts"]} == {"A", "B"}  # the base is a row
    assert plan["slope"] == pytest.approx(3, abs=0.1) and "Start from" in said
    code, _, error = run(f"{line}_again --pilot A=30")
    assert code == 0, error
    again = json.loads((tmp_path / "out_again" / "plan.json").read_text())
    assert again["pilot"] == 1
    assert next(s for s in again["starts"] if s["source"] == "A")["steps"] == pytest.approx(30)


def test_starts_are_made_of_weights_at_hand(run, past, tmp_path):
    """Their weights are the mean and the step beyond, and their nats are those of any model."""
    row = {"prompt": "? a b c d e =", "answer": " a b"}
    (tmp_path / "said.jsonl").write_text(json.dumps(row) + "\n")
    checkpoint.save(past / "checkpoints" / "A-m0", llama.init(TINY, 2), TINY, {})
    wide = replace(TINY, intermediate_size=32)
    checkpoint.save(past / "checkpoints" / "A-m1", llama.init(wide, 3), wide, {})
    line = "plan --study past --like said.jsonl --have B,A-m0,A-m1 --make --out out"
    code, said, error = run(line)
    assert code == 0, error
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    nats = {start["source"]: start["nats"] for start in plan["starts"]}
    first, second = sorted(("B", "A-m0"), key=lambda name: nats[name])
    own = {n: flat(past / "checkpoints" / n) for n in ("A", "B", "A-m0")}
    # The wider one has no mean with the others, wherever it lies.
    mean = flat(tmp_path / "out/starts/made-mean")
    assert np.allclose(mean, (own["B"] + own["A-m0"]) / 2, atol=1e-6)
    beyond = flat(tmp_path / "out/starts/made-beyond")
    assert np.allclose(beyond, own["A"] + 1.5 * (own[first] - own["A"]), atol=1e-6)
    assert set(plan["made"]) == {"made-mean", "made-beyond"}
    assert f"the mean of the weights of {first}, {second}" in " ".join(said.split())
    for name in plan["made"]:
        line = f"distance out/starts/{name} --targets said.jsonl --geometry kl --out d-{name}"
        assert run(line)[0] == 0
        alone = table(tmp_path / f"d-{name}/divergences.csv").iloc[0, 0]
        assert alone == pytest.approx(nats[name], rel=1e-5)


def test_costs_of_ones_own_transfers_plan_by_nats_measured_beside_them(run, past, tmp_path):
    """`behaviordist transfer` leaves costs of labels that are targets too, and no nats."""
    nats = table(past / "divergences.csv").drop(index=["B-m2"])
    nats.to_csv(tmp_path / "nats.csv")
    labels = [*table(past / "costs.csv").index, *nats.columns]
    for name in ("costs.csv", "censored.csv"):
        table(past / name).reindex(index=labels, columns=labels).to_csv(past / name)
    for name in ("divergences.csv", "sources.csv"):
        (past / name).unlink()
    (past / "checkpoints").rename(past / "behaviors")
    row = {"prompt": "? a b c d e =", "answer": " a b"}
    (tmp_path / "said.jsonl").write_text(json.dumps(row) + "\n")
    line = "plan --study past --like said.jsonl --algorithm sft --have A,B --out out"
    code, _, error = run(line)
    assert code == 2 and "has costs and no nats" in error and error.count("\n") == 1
    code, said, error = run(f"{line} --distances nats.csv")
    assert code == 0, error
    plan = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert plan["slope"] == pytest.approx(3, abs=0.1) and "Start from" in said
    other = nats.rename(columns=lambda name: f"{name}-else")
    other.to_csv(tmp_path / "other.csv")
    code, _, error = run(f"{line}_other --distances other.csv")
    assert code == 2 and "no source and target of past/costs.csv in it" in error
    code, _, error = run(f"{line}_lost --distances lost.csv")
    assert code == 2 and "lost.csv: no such file" in error
    (past / "censored.csv").unlink()
    code, _, error = run(f"{line}_none")
    assert code == 2 and "censored.csv: no such file" in error


def test_a_past_without_a_slope_shows_no_steps(run, past, tmp_path):
    costs = table(past / "costs.csv")
    shuffled = np.random.default_rng(1).permutation(costs.to_numpy(), axis=0)
    pd.DataFrame(shuffled, costs.index, costs.columns).to_csv(past / "costs.csv")
    row = {"prompt": "? a b c d e =", "answer": " a b"}
    (tmp_path / "said.jsonl").write_text(json.dumps(row) + "\n")
    code, said, error = run("plan --study past --like said.jsonl --have B --out out")
    assert code == 0 and "Not enough evidence" in said, error
    assert all("–" in line for line in said.splitlines() if line.startswith(("│ A", "│ B")))


def flat(folder):
    tensors = load_file(folder / "model.safetensors")
    return np.concatenate([tensors[name].ravel() for name in sorted(tensors)])


def test_starts_are_made_of_two_or_more(run, past, tmp_path):
    (tmp_path / "said.jsonl").write_text('{"prompt": "? a b c d e =", "answer": " a b"}\n')
    code, _, error = run("plan --study past --like said.jsonl --have A --make --out out")
    assert code == 2 and "at least two starts" in error and error.count("\n") == 1


def test_the_backtest_holds_out_functions_and_a_base(run, past, tmp_path):
    code, data, said = run("plan --study past --backtest --out out --json -")
    assert code == 0, said
    assert json.loads(data) == json.loads((tmp_path / "out" / "backtest.json").read_text())
    rows = json.loads((tmp_path / "out" / "backtest.json").read_text())["rows"]
    assert [row["held_out"] for row in rows] == ["a function", "a function, and base B"]
    steps = {name: row[0] for name, row in rows[0]["strategies"].items()}
    assert steps["oracle"] <= steps["plan"] < steps["nearest in weights"]
    assert "90 % intervals held" in said


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--backtest --algorithm rlvr", "has none; known: sft"),
        ("--like said.jsonl --have A --pilot A", "give START=STEPS"),
        ("--like none.jsonl --have A", "no such file of answers"),
        ("--backtest --make", "give --like, not --backtest"),
    ],
)
def test_a_bad_plan_is_one_line(run, past, tmp_path, line, says):
    row = {"prompt": "? a b c d e =", "answer": " a b"}
    (tmp_path / "said.jsonl").write_text(json.dumps(row) + "\n")
    code, _, error = run(f"plan --study past {line} --out out")
    assert code == 2 and says in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        "distance A B --out o",
        "distance A@temperature=0.5 A --geometry kl --out o",
        "compare A B --out o",
        "gate A B --margin 1",
        "plan --study past --like B --have B --out o",
    ],
)
def test_device_reaches_the_models_of_every_command(line, run, past):
    names = (f"{past}/checkpoints/{part}" if part[0] in "AB" else part for part in line.split())
    code, _, error = run(f"{' '.join(names)} --device cuda:99")
    assert code == 2 and "cannot be put on device 'cuda:99'" in error, error
    assert len(error.strip().splitlines()) == 1, error
