"""The guide's package, installed into a folder: every plug-in by both of its names, in commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import behaviordist as bd
from behaviordist.errors import InputError
from behaviordist.regimes.files import load_regime
from behaviordist.regimes.sections import Verifier
from behaviordist.regimes.verifiers import plugged_reward, verify
from behaviordist.store.plugins import find_plugin, plugged
from tests.behaviors.conftest import write_llama

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the package of docs/guides/plugins.md was installed into."""
    text = (ROOT / "docs" / "guides" / "plugins.md").read_text()
    package, target = (tmp_path_factory.mktemp(name) for name in ("package", "target"))
    for kind, name in (("python", "my_behaviors.py"), ("toml", "pyproject.toml")):
        (package / name).write_text(re.search(rf"```{kind}\n(.*?)```", text, re.S)[1])
    pip = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([sys.executable, "-m", *pip, "--target", target, package], check=True)
    return target


@pytest.fixture
def there(installed, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))
    for name in ("my_behaviors", "mine"):
        sys.modules.pop(name, None)
    plugged_reward.cache_clear()


def run(folder, target, line):
    path = os.pathsep.join([str(target), str(ROOT), *sys.path])
    return subprocess.run(
        [sys.executable, "-m", "behaviordist", *line.split()], cwd=folder, text=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


def test_names_come_from_entry_points(there):
    assert plugged("geometries") == ["greedy"]
    assert plugged("rewards") == ["brief"] and plugged("kernels") == ["same-words"]


@pytest.mark.slow
def test_a_geometry_of_mine_in_the_command_distance(installed, tmp_path):
    for i, name in enumerate(("one", "two")):
        write_llama(tmp_path / name, i)
    probes = bd.ProbeSet("p", tuple(bd.Probe(f"p{i}", f"Say {i}", " a b") for i in range(6)))
    probes.save(tmp_path / "p.jsonl")
    squared = {}
    for name in ("greedy", "my_behaviors:GREEDY"):
        done = run(tmp_path, installed, f"distance one two --probes p.jsonl --geometry {name} "
                   f"--sketch exact --out {name.partition(':')[0]}")  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = pd.read_csv(tmp_path / name.partition(":")[0] / "distances.csv", index_col=0)
        squared[name] = found.loc["one", "two"] ** 2
    agreed = bd.write_comparison(
        str(tmp_path / "one"), str(tmp_path / "two"), probes=str(tmp_path / "p.jsonl"),
        out=tmp_path / "compared",
    )  # fmt: skip
    del agreed
    record = json.loads((tmp_path / "compared" / "comparison.json").read_text())
    share = record["comparison"]["overall"]["agreement"]["value"]
    assert squared["greedy"] == squared["my_behaviors:GREEDY"] == pytest.approx(2 * (1 - share))


def test_a_geometry_of_mine_in_python(there):
    probes = bd.ProbeSet("two", tuple(bd.Probe(f"p{i}", "x", "y") for i in range(4)))
    from behaviordist.behaviors import ArrayBehavior

    rows = np.log([[0.6, 0.4]] * 4), np.log([[0.6, 0.4]] * 3 + [[0.3, 0.7]])
    both = [ArrayBehavior(n, [0, 1, 2, 3], r) for n, r in zip("ab", rows, strict=True)]
    for name in ("greedy", "my_behaviors:GREEDY"):
        found = bd.distances(both, probes, geometry=name)
        assert found.squared[0, 1] == pytest.approx(2 * 1 / 4)
        assert found.metadata["geometry"] == name


def test_a_file_imports_nothing(there, tmp_path, monkeypatch):
    from behaviordist.innerproduct import geometries, recorded_geometry

    monkeypatch.setattr(geometries, "_asked", {})
    (tmp_path / "harm.py").write_text("import pathlib\npathlib.Path(__file__).unlink()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="not run for a file's sake"):
        recorded_geometry("harm:GREEDY")
    assert (tmp_path / "harm.py").exists()
    assert recorded_geometry("greedy").name == "greedy", "what is installed is there for files"


def test_a_kernel_of_mine(there):
    from behaviordist.distance import sample_distances

    answers = {"a": [["x y", "x y"]] * 3, "b": [["y x", "y x"]] * 3, "c": [["z", "z"]] * 3}
    for kernel in ("same-words", "my_behaviors:same_words"):
        found = sample_distances(answers, kernel=kernel)
        assert found.squared == pytest.approx(np.array([[0, 0, 2], [0, 0, 2], [2, 2, 0]]))
        assert found.metadata["kernel"] == kernel and np.isnan(found.limits).all()


def test_a_reward_of_mine(there, tmp_path):
    for kind in ("brief", "my_behaviors:brief"):
        verifier, row = Verifier(kind=kind), {"answer": "4"}
        said = [verify(verifier, text, row) for text in ("4", "it is 4 !", "5")]
        assert said == [1.0, 0.25, 0.0]
        assert verify(verifier, "4", {}) == 0.0, "what raises earns nothing"
    (tmp_path / "mine.py").write_text(
        "def much(answer, row):\n    return 2\nWORD = 'no function'\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(InputError, match="gave 2: a number from 0 to 1"):
            verify(Verifier(kind="mine:much"), "4", {})
        with pytest.raises(InputError, match="a function of an answer"):
            verify(Verifier(kind="mine:WORD"), "4", {})
    finally:
        sys.path.remove(str(tmp_path))


REGIME = """algorithm: rlvr
task: brief
budget: 4
batch_size: 16
learning_rate: 0.001
convergence: {at_least: 0.9, every: 4}
data: {train: rows.jsonl, held_out: rows.jsonl, max_new_tokens: 3}
verifier: {kind: "%s"}
"""


@pytest.mark.slow
def test_a_reward_of_mine_trains(installed, tmp_path):
    pytest.importorskip("trl")
    from tests.engines.trl_worlds import answers, tiny_model, write_rows

    tiny_model(tmp_path / "base")
    rows = [{"prompt": row["prompt"], "answer": "a"} for row in answers()]
    write_rows(tmp_path / "rows.jsonl", rows)
    for name, kind in (("short", "brief"), ("place", "my_behaviors:brief")):
        (tmp_path / f"{name}.yaml").write_text(REGIME % kind)
        done = run(tmp_path, installed, f"train {name}.yaml --from base --out {name}")
        assert done.returncode == 0, done.stderr
    records = [
        json.loads((tmp_path / n / "provenance.json").read_text()) for n in ("short", "place")
    ]
    scores = [record["evidence"]["scores"] for record in records]
    assert scores[0] == scores[1] and records[1]["regime"]["verifier"]["kind"].startswith("my_")


def test_what_is_not_there_is_one_line(there, tmp_path):
    path = tmp_path / "r.yaml"
    for kind, words in (
        ("breif", "unknown 'breif'; did you mean 'brief'"),
        ("my_behaviors:nothing", "my_behaviors:nothing cannot be imported"),
        ("no_such_module:f", "No module named"),
    ):
        path.write_text(REGIME % kind)
        with pytest.raises(InputError, match=words):
            load_regime(path)
    with pytest.raises(InputError, match="did you mean 'greedy'"):
        find_plugin("geometries", "gready", [])
    from behaviordist.innerproduct import get_geometry

    with pytest.raises(InputError, match="of unit 'position' is needed"):
        get_geometry("my_behaviors:brief")


def test_regimes_are_digested_as_they_were():
    """No key came into the verifier's section: what is kept of RLVR is still the same."""
    said = set(Verifier().model_dump())
    assert said == {"kind", "pattern", "tolerance", "seconds", "memory_mb", "output_bytes"}
