"""Verifiers: right answers earn, and whatever a sample does, it costs that sample only."""

from __future__ import annotations

import time

import pytest

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
