"""A killed fingerprinting run continues at its block, and ends with the very same bytes."""

import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from behaviordist.behaviors import load
from behaviordist.behaviors.huggingface import backend as backend
from behaviordist.distance import fingerprint
from behaviordist.distance.fingerprints import collector, parts
from behaviordist.distance.fingerprints.row_log import collect
from behaviordist.distance.fingerprints.texts import answer_distances
from behaviordist.errors import InputError
from behaviordist.innerproduct import Fingerprint
from behaviordist.probes import Probe, ProbeSet
from behaviordist.store.journal import Journal
from tests.behaviors.conftest import write_llama

PROBES = ProbeSet("eight", tuple(Probe(f"p{i}", "x" * (i + 1), " ab") for i in range(8)))
# Small batches, a file for every block, and a real SIGKILL in the middle of the run.
KILLED = """
import os, pathlib, signal, sys
from behaviordist.behaviors import load
from behaviordist.behaviors.huggingface import backend as transformers_backend
from behaviordist.distance import fingerprint
from behaviordist.distance.fingerprints import parts
from behaviordist.probes import ProbeSet
transformers_backend.MAX_TOKENS, parts.SECONDS = 20, 0.0
model, probes, folder, last = sys.argv[1:]
def progress(label, done, total):
    if done >= int(last) and label.endswith("temperature=0.5"):
        os.kill(os.getpid(), signal.SIGKILL)
behaviors = [load(model), load(model + "@temperature=0.5")]
fingerprint(behaviors, ProbeSet.load(probes), ("hellinger", "loglik"), folder=pathlib.Path(folder),
            progress=progress)
"""


@pytest.fixture(scope="module")
def killed_once(tmp_path_factory):
    """A model, probes, and the folder of a run that was killed after five of eight probes."""
    folder = tmp_path_factory.mktemp("killed")
    write_llama(folder / "tiny")
    PROBES.save(folder / "eight.jsonl")
    arguments = [folder / "tiny", folder / "eight.jsonl", folder / "kept", "5"]
    done = subprocess.run([sys.executable, "-c", KILLED, *map(str, arguments)])
    assert done.returncode == -signal.SIGKILL
    return folder


@pytest.fixture
def killed(killed_once, tmp_path, monkeypatch):
    """A copy of it for one test, which computes in the same small batches."""
    monkeypatch.setattr(backend, "MAX_TOKENS", 20)
    monkeypatch.setattr(parts, "SECONDS", 0.0)
    shutil.copytree(killed_once, tmp_path / "copy")
    return tmp_path / "copy"


def run(folder, kept, seen):
    behaviors = [load(folder / "tiny"), load(f"{folder / 'tiny'}@temperature=0.5")]
    real = type(behaviors[0]).forward_rest

    def forward_rest(self, probes, done):
        for block in real(self, probes, done):
            seen.extend(dict.fromkeys(block.probe.tolist()))
            yield block

    ticks = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(behaviors[0]), "forward_rest", forward_rest)
        fingerprint(
            behaviors,
            ProbeSet.load(folder / "eight.jsonl"),
            ("hellinger", "loglik"),
            folder=folder / kept,
            progress=lambda *step: ticks.append(step),
        )
    return ticks


def check_same(folder):
    """The rows of both runs are the same bytes (safetensors writes its metadata in any order)."""
    made = sorted((folder / "fresh").glob("*.safetensors"))
    assert len(made) == 4
    for path in made:
        fresh, kept = Fingerprint.load(path), Fingerprint.load(folder / "kept" / path.name)
        assert fresh.identity == kept.identity
        assert fresh.features.tobytes() == kept.features.tobytes()
        assert fresh.probe.tobytes() == kept.probe.tobytes()


