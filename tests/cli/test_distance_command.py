"""`behaviordist distance`, from the command line to the files."""

import json
import shlex
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from behaviordist.cli.app import main
from behaviordist.probes import Probe, ProbeSet
from tests.behaviors.conftest import write_llama


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two checkpoints of the lab's model with random weights."""
    from behaviordist.lab import checkpoint
    from behaviordist.lab.grammar import VOCABULARY
    from behaviordist.lab.llama import LlamaConfig, init

    root = tmp_path_factory.mktemp("models")
    config = LlamaConfig(vocab_size=len(VOCABULARY))
    for seed, name in enumerate(("first", "second")):
        checkpoint.save(root / name, init(config, seed), config, {"regime": "random"})
    return str(root / "first"), str(root / "second")


@pytest.fixture
def probes(tmp_path):
    path = tmp_path / "few.jsonl"
    letters = "abcdefghij"
    made = [Probe(f"p{i}", f"? {letters[i]} b c =", " c b <eos>") for i in range(10)]
    ProbeSet("few", tuple(made)).save(path)
    return str(path)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command; return (exit code, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["behaviordist", "distance", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return (caught.value.code or 0, *capsys.readouterr())

    return call


def table(folder, name):
    return pd.read_csv(folder / name, index_col=0)


def test_it_writes_what_the_contract_says(models, probes, tmp_path, run):
    out = tmp_path / "out"
    first, second = models
    code, stdout, _ = run(
        first, second, f"{first}@temperature=0.5", "--probes", probes, "--out", out
    )
    assert code == 0
    assert f"Report: {out / 'index.html'}" in stdout
    labels = ["first", "second", "first@temperature=0.5"]
    for name in ("distances.csv", "standard_errors.csv", "indistinguishable.csv"):
        frame = table(out, name)
        assert list(frame.index) == list(frame.columns) == labels
    for name in ("heatmap.png", "index.html", "distances.npz"):
        assert (out / name).stat().st_size > 0
    record = json.loads((out / "run.json").read_text())
    assert record["kind"] == "distance"
    assert record["geometry"] == "hellinger"
    assert record["probes"]["name"] == "few"
    assert [b["label"] for b in record["behaviors"]] == labels
    assert record["behaviors"][2]["settings"] == "temperature=0.5"
    page = (out / "index.html").read_text()
    assert "Probes that make up the largest distances" in page
    assert "first and second" in page
    # The command is true, paths as typed; nothing else says where the machine keeps its files.
    typed = ["behaviordist", "distance", first, second, f"{first}@temperature=0.5"]
    typed += ["--probes", probes, "--out", str(out)]
    assert record["provenance"].pop("command") == shlex.join(typed)
    assert str(tmp_path) not in json.dumps(record)


def test_the_look_is_chosen_kept_and_no_other_question(models, probes, tmp_path, run):
    labels, groups = tmp_path / "labels.csv", tmp_path / "groups.csv"
    labels.write_text("label,name\nfirst,The <first>\n")
    groups.write_text("label,base\nfirst,A\nsecond,B\n")
    out = tmp_path / "out"
    call = (*models, "--probes", probes, "--out", out)
    assert run(*call)[0] == 0
    look = ("--palette", "red", "--labels", labels, "--groups", groups, "--format", "slide")
    assert run(*call, *look)[0] == 0
    page = (out / "index.html").read_text()
    assert "The &lt;first&gt;" in page
    assert table(out, "distances.csv").index[0] == "first"  # the tables keep their labels
    with Image.open(out / "slide.png") as slide:
        assert slide.size == (1920, 1080)
    kept = json.loads((out / "look.json").read_text())
    assert kept["groups"] == {"base": {"first": "A", "second": "B"}}
    groups.write_text("label,base\nfrst,A\n")
    code, _, said = run(*call, "--groups", groups)
    assert (code, said.count("\n")) == (2, 1)
    assert "did you mean 'first'" in said


@pytest.mark.slow
@pytest.mark.parametrize("geometry", ["hellinger", "kl"])
def test_the_library_writes_the_folder_that_the_command_writes(
    models, probes, tmp_path, run, geometry, monkeypatch
):
    import behaviordist as bd
    from behaviordist.measurements import distance

    monkeypatch.setattr(distance.time, "perf_counter", lambda: 0.0)  # no two runs take the same
    run(*models, "--probes", probes, "--geometry", geometry, "--out", tmp_path / "command")
    typed = json.loads((tmp_path / "command" / "run.json").read_text())["provenance"]["command"]
    matrix = bd.write_distances(models, tmp_path / "function", probes, geometry, command=typed)
    there, here = (
        {
            str(p.relative_to(folder)): p.read_bytes()
            for p in folder.rglob("*")
            if p.is_file() and p.name[0] != "."
        }  # its lock
        for folder in (tmp_path / "command", tmp_path / "function")
    )
    assert "index.html" in there and "heatmap.png" in there
    assert there.keys() == here.keys()
    assert [name for name in there if there[name] != here[name]] == []
    kept = type(matrix).load(tmp_path / "function")
    assert kept.to_pandas().equals(matrix.to_pandas())


def test_the_numbers_are_the_hellinger_distances(models, probes, tmp_path, run):
    from behaviordist.behaviors import load

    run(*models, "--probes", probes, "--out", tmp_path / "out")
    mine = table(tmp_path / "out", "distances.csv").to_numpy()
    p, q = (
        {
            int(i): np.exp(b.log_p[b.probe == i])
            for b in load(m).log_probs(ProbeSet.load(probes))
            for i in set(b.probe.tolist())
        }
        for m in models
    )
    squared = [((np.sqrt(p[i]) - np.sqrt(q[i])) ** 2).sum(axis=1).mean() for i in p]
    assert mine[0, 1] == pytest.approx(np.sqrt(np.mean(squared)), rel=1e-4)


def test_run_again_it_computes_nothing_and_changes_no_number(
    models, probes, tmp_path, run, monkeypatch
):
    from behaviordist.behaviors.lab_models.backend import LabBehavior

    out = tmp_path / "out"
    run(*models, "--probes", probes, "--out", out)
    before = (out / "distances.csv").read_bytes()
    monkeypatch.setattr(LabBehavior, "forward", lambda *_: pytest.fail("it ran the model again"))
    assert run(*models, "--probes", probes, "--out", out)[0] == 0
    assert (out / "distances.csv").read_bytes() == before


@pytest.mark.slow
def test_a_cache_is_told_to_make_no_difference(tmp_path, run):
    write_llama(tmp_path / "tiny")
    made = [Probe(f"p{i}", f"Once upon {i}", " a time") for i in range(6)]
    ProbeSet("few", tuple(made)).save(tmp_path / "few.jsonl")
    model, out = tmp_path / "tiny", tmp_path / "out"
    specs = (model, f"{model}@kv_cache=on", f"{model}@temperature=0.9")
    run(*specs, "--probes", tmp_path / "few.jsonl", "--out", out)
    assert 0 < table(out, "distances.csv").iloc[0, 1] < 1e-3
    flags = table(out, "indistinguishable.csv")
    assert flags.iloc[0, 1] == 1
    assert flags.iloc[0, 2] == 0


def test_the_lab_gets_its_own_probes_and_a_limit_is_obeyed(models, tmp_path, run):
    assert run(*models, "--probes-limit", 7, "--out", tmp_path / "out")[0] == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["probes"]["name"] == "lab[7, seed 0]"
    assert record["probes"]["n"] == 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("FIRST",), "a distance is between two"),
        (("FIRST", "absent/model/here"), "no model at"),
        (("FIRST", "FIRST"), "is named twice"),
        (("FIRST", "SECOND", "--geometry", "helinger"), "did you mean 'hellinger'"),
        (("FIRST", "SECOND@temprature=2"), "did you mean 'temperature'"),
        (("FIRST", "SECOND@top_k=3", "--geometry", "aitchison"), "use "),
        (("FIRST", "SECOND", "--probes", "labb"), "did you mean 'lab'"),
        (("FIRST", "SECOND", "--probes-limit", "0"), "cannot draw 0"),
        (("FIRST", "SECOND", "--probes", "general"), "no token of the lab's language"),
        (("FIRST", "SECOND", "--sketch", "large"), "--sketch is auto, exact or"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(models, tmp_path, run, arguments, words):
    first, second = models
    named = [a.replace("FIRST", first).replace("SECOND", second) for a in arguments]
    code, stdout, stderr = run(*named, "--out", tmp_path / "out")
    assert code == 2
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    assert words in stderr
    assert stdout == ""
    assert not (tmp_path / "out").exists()


def test_models_with_other_vocabularies_are_refused(models, tmp_path, run):
    write_llama(tmp_path / "bytes")
    code, _, stderr = run(models[0], tmp_path / "bytes", "--out", tmp_path / "out")
    assert code == 2
    assert "compare models that share a tokenizer" in stderr
    assert not (tmp_path / "out").exists()
