"""`behaviordist atlas`: from files alone, in one line where it cannot be."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import behaviordist as bd
from behaviordist.cli.app import main
from tests.distance.worlds import behavior, probe_set


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["behaviordist", "atlas", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return (caught.value.code or 0, *capsys.readouterr())

    return call


@pytest.fixture
def atlas(tmp_path):
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=(5, 40, 7)), axis=0)
    models = [behavior(f"base@step{k}", walk[k], 2) for k in range(5)]
    bd.fingerprint(models, tmp_path / "atlas", probe_set(20))
    return tmp_path / "atlas"


def test_what_an_atlas_says(atlas, tmp_path, run):
    code, out, _ = run("ls", atlas)
    assert code == 0 and out.count("base@step") == 5 and "exact" in out
    code, out, _ = run("nearest", atlas, "base@step0", "-k", "2")
    assert code == 0 and "base@step1" in out and "may tie" in out
    code, out, _ = run("drift", atlas, "--series", "base@step*")
    assert code == 0 and out.index("step1") < out.index("step4")
    code, out, errors = run("tree", atlas, "--replicates", "5")
    assert code == 0 and out.strip().endswith(";") and "of 5 draws" in errors
    code, out, _ = run("tree", atlas, "--replicates", "5", "-o", tmp_path / "t.nwk")
    assert code == 0 and (tmp_path / "t.nwk").read_text().endswith(";\n")
    code, out, _ = run("map", atlas, "-o", tmp_path / "map")
    table = pd.read_csv(tmp_path / "map" / "coordinates.csv", index_col="label")
    assert code == 0 and table.shape == (5, 2) and (tmp_path / "map" / "map.png").stat().st_size


def test_what_cannot_be_answered_is_one_line(atlas, tmp_path, run):
    for arguments, words in (
        (("nearest", atlas, "nobody"), "no behavior 'nobody'"),
        (("ls", tmp_path / "nowhere"), "no atlas at"),
        (("map", tmp_path, "-o", tmp_path / "o"), "holds no fingerprints"),
        (("tree", atlas, "--kind", "euclidean"), "no kind 'euclidean'"),
        (("drift", atlas, "--series", "x*"), "a series takes two or more"),
    ):
        code, _, errors = run(*arguments)
        assert code == 2 and words in errors and errors.count("error:") == 1
    bd.fingerprint([behavior("e", np.zeros((40, 7)), 2)], atlas, geometry="euclidean")
    code, _, errors = run("nearest", atlas, "e")
    assert code == 2 and "several kinds" in errors
    assert run("nearest", atlas, "e", "--kind", "euclidean")[0] == 0
    assert not (tmp_path / "o").exists()
