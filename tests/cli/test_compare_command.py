"""`behaviordist compare` and `behaviordist gate`, from the command line."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

import behaviordist as bd
from behaviordist.cli.app import main
from behaviordist.innerproduct import Fingerprint
from behaviordist.probes import Probe, ProbeSet
from behaviordist.record import read_record
from tests.evals.logs import write_table


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
    one = tmp_path / "one"
    code, _, stderr = run(*line, "--markdown", one, "--junit", tmp_path / "." / "one")
    assert (code, one.exists()) == (2, False) and "name one file" in stderr


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


def test_a_policy_takes_bits_and_the_logs_of_evaluations(model, probes, tmp_path, run):
    file, change = tmp_path / "gate.yaml", {"old": [1] * 400, "new": [1] * 398 + [0] * 2}
    logs = [write_table(tmp_path / f"{n}.csv", {n: s}) for n, s in change.items()]
    items = "- {metric: evals, margin: 0.05}\n- {metric: evals, margin: 0.03, test: disagreement}"
    file.write_text(f"policy: 1\nchecks:\n{items}\n")
    code, stdout, stderr = run("gate", *logs, "--policy", file, "--json", tmp_path / "j")
    assert code == 0, stderr
    assert stdout.splitlines()[0].startswith("evals, non-inferiority: 400 independent items cannot")
    record = read_record(tmp_path / "j")
    assert record.kind == "policy" and record.comparison is None
    assert [one["n"] for one in record.gate["checks"]] == [400, 400]
    worse = write_table(tmp_path / "worse.csv", {"new": [1] * 300 + [0] * 100})
    code, stdout, _ = run("gate", logs[0], worse, "--policy", file)
    assert code == 1 and stdout.splitlines()[-1].startswith("0 of 2 metrics")
    file.write_text(f"policy: 1\nchecks:\n- {{metric: bits, margin: 0.9, bound: 1}}\n{items}\n")
    both = ("gate", model, f"{model}@quant=int8", "--policy", file, "--probes", probes)
    code, stdout, stderr = run(*both, "--evals", *logs, "--json", tmp_path / "j")
    assert code == 0, stderr
    record = read_record(tmp_path / "j")
    assert record.comparison is not None and "bits" in record.comparison.overall
    assert any("400 items" in note for note in record.notes)
    two = write_table(tmp_path / "two.csv", change)
    for arguments, says in (
        (both, "--evals REFERENCE CANDIDATE"),
        ((*both, "--evals", logs[0], two), "'new' beside 'old'"),
        ((*both, "--evals", logs[0], tmp_path / "none.csv"), "no such file"),
    ):
        code, stdout, stderr = run(*arguments)
        assert (code, stdout) == (2, "") and says in stderr and stderr.count("\n") == 1
    file.write_text("policy: 1\nchecks: [{metric: distance, margin: 0.9}]")
    assert "leave --evals out" in run(*both, "--evals", *logs)[2]
    assert "give --policy" in run("gate", model, model, "--margin", 1, "--evals", *logs)[2]


def test_a_stored_fingerprint_is_the_reference_of_a_policy_if_it_is_of_the_same_question(
    model, probes, tmp_path, run
):
    """Made once, held against the candidate's probes, its tokens and the file's own version."""
    file, kept = tmp_path / "gate.yaml", tmp_path / "atlas"
    for name, *how in (("features", "--sketch", "exact"), ("states", "--states", "float32")):
        code, _, stderr = run("fingerprint", model, "--probes", probes, *how, "--out", kept / name)
        assert code == 0, stderr
    features, states = (next((kept / n).rglob("*.safetensors")) for n in ("features", "states"))
    near = f"{model}@quant=int8"
    more = "- {metric: kl, margin: 1, bound: 1.5}\n- {metric: bits, margin: 0.9, bound: 1.2}\n"
    file.write_text(f"policy: 1\nchecks:\n- {{metric: distance, margin: 0.9}}\n{more}")
    common = ("--policy", file, "--json", tmp_path / "j")
    gates = []
    for reference in (model, states):
        code, _, stderr = run("gate", reference, near, *common, "--probes", probes)
        assert code == 0, stderr
        gates.append(json.loads((tmp_path / "j").read_text())["gate"]["checks"])
    for here, there in zip(*gates, strict=True):
        assert there["high"] == pytest.approx(here["high"], rel=1e-3)
    code, _, stderr = run("gate", features, near, *common, "--probes", probes)
    assert code == 2 and "'kl' needs log-probabilities" in stderr
    file.write_text("policy: 1\nchecks: [{metric: answers, margin: 0.9}]")
    code, _, stderr = run("gate", states, near, *common, "--probes", probes)
    assert code == 2 and "gives no answers" in stderr
    file.write_text("policy: 1\nchecks: [{metric: distance, margin: 0.9}]")
    assert run("gate", features, near, *common)[0] == 0, "on the probes that it carries"
    other, old, tokens = (tmp_path / n for n in ("o.jsonl", "old.safetensors", "t.safetensors"))
    ProbeSet.load(probes).subset(9).save(other)
    old.write_bytes(features.read_bytes().replace(b"fingerprint-2", b"fingerprint-1"))
    made = Fingerprint.load(features)
    replace(made, identity=replace(made.identity, vocabulary="another")).save(tokens)
    for reference, options, says in (
        (features, ("--probes", other), "was measured on other probes"),
        (old, (), "another release's format"),
        (tokens, (), "different token ids"),
    ):
        code, stdout, stderr = run("gate", reference, near, *common, *options)
        assert code == 2 and says in stderr and stderr.count("\n") == 1, stderr
        assert stdout == "" or stdout.startswith("distance: 9 independent probes cannot show less")


POLICY = "policy: 1\nchecks:\n- {metric: distance, margin: 0.8}\n"
POLICY += "- {metric: bits, margin: 0.9, bound: 1.5, tag: last}\n"


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["", "gate.yaml"])
@pytest.mark.parametrize(("setting", "expected"), [("quant=int8", 0), ("temperature=0.3", 1)])
def test_the_action_runs_the_gate_and_says_whether_it_passed(
    model, probes, tmp_path, setting, expected, policy
):
    action = yaml.safe_load((Path(__file__).parents[2] / "action.yml").read_text())
    step = next(s for s in action["runs"]["steps"] if s.get("id") == "gate")
    assert not re.search(r"\$\{\{", step["run"])  # inputs come as variables only
    given = {"REFERENCE": model, "CANDIDATE": f"{model}@{setting}", "MARGIN": "0.8"}
    given |= {"METRIC": "distance", "PROBES": probes, "OPTIONS": "--alpha 0.05", "POLICY": policy}
    if policy:
        (tmp_path / policy).write_text(POLICY)
        given |= {"MARGIN": "", "OPTIONS": "--device cpu"}
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


def test_such_a_margin_opens_no_model_where_probes_are_named(tmp_path, probes, run):
    nowhere, policy = tmp_path / "nowhere", tmp_path / "gate.yaml"
    policy.write_text("policy: 1\nchecks: [{metric: distance, margin: 0.05}]\n")
    for asked in (("--margin", 0.05), ("--policy", policy)):
        code, _, stderr = run("gate", nowhere, nowhere, *asked, "--probes", probes)
        assert code == 2 and "10 independent probes cannot show" in stderr


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