@pytest.mark.slow
def test_it_continues_at_the_block_and_ends_with_the_same_bytes(killed):
    left = sorted(p for p in (killed / "kept").glob("*.part.jsonl"))
    assert len(left) == 4 and not list((killed / "kept").glob("*.safetensors"))
    seen, whole = [], []
    ticks = run(killed, "kept", seen)
    # The second behavior was killed before it kept its last block: both continue there.
    assert 0 < len(seen) < 8
    assert ticks[0] == ("tiny", 8 - len(seen), 8)
    assert {tick[1] for tick in ticks[-2:]} == {8}
    assert not list((killed / "kept").glob("*.part.jsonl"))
    run(killed, "fresh", whole)
    assert sorted(whole) == list(range(8))
    check_same(killed)


@pytest.mark.slow
def test_damaged_parts_and_those_of_other_probes_are_computed_again(killed):
    for path in (killed / "kept").glob("*.part.jsonl"):
        first, *rest = path.read_text().split("\n")
        path.write_text("\n".join([first.replace('"data": "', '"data": "AA'), *rest]))
    other = ProbeSet("eight", (*PROBES.probes[:-1], Probe("other", "x", " ab")))
    other.save(killed / "eight.jsonl")
    seen = []
    run(killed, "kept", seen)
    assert sorted(seen) == list(range(8))
    PROBES.save(killed / "eight.jsonl")
    seen = []
    run(killed, "kept", seen)
    assert 0 < len(seen) < 8
    run(killed, "fresh", [])
    check_same(killed)


@pytest.mark.slow
def test_nothing_is_run_when_only_the_last_step_was_missing(killed, monkeypatch):
    """Stopped between the last block and the file: all rows are there."""
    with monkeypatch.context() as patch:
        finish = collector.Collector.finish

        def dying(self, probes):
            return 1 / 0 if "temperature" in self.identity.label else finish(self, probes)

        patch.setattr(collector.Collector, "finish", dying)
        with pytest.raises(ZeroDivisionError):
            run(killed, "kept", [])
    seen = []
    run(killed, "kept", seen)
    assert seen == []


class Dying:
    """A behavior that answers some prompts and then fails, as a spent budget does."""

    label, identity = "dying", "id"

    def __init__(self, most):
        self.most, self.asked = most, []

    def samples(self, *_, **__):
        raise AssertionError("it is asked one by one")

    def samples_rest(self, probes, count, max_tokens, seed, done=frozenset()):
        for index in range(len(probes)):
            if index in done:
                continue
            if len(self.asked) == self.most:
                raise InputError("the budget is spent")
            self.asked.append(index)
            rng = np.random.default_rng(index)
            yield index, tuple(str(x) for x in rng.integers(3, size=count))


def test_answers_that_were_paid_for_are_kept(tmp_path):
    first, second = Dying(5), Dying(8)
    with pytest.raises(InputError, match="budget"):
        answer_distances([first], PROBES, count=2, folder=tmp_path)
    ticks = []
    answer_distances(
        [second], PROBES, count=2, folder=tmp_path, progress=lambda *step: ticks.append(step[1])
    )
    assert second.asked == [5, 6, 7]
    assert ticks == [5, 6, 7, 8]
    assert not list(tmp_path.glob("*.part.jsonl"))


def test_a_cut_line_of_the_log_is_passed_over(tmp_path):
    log = Journal.beside(tmp_path / "a.json", ["x"])
    collect(log, lambda done: ((i, [str(i)]) for i in range(4)), 4, lambda _: None)
    log.path.write_text(log.path.read_text()[:-4])
    assert [row["probe"] for row in log.rows()] == [0, 1, 2]
    assert Journal.beside(tmp_path / "a.json", ["y"]).rows() == []
    again = collect(log, lambda done: [(3, ["3"])] if len(done) == 3 else [], 4, lambda _: None)
    assert again == [["0"], ["1"], ["2"], ["3"]]
    with pytest.raises(InputError, match="4 of 5"):
        collect(Journal.beside(tmp_path / "a.json", ["x"]), lambda done: [], 5, lambda _: None)
