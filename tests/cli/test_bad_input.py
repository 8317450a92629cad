"""A user's mistakes: one line on stderr, exit code 2, nothing written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from behaviordist.cli.app import main
from behaviordist.store.tables import write_square

MINI = Path(__file__).parents[1] / "studies" / "mini.yaml"
LABELS = list("abcde")


def table(seed=0, labels=LABELS):
    values = np.random.default_rng(seed).uniform(1, 9, (len(labels), len(labels)))
    values = values + values.T
    np.fill_diagonal(values, 0)
    return pd.DataFrame(values, index=labels, columns=labels)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with good files, to which each case adds its mistake."""
    monkeypatch.chdir(tmp_path)
    write_square("d.csv", table())
    write_square("c.csv", table(1))
    (tmp_path / "empty").mkdir()
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    for folder in (pickled, tmp_path / "empty"):
        (folder / "config.json").write_text(json.dumps(config))
    (pickled / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    return tmp_path


def edited(name, change):
    def write(folder):
        frame = table()
        write_square(folder / name, change(frame))

    return write


def set_cell(row, column, value):
    def change(frame):
        frame.loc[row, column] = value
        return frame

    return change


def probes(*lines):
    return lambda folder: (folder / "p.jsonl").write_text("\n".join(lines) + "\n")


def study(**changes):
    def write(folder):
        values = {**yaml.safe_load(MINI.read_text()), **changes}
        (folder / "s.yaml").write_text(yaml.safe_dump(values))

    return write


def text(name, content):
    return lambda folder: (folder / name).write_text(content)


def logged(log, **columns):
    def write(folder):
        (folder / "log.csv").write_text(log)
        run = {"source": "a", "target": "b", "path": "log.csv", **columns}
        pd.DataFrame([run]).to_csv(folder / "runs.csv", index=False)

    return write


def nothing(folder):
    return None


GOOD = '{"id": "1", "prompt": "a", "continuation": " b"}'
TEST = "test --distances d.csv --costs c.csv --out out"
BOARD = "leaderboard --distances x=d.csv --costs c.csv --out out"
IMPORT = "costs import runs.csv --metric loss --tau 0.5 --out o.csv"
DISTANCE = "distance empty pickled --out out"

CASES = {
    "unknown model": (nothing, "distance no_such no_other --out out", "no_such"),
    "folder without weights": (nothing, "distance empty pickled --out out", "model.safetensors"),
    "pickled weights": (nothing, "distance pickled empty --out out", "safetensors"),
    "unknown geometry": (nothing, f"{DISTANCE} --geometry helinger", "did you mean 'hellinger'"),
    "unknown probe set": (nothing, f"{DISTANCE} --probes genral", "did you mean 'general'"),
    "malformed probe": (probes(GOOD, "{oops"), f"{DISTANCE} --probes p.jsonl", "p.jsonl"),
    "probe line number": (probes(GOOD, "{oops"), f"{DISTANCE} --probes p.jsonl", "2"),
    "duplicate probe": (probes(GOOD, GOOD), f"{DISTANCE} --probes p.jsonl", "already used"),
    "one model": (nothing, "distance empty --out out", "two"),
    "unknown study": (nothing, "run tranfer --out out", "did you mean 'transfer'"),
    "unknown study key": (study(seedz=3), "run s.yaml --out out", "did you mean 'seeds'"),
    "negative seed": (nothing, "run --seed -1 --out out", "--seed"),
    "no processes": (nothing, "run --jobs 0 --out out", "--jobs"),
    "different labels": (
        lambda folder: write_square(folder / "c.csv", table(1, list("abcdz"))), TEST, "'z'|z"),
    "not square": (edited("d.csv", lambda f: f.drop(columns="a")), TEST, "square"),
    "infinite distance": (edited("d.csv", set_cell("a", "b", np.inf)), TEST, "d.csv"),
    "too few behaviors": (
        lambda folder: [write_square(folder / f"{n}.csv", table(0, list("abc"))) for n in "dc"],
        TEST, "4|four"),
    "all columns censored": (edited("c.csv", lambda f: f * 0 + 80.0), TEST, "rank|constant|equal"),
    "missing file": (nothing, TEST.replace("d.csv", "none.csv"), "none.csv"),
    "baseline without a name": (nothing, f"{TEST} --baseline d.csv", "NAME=|name"),
    "unknown command": (nothing, "rnu", "'run'"),
    "option not a number": (nothing, f"{TEST} --permutations many", "--permutations"),
    "option left out": (nothing, "test --distances d.csv --out out", "--costs"),
    "out is a file": (nothing, TEST.replace("--out out", "--out d.csv"), "d.csv"),
    "run below a file": (nothing, "run --out d.csv/sub", "d.csv"),
    "distance into a file": (nothing, "distance empty pickled --out d.csv", "d.csv is a file"),
    "compare into a file": (nothing, "compare empty pickled --out d.csv/x", "d.csv is a file"),
    "gate into a folder": (
        nothing, "gate empty pickled --margin 1 --out empty", "empty is a folder"),
    "negative seed of a test": (nothing, f"{TEST} --seed -1", "seed is -1"),
    "one baseline name twice": (
        nothing, f"{TEST} --baseline x=d.csv --baseline x=c.csv", "named twice"),
    "strata in a folder": (nothing, f"{TEST} --strata empty", "empty"),
    "quick is no mapping": (study(quick=[1]), "run s.yaml --quick --out out", "'quick'"),
    "unknown probes of a study": (
        study(distances={"probes": "lob", "geometry": "hellinger"}), "run s.yaml --out out", "lob"),
    "share above one": (
        study(transfer={"share": 0.9, "sweep": [2.0], "budget": {"sft": 60}}),
        "run s.yaml --out out", "transfer.sweep"),
    "too few answers": (nothing, f"{DISTANCE} --geometry samples --answers 1", "1 answer"),
    "answers of no token": (
        nothing, f"{DISTANCE} --geometry samples --answer-tokens 0", "0 tokens"),
    "unknown kernel": (
        nothing, f"{DISTANCE} --geometry samples --kernel exact", "'exact-match'"),
    "no relabellings of a leaderboard": (
        nothing, f"{BOARD} --permutations 0", "permutations is 0"),
    "negative seed of a leaderboard": (nothing, f"{BOARD} --seed -1", "seed is -1"),
    "power without studies": (nothing, "power --behaviors 6 --studies 0", "at least 1"),
    "negative seed of power": (nothing, "power --behaviors 6 --seed -1", "seed is -1"),
    "censored is neither": (
        text("c.csv", "source,target,steps,censored\na,b,3,maybe\n"), TEST,
        "line 2: censored 'maybe'"),
    "second distance of other labels": (
        lambda folder: write_square(folder / "e.csv", table(2, list("abcdz"))),
        f"{BOARD} --distances second=e.csv", "not in 'second': e"),
    "second distance constant": (
        lambda folder: write_square(folder / "e.csv", (table() > 0).astype(float)),
        f"{BOARD} --distances second=e.csv", "distance 'second': all are equal"),
    "unknown interval": (nothing, f"{TEST} --interval percentile", "jackknife, bootstrap"),
    "invalid source unknown": (
        text("i.csv", "target,source\na,q\n"), f"{TEST} --invalid i.csv", "'q'"),
    "unrelated without a study": (
        nothing, "plan --backtest --distances d.csv --costs c.csv --unrelated", "--study"),
    "ragged long table": (
        text("l.csv", "source,target,cost\na,b,1\na,c,1,2,3\n"),
        TEST.replace("c.csv", "l.csv"), "l.csv"),
    "deeply nested probe": (probes("[" * 100_000), "probes validate p.jsonl", "p.jsonl:1"),
    "rows below one": (
        probes(GOOD), "probes new p.jsonl --out o.jsonl --limit -1", "--limit is -1"),
    "budget of a run": (
        logged("step,loss\n1,0.5\n", budget="soon"), IMPORT, "budget 'soon'"),
    "level of a target": (
        logged("step,loss\n1,0.5\n", level="high"), IMPORT.replace("--tau", "--share"), "'high'"),
    "empty log": (logged(""), IMPORT, "log.csv"),
    "log of numbers": (
        lambda folder: [
            logged('{"log_history": [1]}')(folder),
            (folder / "log.csv").rename(folder / "log.json"),
            (folder / "runs.csv").write_text("source,target,path\na,b,log.json\n")],
        IMPORT, "log_history"),
    "log without a score": (logged("step,loss\n1,\n"), IMPORT, "log.csv"),
    "report of nothing": (nothing, "report nowhere", "nowhere"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_one_line_exit_two_and_nothing_written(case, here, monkeypatch, capsys):
    prepare, command, says = CASES[case]
    prepare(here)
    before = sorted(here.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["behaviordist", *command.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    errors = capsys.readouterr().err.strip()
    assert ended.value.code == 2, errors
    assert len(errors.splitlines()) == 1 and errors.startswith("error: "), errors
    assert any(part in errors for part in says.split("|")), errors
    assert sorted(here.rglob("*")) == before, "something was written"


@pytest.mark.parametrize(("cell", "remark"), [
    (("a", "b", -1.0), "negative; only their order is used"),
    (("a", "a", 3.0), "measured against itself is ignored"),
])  # fmt: skip
def test_where_only_ranks_are_used_scores_of_any_sign_are_noted(cell, remark, here, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["behaviordist", *TEST.split(), "--permutations", "99"])
    main_result(main)
    before = json.loads((here / "out" / "test.json").read_text())
    edited("d.csv", set_cell(*cell))(here)
    main_result(main)
    after = json.loads((here / "out" / "test.json").read_text())
    assert remark in " ".join(after["notes"]) and remark not in " ".join(before["notes"])


def test_an_empty_diagonal_of_distances_is_a_zero_diagonal(here, monkeypatch):
    frame = table()
    np.fill_diagonal(frame.values, np.nan)
    monkeypatch.setattr(sys, "argv", ["behaviordist", *TEST.split(), "--permutations", "99"])
    main_result(main)
    first = json.loads((here / "out" / "test.json").read_text())
    write_square("d.csv", frame)
    main_result(main)
    assert json.loads((here / "out" / "test.json").read_text()) == first


@pytest.mark.parametrize("command", [
    f"{TEST} --permutations 99 --baseline [/x]=d.csv",
    "leaderboard --distances [/x]=d.csv --costs c.csv --permutations 99 --out out",
    "plan --backtest --distances d.csv --costs c.csv --other [/x]=d.csv --out out",
])  # fmt: skip
def test_a_matrix_may_be_called_as_markup_is(command, here, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["behaviordist", *command.split()])
    main_result(main)
    assert "[/x]" in capsys.readouterr().out


def main_result(command):
    """Run the command; typer ends a good one with `SystemExit(0)`."""
    with pytest.raises(SystemExit) as ended:
        command()
    assert not ended.value.code
