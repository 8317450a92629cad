"""Ctrl-C that comes where Python cannot raise it: heard all the same, and without a traceback."""

import subprocess
import sys

SCRIPT = """
import signal, sys, time
from behaviordist.__main__ import unraisable

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell put us behind
sys.unraisablehook = unraisable

class Held:
    def __del__(self):
        raise {error}

held = Held()
del held
try:
    time.sleep({seconds})
    print("went on")
except KeyboardInterrupt:
    print("interrupted")
"""


def run(error, seconds):
    line = [sys.executable, "-c", SCRIPT.format(error=error, seconds=seconds)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60)


def test_an_interrupt_in_a_finaliser_is_not_lost():
    done = run("KeyboardInterrupt", 30)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_any_other_error_in_a_finaliser_is_told_as_ever():
    done = run("ValueError('here')", 0)
    assert done.stdout == "went on\n" and "ValueError: here" in done.stderr
