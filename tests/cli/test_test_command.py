"""`behaviordist test` as a user runs it: files in, test.json out, one line for every mistake."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from behaviordist.cli import app as command_line
from behaviordist.hypothesis import transfer_test
from behaviordist.store.tables import write_square

LABELS = [f"m{i}" for i in range(8)]


@pytest.fixture
def tables(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(8, 2))
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    cost = 20 + 10 * distance + rng.normal(size=(8, 8))
    distances, costs = (pd.DataFrame(m, LABELS, LABELS) for m in (distance, cost))
    write_square(tmp_path / "D.csv", distances)
    write_square(tmp_path / "C.csv", costs.loc[LABELS[::-1], LABELS[::-1]])
    write_square(tmp_path / "B.csv", -costs)
    return tmp_path, distances, costs


def run(monkeypatch, capsys, folder, *extra, distances="D.csv", costs="C.csv"):
    """Run the command through `main`, as the console script does; return exit code and output."""
    arguments = ["test", "--distances", folder / distances, "--costs", folder / costs]
    arguments += ["--out", folder / "out", "--permutations", "99", *extra]
    monkeypatch.setattr(sys, "argv", ["behaviordist", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_code:
        command_line.main()
    printed = capsys.readouterr()
    return exit_code.value.code or 0, printed.out, printed.err


def test_it_writes_what_the_library_computes(monkeypatch, capsys, tables):
    folder, distances, costs = tables
    code, out, _ = run(monkeypatch, capsys, folder, "--baseline", f"other={folder / 'B.csv'}")
    assert code == 0
    record = json.loads((folder / "out/test.json").read_text())
    expected = transfer_test(distances, costs, permutations=99, baselines={"other": -costs})
    assert record["statistic"]["value"] == pytest.approx(expected.value)
    assert record["statistic"]["p_value"] == expected.p_value
    assert [b["name"] for b in record["baselines"]] == ["other", "source quality", "random"]
    assert expected.sentence() in out and "source quality" in out


def test_the_result_as_data(monkeypatch, capsys, tables):
    """On stdout stands the JSON alone, so that it can be piped; people read stderr."""
    folder, _, _ = tables
    code, out, err = run(monkeypatch, capsys, folder, "--json", "-")
    assert code == 0 and "closer is cheaper" in err
    written = json.loads((folder / "out/test.json").read_text())
    assert json.loads(out) == written
    # The same question: a finished answer is given once more, elsewhere.
    code, out, err = run(monkeypatch, capsys, folder, "--json", folder / "new" / "mine.json")
    assert code == 0 and "closer is cheaper" in out and err == ""
    assert json.loads((folder / "new" / "mine.json").read_text()) == written
    code, _, err = run(monkeypatch, capsys, folder, "--json", folder)
    assert code == 2 and "is a folder; give a file" in err and err.count("\n") == 1


def test_gains_and_two_way(monkeypatch, capsys, tables):
    folder, distances, costs = tables
    code, _, _ = run(
        monkeypatch, capsys, folder, "--gains", "--statistic", "two-way", costs="B.csv"
    )
    record = json.loads((folder / "out/test.json").read_text())
    expected = transfer_test(distances, costs, permutations=99, statistic="two-way")
    assert code == 0
    assert record["statistic"]["value"] == pytest.approx(expected.value)


def test_models_are_asked_too(monkeypatch, capsys, tables):
    folder, _, _ = tables
    code, out, _ = run(monkeypatch, capsys, folder, "--models")
    names = [m["name"] for m in json.loads((folder / "out/models.json").read_text())["models"]]
    assert code == 0 and "crossed random effects" in out
    assert names == [
        "partial correlation beyond source quality",
        "crossed random effects",
        "symmetric parts",
    ]


def test_not_supported_is_an_answer_not_a_failure(monkeypatch, capsys, tables):
    folder, distances, costs = tables
    write_square(folder / "C.csv", -costs)
    code, out, _ = run(monkeypatch, capsys, folder)
    assert code == 0 and "not supported" in out


BAD = {
    "absent file": (None, "no such file"),
    "other labels": (lambda f: f.rename(index={"m1": "z"}, columns={"m1": "z"}), "only in"),
    "not square": (lambda f: f.iloc[:5], "not square"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_distances_exit_2_and_write_nothing(monkeypatch, capsys, tables, case):
    folder, distances, _ = tables
    change, message = BAD[case]
    (folder / "D.csv").unlink()
    if change:
        change(distances).to_csv(folder / "D.csv")
    code, _, err = run(monkeypatch, capsys, folder)
    assert code == 2 and message in err and err.startswith("error: ")
    assert err.count("\n") == 1 and not (folder / "out").exists()


def test_scores_and_measured_self_distances_are_taken_with_a_note(monkeypatch, capsys, tables):
    folder, distances, _ = tables
    write_square(folder / "D.csv", distances - 3 + 4 * np.eye(8))
    code, out, _ = run(monkeypatch, capsys, folder)
    assert code == 0 and "only their order is used" in out
    assert "what 'm0' and 7 more measured against itself is ignored" in out


def test_a_rectangular_table_needs_no_flag(monkeypatch, capsys, tables):
    folder, _, costs = tables
    write_square(folder / "C.csv", costs[["m5", "m6", "m7"]])
    code, out, _ = run(monkeypatch, capsys, folder)
    assert code == 0 and "8 sources, 3 targets, 3 label(s) that are both" in out


def test_units_and_predictors(monkeypatch, capsys, tables):
    folder, distances, costs = tables
    lines = ["label,unit", *(f"m{i},u{i // 2}" for i in range(8)), "other,u0"]
    (folder / "U.csv").write_text("\n".join(lines))
    extra = ("--units", folder / "U.csv", "--predictor", f"score={folder / 'B.csv'}")
    code, out, _ = run(monkeypatch, capsys, folder, *extra)
    record = json.loads((folder / "out/test.json").read_text())
    units = {f"m{i}": f"u{i // 2}" for i in range(8)}
    expected = transfer_test(distances, costs, permutations=99, units=units)
    assert code == 0 and "8 behaviors in 4 units" in out
    assert record["n_units"] == 4 and record["statistic"]["permutations"] == 24
    assert record["statistic"]["p_value"] == expected.p_value
    assert [p["name"] for p in record["predictors"]] == ["score"]
    assert "same unit" in [b["name"] for b in record["baselines"]]
    (folder / "U.csv").write_text("\n".join(lines[:-2]))
    code, _, err = run(monkeypatch, capsys, folder, *extra)
    assert code == 2 and "no unit for m7" in err
    (folder / "U.csv").write_text("\n".join([*lines, "m1,u3"]))
    code, _, err = run(monkeypatch, capsys, folder, *extra)
    assert code == 2 and "'m1' is there twice" in err


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--statistic", "within"], "did you mean 'within-target'"),
        (["--baseline", "B.csv"], "NAME=FILE.csv"),
        (["--baseline", "w=absent.csv"], "no such file"),
        (["--permutations", "0"], "at least 1"),
    ],
)
def test_bad_options_exit_2(monkeypatch, capsys, tables, extra, message):
    code, _, err = run(monkeypatch, capsys, tables[0], *extra)
    assert code == 2 and message in err and not (tables[0] / "out").exists()


def test_all_columns_censored_and_too_few_behaviors(monkeypatch, capsys, tables):
    folder, distances, costs = tables
    costs.map(lambda _: ">80").to_csv(folder / "C.csv")
    code, _, err = run(monkeypatch, capsys, folder)
    assert code == 2 and "every run was censored" in err
    write_square(folder / "D.csv", distances.iloc[:3, :3])
    write_square(folder / "C.csv", costs.iloc[:3, :3])
    code, _, err = run(monkeypatch, capsys, folder)
    assert code == 2 and "at least 4" in err


def test_no_model_library_is_loaded(tables):
    folder, _, _ = tables
    program = (
        "import sys\n"
        "from behaviordist.cli.app import main\n"
        f"sys.argv = ['behaviordist', 'test', '--distances', {str(folder / 'D.csv')!r},"
        f" '--costs', {str(folder / 'C.csv')!r}, '--out', {str(folder / 'o')!r},"
        " '--permutations', '9']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'jax', 'transformers', 'matplotlib', 'seaborn', 'skbio'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip().splitlines()[-1] == "[]", done.stderr
    assert (folder / "o/test.json").exists()


def test_help_names_the_options():
    text = CliRunner().invoke(command_line.app, ["test", "--help"]).output
    assert "closer behaviors are cheaper" in text
