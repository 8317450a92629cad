"""A full disk, a limit on files, a full standard output, Ctrl-C: one line, and an exit code."""

import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

COMMAND = [sys.executable, "-m", "behaviordist"]


@pytest.fixture
def tables(tmp_path):
    """Twelve behaviors on a line, and costs that follow their distances."""
    rng = np.random.default_rng(0)
    at, names = np.sort(rng.random(12)), [f"b{i}" for i in range(12)]
    far = np.abs(at[:, None] - at[None])
    for name, values in (("distances", far), ("costs", far + 0.1 * rng.random(far.shape))):
        pd.DataFrame(values, names, names).to_csv(tmp_path / f"{name}.csv")
    return ["--distances", tmp_path / "distances.csv", "--costs", tmp_path / "costs.csv"]


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *map(str, arguments)], text=True, **options)


def one_line(done):
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("command", ["test", "leaderboard", "plan"])
def test_a_limit_on_the_size_of_files(tables, tmp_path, command):
    more = ["--target", "b3"] if command == "plan" else ["--permutations", "99"]
    flag, distances, *rest = tables
    named = f"good={distances}" if command == "leaderboard" else distances
    given = [flag, named, *rest, *more, "--out", tmp_path / "out"]
    done = run(
        command, *given, capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)),
    )  # fmt: skip
    assert "File too large" in one_line(done)
    left = (
        [path.name for path in (tmp_path / "out").glob("*")] if (tmp_path / "out").exists() else []
    )
    assert not left, "nothing half-written"


def test_standard_output_that_is_full():
    with open("/dev/full", "w") as full:
        assert "No space left" in one_line(run("studies", stdout=full, stderr=subprocess.PIPE))


def test_a_reader_that_has_read_enough_is_no_error():
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    done = run("studies", stdout=reader.stdin, stderr=subprocess.PIPE)
    assert done.returncode in (0, 1) and done.stderr == ""


@pytest.mark.parametrize("wait", [0.05, 0.15, 0.3, 0.6])
def test_ctrl_c_is_quiet_from_the_start(wait, tmp_path):
    child = subprocess.Popen(
        [*COMMAND, "run", "bootstrapping", "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(wait)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    # Before Python has read a line of ours, the interpreter itself is what is ended.
    assert child.returncode in (130, -signal.SIGINT)
    if child.returncode == 130:
        assert "Traceback" not in said and "interrupted" in said
