"""`behaviordist leaderboard` and `behaviordist power` as a user runs them."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from behaviordist.cli import app as command_line
from behaviordist.hypothesis import leaderboard


@pytest.fixture
def tables(tmp_path):
    """A rectangular table in long form with two seeds, some runs censored, and two distances."""
    rng = np.random.default_rng(0)
    sources, targets = [f"s{i}" for i in range(9)], [f"t{i}" for i in range(6)]
    distance = rng.uniform(1, 3, size=(9, 6))
    lines = ["source,target,seed,steps,censored,budget"]
    for i, source in enumerate(sources):
        for j, target in enumerate(targets):
            for seed in (0, 1):
                cost = 10 * distance[i, j] + rng.normal()
                lines.append(f"{source},{target},{seed},{min(cost, 28):.3f},{int(cost > 28)},28")
    (tmp_path / "costs.csv").write_text("\n".join(lines))
    for name, noise in (("good", 0.1), ("poor", 2.0)):
        noisy = np.abs(distance + noise * rng.normal(size=distance.shape))
        pd.DataFrame(noisy, sources, targets).to_csv(tmp_path / f"{name}.csv")
    return tmp_path


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["behaviordist", *map(str, arguments)])
    with pytest.raises(SystemExit) as code:
        command_line.main()
    return code.value.code or 0, capsys.readouterr()


def board_of(folder, *extra):
    return [
        "leaderboard", "--costs", folder / "costs.csv", "--rectangular", "--permutations", "99",
        "--distances", f"good={folder / 'good.csv'}", "--distances", f"poor={folder / 'poor.csv'}",
        "--out", folder / "out", *extra,
    ]  # fmt: skip


def test_long_rectangular_costs_give_table_and_figure(tables, monkeypatch, capsys):
    code, printed = run(monkeypatch, capsys, *board_of(tables, "--seconds", "good=2.5"))
    assert code == 0 and "good" in printed.out
    record = json.loads((tables / "out/leaderboard.json").read_text())
    assert record["rows"][0]["name"] == "good" and record["rows"][0]["seconds"] == 2.5
    assert 0.5 < record["noise_ceiling"] <= 1 and record["n_targets"] == 6
    table = pd.read_csv(tables / "out/leaderboard.csv")
    assert set(table["name"]) == {"good", "poor", "source quality", "random"}
    for ending in ("png", "svg"):
        assert (tables / f"out/leaderboard.{ending}").stat().st_size > 1000


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--distances", "good=again.csv"], "'good' is named twice"),
        (["--seconds", "good=soon"], "is not a number of seconds"),
        (["--cost-column", "tokens"], "no cost column 'tokens'"),
        (["--statistic", "kendal"], "did you mean 'kendall'"),
    ],
)
def test_bad_input_exits_2_and_writes_nothing(tables, monkeypatch, capsys, extra, message):
    code, printed = run(monkeypatch, capsys, *board_of(tables, *extra))
    assert code == 2 and message in printed.err and printed.err.count("\n") == 1
    assert not (tables / "out").exists()


def test_power_from_a_pilot(tables, monkeypatch, capsys):
    code, printed = run(
        monkeypatch, capsys, "power", "--rho", "0.6", "--costs", tables / "costs.csv",
        "--behaviors", "6,12", "--seeds", "1", "--studies", "40",
    )  # fmt: skip
    assert (
        code == 0 and "reliability of one seed" in printed.out and "you need about" in printed.out
    )
    code, printed = run(monkeypatch, capsys, "power", "--behaviors", "ten")
    assert code == 2 and "whole numbers" in printed.err


def test_frames_and_files_agree(tables):
    from behaviordist.hypothesis.long_tables import read_cost_data, read_predictor

    data = read_cost_data(tables / "costs.csv")
    near = read_predictor(tables / "good.csv", "distances", rectangular=True)
    board = leaderboard({"good": near}, data.costs, permutations=19)
    assert board.n_pairs == 54 and board.rows[0].value > 0.8
