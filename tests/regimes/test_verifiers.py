"""Verifiers: right answers earn, and whatever a sample does, it costs that sample only."""

from __future__ import annotations

import platform
import runpy
import subprocess
import sys
import time

import pytest

from behaviordist.regimes import verifiers
from behaviordist.regimes.sections import Verifier
from behaviordist.regimes.verifiers import verify, verify_all

PYTHON = Verifier(kind="python", seconds=3.0)
TESTS = "assert add(2, 3) == 5\nassert add(-1, 1) == 0"
GOOD = "def add(a, b):\n    return a + b"


@pytest.mark.parametrize(
    ("answer", "row", "wanted"),
    [(" 12 ", "12", 1.0), ("12.", "12", 0.0), ("the answer is 12", "12", 0.0)],
)
def test_exact(answer, row, wanted):
    assert verify(Verifier(kind="exact"), answer, {"answer": row}) == wanted


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("It is 1,234.50", 1.0), ("1 and then 1234.5", 1.0), ("1234.5, not 7", 0.0),
        ("1.2345e3", 1.0), ("", 0.0), ("NaN", 0.0), ("inf", 0.0), ("1e999", 0.0),
    ],
)  # fmt: skip
def test_numeric_takes_the_last_number(answer, wanted):
    assert verify(Verifier(kind="numeric"), answer, {"answer": "1234.5"}) == wanted


def test_a_regular_expression_matches_the_whole_answer():
    rule = Verifier(kind="regex", pattern=r"\[\[\w+\]\]")
    found = verify_all(rule, [" [[Paris]]\n", "x [[Paris]]", "[[Paris]] x"], [{}] * 3)
    assert found == [1.0, 0.0, 0.0]


def test_a_pattern_that_backtracks_for_ever_costs_its_own_sample_only():
    rule = Verifier(kind="regex", pattern=r"(a+)+b", seconds=1.0)
    started = time.monotonic()
    found = verify_all(rule, ["aab", "a" * 60 + "c", "ab"], [{}] * 3)
    assert found == [1.0, 0.0, 1.0]
    assert time.monotonic() - started < 20


def test_python_passes_code_that_passes_its_tests():
    assert verify(PYTHON, GOOD, {"tests": TESTS}) == 1.0
    assert verify(PYTHON, f"Sure:\n```python\n{GOOD}\n```\nDone.", {"tests": TESTS}) == 1.0
    assert verify(PYTHON, GOOD.replace("+", "-"), {"tests": TESTS}) == 0.0


BAD = {
    "raises": "raise RuntimeError('no')",
    "is no Python": "def add(a, b",
    "exits": "import sys\nsys.exit(1)",
    "exits as if all were well": "import sys\nsys.exit(0)",
    "raises SystemExit": "raise SystemExit",
    "leaves at once": "import os\nos._exit(0)",
    "is a script that exits": "import sys\ndef main():\n    return 0\nsys.exit(main())",
    "hangs": "while True: pass",
    "sleeps": "import time\ntime.sleep(60)",
    "floods stdout": "while True: print('x' * 10_000)",
    "eats memory": "x = bytearray(10**9)",
    "asks for the network": "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)",
    "resolves a name": "import socket\nsocket.getaddrinfo('localhost', 80)",
    "starts a process": "import subprocess\nsubprocess.run(['true'])",
    "forks": "import os\nos.fork()",
    "writes a file": "open('/tmp/behaviordist-verifier-was-here', 'w').write('x')",
    "kills its parent": "import os\nos.kill(os.getppid(), 9)",
    "sends a signal by descriptor": "import os, signal\n"
    "signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)",
    "opens a file to write": "import os\n"
    "os.open('/tmp/behaviordist-verifier-was-here', os.O_WRONLY | os.O_CREAT)",
    "opens one in its own folder": "import os\nos.open('x', os.O_RDWR | os.O_CREAT)",
    "truncates": "import os, sys\nos.truncate(sys.executable, 0)",
    "makes a folder": "import os\nos.mkdir('x')",
    "starts a process by hand": "import _posixsubprocess, os\n"
    "r, w = os.pipe()\n_posixsubprocess.fork_exec([b'true'], [b'/bin/true'], True, (w,), None,"
    " None, -1, -1, -1, -1, -1, -1, r, w, False, False, -1, None, None, None, -1, None, False)",
    "reads its parent's environment": "import os\nopen(f'/proc/{os.getppid()}/environ').read()",
    "asks for frames": "import sys\nsys._getframe()",
    "walks a traceback": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n"
    "    e.__traceback__.tb_frame",
    "asks the collector": "import gc\ngc.get_objects()",
    "has itself called with a frame": "import signal\nsignal.signal(signal.SIGALRM, print)",
    "writes to every channel": "import os\nfor fd in range(3, 64):\n    try:\n"
    "        os.write(fd, b'passed' * 9)\n    except OSError:\n        pass",
}


@pytest.mark.parametrize("code", BAD.values(), ids=BAD.keys())
def test_bad_code_costs_its_own_sample_and_nothing_else(code):
    rule = Verifier(kind="python", seconds=2.0)
    started = time.monotonic()
    # After the bad line the tests would pass: only the bad line can fail them.
    answers = [f"{GOOD}\n{code}", GOOD]
    assert verify_all(rule, answers, [{"tests": TESTS}] * 2)[0] == 0.0
    assert time.monotonic() - started < 30
    assert verify(PYTHON, GOOD, {"tests": TESTS}) == 1.0, "the next sample is judged as ever"


