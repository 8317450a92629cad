"""`behaviordist compare` and `behaviordist gate`, from the command line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

import behaviordist as bd
from behaviordist.cli.app import main
from behaviordist.probes import Probe, ProbeSet


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A checkpoint of the lab's model with random weights."""
    from behaviordist.lab import checkpoint
    from behaviordist.lab.grammar import VOCABULARY
    from behaviordist.lab.llama import LlamaConfig, init

    folder = tmp_path_factory.mktemp("models") / "random"
    config = LlamaConfig(vocab_size=len(VOCABULARY))
    checkpoint.save(folder, init(config, 0), config, {"regime": "random"})
    return str(folder)


@pytest.fixture(scope="module")
def probes(tmp_path_factory):
    path = tmp_path_factory.mktemp("probes") / "few.jsonl"
    letters = "abcdefghij"
    made = [
        Probe(f"<script>{i}", f"? {letters[i]} b =", " c b", ("<i>first" if i < 5 else "last",))
        for i in range(10)
    ]
    ProbeSet("few", tuple(made)).save(path)
    return str(path)


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["behaviordist", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return (caught.value.code or 0, *capsys.readouterr())

    return call


def test_compare_writes_a_page_in_which_probes_are_text(model, probes, tmp_path, run):
    warm = f"{model}@temperature=0.5"
    code, stdout, _ = run(
        "compare", model, warm, "--replicate", f"{model}@quant=int8", "--probes", probes,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0
    assert "noise floor" in stdout
    assert re.search(
        r"same first token: 95% limits 0\.\d{4} to [01]\.\d{4}, assuming no shape", stdout
    )
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("<script>") == 1  # ours
    assert "&lt;script&gt;9" in page
    assert "&lt;i&gt;first" in page
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert record["comparison"]["n_positions"] == 20
    assert set(record["comparison"]["by_tag"]) == {"<i>first", "last"}
    assert len(record["comparison"]["differences"]) == 10
    far, floor = (record[k]["overall"]["squared"]["value"] for k in ("comparison", "floor"))
    assert 0 < floor < far
    assert str(tmp_path) not in re.sub(r"<pre>.*?</pre>", "", page)  # the command, as typed
    assert run("report", tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "index.html").read_text() == page, "drawn from the record alone"
    command = record["provenance"]["command"]
    again = bd.write_comparison(
        model, warm, tmp_path / "again", probes, replicate=f"{model}@quant=int8", command=command
    )
    assert again.to_json() == record
    for name in ("comparison.json", "index.html"):
        there, here = (tmp_path / folder / name for folder in ("out", "again"))
        assert there.read_bytes() == here.read_bytes()


def test_the_gate_answers_by_exit_code_lines_and_json(model, probes, tmp_path, run):
    rounded = f"{model}@quant=int8"
    file = tmp_path / "gate.json"
    code, stdout, stderr = run(
        "gate", model, rounded, "--margin", 0.9, "--probes", probes, "--json", file
    )
    assert code == 0
    can, *metrics, verdict = stdout.splitlines()
    assert [x.split()[0] for x in metrics] == ["distance", "kl", "disagreement", "bits"]
    assert verdict.startswith("shown to be within the margin: distance")
    assert can.startswith("10 independent probes cannot show less than 0.7")
    assert json.loads(file.read_text())["gate"]["equivalent"] is True
    far = f"{model}@temperature=0.3"
    code, stdout, stderr = run(
        "gate", model, far, "--margin", 0.8, "--probes", probes, "--json", "-"
    )
    assert code == 1
    assert json.loads(stdout)["gate"]["verdict"] == "open"
    assert stderr.splitlines()[-1].startswith("not shown to be within the margin")


def test_the_gate_writes_for_pull_requests_and_for_lists_of_tests(model, probes, tmp_path, run):
    line = ("gate", model, f"{model}@quant=int8", "--margin", 0.9, "--probes", probes)
    code, stdout, stderr = run(*line, "--markdown", "-", "--junit", tmp_path / "gate.xml")
    assert code == 0 and stdout.startswith("### Behavior gate passed\n")
    assert stderr.splitlines()[-1].startswith("shown to be within")
    suite = ElementTree.parse(tmp_path / "gate.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    for bad in (("--json", "-", "--markdown", "-"), ("--junit", "-"), ("--junit", tmp_path)):
        assert run(*line, *bad)[:2] == (2, "")


def test_a_policy_is_calibrated_on_a_replicate_and_holds_what_differs_no_more(
    model, probes, tmp_path, run
):
    file = tmp_path / "gate.yaml"
    file.write_text(
        "policy: 1\nchecks:\n- {metric: distance, margin: 0.1}\n"
        "- {metric: agreement, margin: 0.9, tag: last}\n"
    )
    common = ("--policy", file, "--probes", probes)
    code, stdout, _ = run("gate", model, f"{model}@dtype=bfloat16", *common, "--calibrate", 1.1)
    assert code == 0 and stdout.splitlines()[-1] == f"written: {file}"
    code, stdout, _ = run("gate", model, f"{model}@quant=int8", *common, "--json", tmp_path / "j")
    *_, verdict = stdout.splitlines()
    assert (code, verdict) == (0, "2 of 2 metrics shown to be within their margins (Holm)")
    names = [one["name"] for one in json.loads((tmp_path / "j").read_text())["gate"]["checks"]]
    assert names == ["distance", "agreement on last"]
    code, stdout, _ = run("gate", model, f"{model}@temperature=0.1", *common)
    assert code == 1 and "1 of 2" in stdout.splitlines()[-1]
    for bad in (
        (), ("--margin", 1, *common), ("--margin", 1, "--calibrate", 2), (*common, "--alpha", 0.01),
        (*common, "--calibrate", 2, "--json", "-"),
    ):  # fmt: skip
        assert run("gate", model, model, *bad)[:2] == (2, "")


@pytest.mark.parametrize(("setting", "expected"), [("quant=int8", 0), ("temperature=0.3", 1)])
def test_the_action_runs_the_gate_and_says_whether_it_passed(
    model, probes, tmp_path, setting, expected
):
    action = yaml.safe_load((Path(__file__).parents[2] / "action.yml").read_text())
    step = next(s for s in action["runs"]["steps"] if s.get("id") == "gate")
    assert not re.search(r"\$\{\{", step["run"])  # inputs come as variables only
    given = {"REFERENCE": model, "CANDIDATE": f"{model}@{setting}", "MARGIN": "0.8"}
    given |= {"METRIC": "distance", "PROBES": probes, "OPTIONS": "--alpha 0.05"}
    assert set(given) == set(step["env"])
    output, summary = tmp_path / "output", tmp_path / "summary"
    here = Path(sys.executable).parent
    package = Path(bd.__file__).parents[1]
    environment = {
        **os.environ, **given, "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary),
        "PATH": f"{here}:{os.environ['PATH']}", "PYTHONPATH": str(package),
    }  # fmt: skip
    command = ["bash", "-e", "-o", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == expected, done.stderr
    assert output.read_text() == f"passed={str(not expected).lower()}\n"
    written = ("behavior-gate.json", "behavior-gate.md", "behavior-gate.xml")
    assert all((tmp_path / name).stat().st_size for name in written)
    assert summary.read_text() == (tmp_path / "behavior-gate.md").read_text()


def test_the_example_uses_what_the_action_takes():
    root = Path(__file__).parents[2]
    action = yaml.safe_load((root / "action.yml").read_text())
    example = yaml.safe_load((root / "docs/examples/behavior-gate.yml").read_text())
    used = next(s["with"] for s in example["jobs"]["gate"]["steps"] if "behaviordist" in s["uses"])
    needed = {name for name, about in action["inputs"].items() if about.get("required")}
    assert needed <= set(used) <= set(action["inputs"])


def test_a_margin_that_the_probes_cannot_show_is_refused_before_a_model_runs(model, probes, run):
    code, stdout, stderr = run(
        "gate", model, f"{model}@quant=int8", "--margin", 0.05, "--probes", probes
    )
    assert code == 2 and stdout == ""
    assert stderr.count("\n") == 1 and "10 independent probes cannot show less than 0.7" in stderr
    assert "show 0.05" in stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--margin", "-1"),
        ("--margin", "1", "--metric", "kll"),
        ("--margin", "1", "--metric", "kl"),
        ("--margin", "1.5"),
        ("--margin", "1", "--probes", "x.jsonl"),
        (),
    ],
)
def test_bad_gates_exit_with_two(model, run, arguments):
    code, stdout, _ = run("gate", model, f"{model}@temperature=2", *arguments)
    assert code == 2
    assert stdout == ""
