"""`behaviordist evals` as a user runs it."""

import json

import pandas as pd
import pytest

from behaviordist.distance import DistanceMatrix
from behaviordist.record import read_record
from tests.evals.logs import write_harness, write_table
from tests.fuzz.command_line import run

SCORES = {
    "base": [1, 1, 0, 1] * 50,
    "int8": [1, 1, 0, 1] * 49 + [0, 1, 1, 1],
    "other": [0, 1, 1, 0] * 50,
}


@pytest.fixture
def logs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "t.csv", SCORES)
    return tmp_path


def test_distance_writes_a_page_that_says_who_scores_higher(logs):
    ended = run("evals", "distance", "t.csv", "--margin", "0.1", "--out", "o")
    assert ended.code == 0, ended.errors
    assert "= 0.010 ±0.007" in ended.out and "200 items, 200 scored for every model" in ended.out
    matrix = DistanceMatrix.load(logs / "o")
    assert matrix.labels == tuple(SCORES) and matrix.distances[0, 1] == pytest.approx(2 / 200)
    table = pd.read_csv(logs / "o" / "scores.csv", index_col=0)
    assert table.score.to_dict() == pytest.approx({"base": 0.75, "int8": 0.75, "other": 0.5})
    changes = pd.read_csv(logs / "o" / "changes.csv", index_col=0)
    assert changes.loc["base", "other"] == pytest.approx(-0.25)
    record = read_record(logs / "o")
    assert any("not which is better" in note for note in record.notes)
    page = (logs / "o" / "index.html").read_text()
    assert "other: mean score 0.5" in page and (logs / "o" / "heatmap.png").stat().st_size > 5_000
    other = run("evals", "distance", "t.csv", "--out", "o")
    assert other.code == 2 and "another question" in other.errors


def test_compare_tells_gains_from_losses(logs):
    ended = run("evals", "compare", "t.csv", "--reference", "base", "--candidate", "other")
    assert ended.code == 0
    assert "gains 0.25 (50 items), losses 0.5 (100 items), of 200" in ended.out
    assert "other scores lower" in ended.out
    ended = run("evals", "compare", "t.csv", "--reference", "base", "--candidate", "int8",
                "--json", "-")  # fmt: skip
    said = json.loads(ended.out)
    assert said["overall"]["improved"] == said["overall"]["worsened"] == 1


@pytest.mark.parametrize(
    ("candidate", "margin", "code", "said"),
    [
        ("int8", "0.05", 0, "shown to be within the margin: non-inferiority"),
        ("other", "0.3", 1, "not shown to be within"),
        ("other", "0.05", 1, "shown to be beyond"),
        ("int8", "0.01", 2, "200 independent items cannot show less than"),
        ("int9", "0.1", 2, "did you mean 'int8'"),
    ],
)
def test_gate_has_three_verdicts_and_says_first_what_it_can_show(
    logs, candidate, margin, code, said
):
    ended = run("evals", "gate", "t.csv", "--reference", "base", "--candidate", candidate,
                "--margin", margin)  # fmt: skip
    assert ended.code == code
    assert said in (ended.errors if code == 2 else ended.out.splitlines()[-1])
    if code < 2:
        assert ended.out.startswith("200 independent units cannot show a margin below 0.016")


def test_gate_of_logs_of_the_harness(logs):
    for model in ("org/base", "org/int8"):
        write_harness(logs / "r", model, "quiz", SCORES[model[4:]])
    ended = run("evals", "gate", "r", "--reference", "org/base", "--candidate", "org/int8",
                "--margin", "0.05", "--test", "disagreement", "--json", "g.json")  # fmt: skip
    assert ended.code == 0
    assert json.loads((logs / "g.json").read_text())["gate"]["n"] == 200


def test_power_says_what_items_can_show():
    ended = run("evals", "power", "400", "--margin", "0.02", "--test", "disagreement")
    assert ended.code == 0
    assert "400 items show a margin of 0.00746 at best" in ended.out  # 1 - 0.05 ** (1 / 400)
    assert "takes 149 items" in ended.out
    assert run("evals", "power", "400", "--margin", "2").code == 2
    assert run("evals", "power", "99999999999").code == 2


def test_one_model_and_odd_ranges_are_refused(logs):
    write_table(logs / "one.csv", {"a": [1, 0]})
    assert "the logs hold one model" in run("evals", "distance", "one.csv", "--out", "o").errors
    said = run("evals", "distance", "t.csv", "--range", "1,x", "--out", "o")
    assert said.code == 2 and "--range is two numbers" in said.errors
    assert not (logs / "o").exists()
