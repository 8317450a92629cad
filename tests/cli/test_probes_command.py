"""`behaviordist probes`."""

import sys

import pytest

from behaviordist.cli.app import main
from behaviordist.probes import ProbeSet, shipped_sets


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["behaviordist", "probes", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return (caught.value.code or 0, *capsys.readouterr())

    return call


def test_list_names_every_shipped_set_with_its_purpose(run):
    code, stdout, _ = run("list")
    assert code == 0
    lines = {line.split()[0]: line for line in stdout.splitlines()}
    assert lines.keys() == shipped_sets().keys()
    assert f"{len(ProbeSet.load('general'))} probes" in lines["general"]
    assert "Prose in many registers" in lines["general"]


def test_show_gives_the_set_or_one_probe(run):
    code, stdout, _ = run("show", "lab", "--first", "1")
    assert code == 0
    assert ProbeSet.load("lab").digest in stdout
    one = ProbeSet.load("general").probes[5]
    _, stdout, _ = run("show", "general", "--probe", one.id)
    assert f"{one.prompt}[{one.continuation}]" in stdout
    code, _, stderr = run("show", "general", "--probe", "genral-006")
    assert code == 2
    assert "did you mean 'general-006'" in stderr
    assert stderr.count("\n") == 1


def test_new_writes_what_validate_accepts(run, tmp_path):
    (tmp_path / "mine.txt").write_text("one two three four\n\none two three four\n")
    out = tmp_path / "mine.jsonl"
    assert run("new", tmp_path / "mine.txt", "--out", out)[0] == 0
    code, stdout, _ = run("validate", out)
    assert code == 0
    assert "mine: 2 probes" in stdout
    assert "1 probes repeat the text" in stdout


def test_bad_sets_exit_with_two_and_write_nothing(run, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"id": "a"}\n')
    code, stdout, stderr = run("validate", bad)
    assert (code, stdout) == (2, "")
    assert "bad.jsonl:1: key 'prompt' is missing" in stderr
    assert run("new", bad, "--out", tmp_path / "out.jsonl")[0] == 2
    assert not (tmp_path / "out.jsonl").exists()
    assert run("new", bad, "--out", tmp_path / "out.txt")[0] == 2