def test_a_swallowed_refusal_reaches_no_network():
    attempt = "try:\n    socket.socket()\n    reached = 1\nexcept OSError:\n    reached = 0"
    code = f"import socket\n{attempt}"
    assert verify(PYTHON, code, {"tests": "assert reached == 0"}) == 1.0


QUITTERS = {
    "exits": "import sys\ndef add(a, b):\n    sys.exit(0)",
    "leaves": "import os\ndef add(a, b):\n    os._exit(0)",
    "prints": "def add(a, b):\n    print('passed', 1.0)\n    raise SystemExit",
    "exits at the end": "import atexit, os\natexit.register(os._exit, 0)\n"
    "def add(a, b):\n    return 0",
    "takes exec away": "import builtins\nbuiltins.exec = builtins.compile = lambda *a, **k: None\n"
    "def add(a, b):\n    return 0",
    "takes the assertion away": "import builtins\nbuiltins.AssertionError = None\n"
    "def add(a, b):\n    return 0",
}


@pytest.mark.parametrize("code", QUITTERS.values(), ids=QUITTERS.keys())
def test_quitting_inside_the_tests_earns_nothing(code):
    assert verify(PYTHON, code, {"tests": TESTS}) == 0.0


def test_what_reasonable_programs_do_is_no_offence():
    code = """
from collections import namedtuple
from dataclasses import dataclass
import logging, threading, enum, typing
Pair = namedtuple("Pair", "a b")
Colour = enum.Enum("Colour", "RED BLUE")
T = typing.TypeVar("T")
logging.getLogger().warning("fine")
def add(a, b):
    total = []
    thread = threading.Thread(target=lambda: total.append(Pair(a, b).a + b))
    thread.start(); thread.join()
    return total[0]
if __name__ == "__main__":
    raise SystemExit("a script's own end")
"""
    assert verify(PYTHON, code, {"tests": TESTS}) == 1.0


UNITTEST = """
import unittest
class Adds(unittest.TestCase):
    def test_sum(self):
        self.assertEqual(add(2, 3), 5)
    def test_error(self):
        with self.assertRaises(TypeError):
            add(2, "3")
assert unittest.main(exit=False).result.wasSuccessful()
"""


@pytest.mark.parametrize(("code", "wanted"), [(GOOD, 1.0), (GOOD.replace("+", "-"), 0.0)])
def test_unit_tests_are_run_and_counted(code, wanted):
    assert verify(PYTHON, code, {"tests": UNITTEST}) == wanted


def test_the_secret_lies_in_no_place_that_code_can_name():
    code = """
import os, sys, __main__
seen = [vars(m) for m in list(sys.modules.values()) if m is not None]
texts = [v for d in seen for v in d.values() if isinstance(v, (str, bytes)) and len(v) == 32]
os.lseek(0, 0, 0) if os.isatty(0) else None
left = os.read(0, 100)
def add(a, b):
    return a + b
"""
    tests = (
        TESTS
        + "\nassert left == b'' and not any(set(str(t)) <= set('0123456789abcdef') for t in texts)"
    )
    assert verify(PYTHON, code, {"tests": tests}) == 1.0


def test_keys_in_the_environment_are_not_there(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    tests = "import os\nassert 'OPENAI_API_KEY' not in os.environ"
    assert verify(PYTHON, "", {"tests": tests}) == 1.0


def test_without_name_spaces_nothing_more_gets_through(monkeypatch):
    """Where user name spaces are off: the kernel's filter and the audit hook are left."""
    monkeypatch.setattr(verifiers, "_alone", lambda: ())
    for name in (
        "reads its parent's environment",
        "sends a signal by descriptor",
        "makes a folder",
    ):
        assert verify(PYTHON, f"{GOOD}\n{BAD[name]}", {"tests": TESTS}) == 0.0
    assert verify(PYTHON, GOOD, {"tests": TESTS}) == 1.0


def test_the_kernel_holds_what_python_does_not_see():
    """System calls by number: no audit hook is asked."""
    guard = runpy.run_path(verifiers.GUARD)
    code = f"""
import ctypes, os, sys
sys.path.insert(0, {str(verifiers.GUARD.parent)!r})
import guard
guard.confine()
system = ctypes.CDLL(None, use_errno=True)
made = system.mkdir(b"x", 0o700), system.truncate(sys.executable.encode(), 0)
sent = system.kill(os.getppid(), 0), system.fork(), system.socket(2, 1, 0)
opened = system.open(b"y", os.O_CREAT | os.O_WRONLY, 0o600)
assert {{*made, *sent, opened}} == {{-1}}, (made, sent, opened)
try:
    open(f"/proc/{{os.getppid()}}/environ")
except PermissionError:
    print("held")
"""
    if sys.platform != "linux" or platform.machine() not in guard["SYSTEM_CALLS"]:
        pytest.skip("no filter of system calls here")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_null_is_no_answer():
    for said in ("None", "", "null"):
        assert verify(Verifier(kind="exact"), said, {"answer": None}) == 0.0


def test_seconds_are_a_samples_not_a_batchs():
    rule = Verifier(kind="regex", pattern=r"(a+)+b", seconds=0.5)
    hanging = "a" * 60 + "c"
    assert verify_all(rule, [hanging, "ab", hanging, "aab"], [{}] * 4) == [0.0, 1.0, 0.0, 1.0]
