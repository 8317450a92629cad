"""`behaviordist leaderboard` and `behaviordist power` as a user runs them."""

import json
import shutil
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
        (["--cost-column", "steps", "--cost-column", "steps"], "one is named twice"),
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
    from behaviordist.hypothesis.tables.long_tables import read_cost_data, read_predictor

    data = read_cost_data(tables / "costs.csv")
    near = read_predictor(tables / "good.csv")
    board = leaderboard({"good": near}, data.costs, permutations=19)
    assert board.n_pairs == 54 and board.rows[0].value > 0.8


SEVERAL = ("--cost-column", "steps", "--cost-column", "tokens")


def with_tokens(folder):
    """Tokens rise with steps, but not by one factor: their order in a column is another."""
    table = pd.read_csv(folder / "costs.csv")
    each = np.random.default_rng(1).uniform(0.5, 2, size=len(table))
    table.assign(tokens=table["steps"] * each).to_csv(folder / "costs.csv", index=False)


def test_each_of_several_cost_columns_gets_what_it_gets_alone(tables, monkeypatch, capsys):
    with_tokens(tables)
    code, printed = run(monkeypatch, capsys, *board_of(tables, *SEVERAL))
    assert code == 0 and "cost column tokens" in printed.out
    both = json.loads((tables / "out/leaderboard.json").read_text())
    table = pd.read_csv(tables / "out/leaderboard.csv")
    for at, column in enumerate(("steps", "tokens")):
        shutil.rmtree(tables / "out")  # a folder is not written over with another answer
        run(monkeypatch, capsys, *board_of(tables, "--cost-column", column))
        alone = json.loads((tables / "out/leaderboard.json").read_text())
        assert both["cost_columns"][at] == {"column": column, **alone}
        written = table[table["cost_column"] == column]["value"].tolist()
        assert written == pytest.approx([row["value"] for row in alone["rows"]])
        if at == 0:
            assert {k: v for k, v in both.items() if k != "cost_columns"} == alone
    assert both["cost_columns"][0]["rows"] != both["cost_columns"][1]["rows"]


def test_the_test_reports_each_cost_column_with_the_first_as_headline(tables, monkeypatch, capsys):
    with_tokens(tables)
    command = [
        "test", "--costs", tables / "costs.csv", "--rectangular", "--permutations", "99",
        "--distances", tables / "good.csv", "--out", tables / "out",
    ]  # fmt: skip
    code, printed = run(monkeypatch, capsys, *command, *SEVERAL)
    both = json.loads((tables / "out/test.json").read_text())
    shutil.rmtree(tables / "out")
    run(monkeypatch, capsys, *command, "--cost-column", "tokens")
    tokens = json.loads((tables / "out/test.json").read_text())
    steps, second = both["cost_columns"]
    assert code == 0 and (steps["column"], second["column"]) == ("steps", "tokens")
    assert steps["statistic"] == both["statistic"] != second["statistic"] == tokens["statistic"]
    assert second["sentence"] == tokens["sentence"] and "cost_columns" not in tokens
    assert f"tokens: {tokens['sentence']}" in printed.out


def test_a_budget_is_no_cost_of_another_column(tables, monkeypatch, capsys):
    with_tokens(tables)
    table = pd.read_csv(tables / "costs.csv")
    table["tokens"] = table["tokens"].where(table["censored"] == 0)
    table.to_csv(tables / "costs.csv", index=False)
    code, printed = run(monkeypatch, capsys, *board_of(tables, *SEVERAL))
    assert code == 2 and "neither a cost nor a budget" in printed.err
    assert not (tables / "out").exists()
