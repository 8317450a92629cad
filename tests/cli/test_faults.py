"""A full disk, a limit on files, a full standard output, Ctrl-C: one line, and an exit code."""

import resource
import subprocess
import sys

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
    reader.stdin.close()
    assert done.returncode in (0, 1) and done.stderr == ""


PRESSED = """
import sys
class Press:
    def find_spec(self, name, *rest):
        if name == "{module}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Press())
from behaviordist.__main__ import main
sys.argv[1:] = ["studies"]
main()
"""


@pytest.mark.parametrize("module", ["behaviordist.cli.app", "typer", "behaviordist.studies"])
def test_ctrl_c_is_quiet_while_the_command_is_loaded(module):
    """Whatever is imported at that moment; before our first line it is Python's own to end."""
    code = PRESSED.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr and "interrupted" in done.stderr
