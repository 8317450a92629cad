"""Verifiers: whether an answer is right, by rule. One that fails costs its sample the reward.

The `python` verifier runs a model's code, see `guard`: in a process of its own in an empty folder,
with bounded time, memory and output, without network, files to write, processes or signals, and
with an empty environment. What earns is a secret that the tests' own end sends; a program that
quits, prints or raises earns nothing. It is no vault: code runs in the process of its tests and can
change what they see (a patched `math`), and where the kernel has neither seccomp nor Landlock only
Python's audit hook holds it. Run it where nothing is to be stolen.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError
from behaviordist.regimes.sections import Verifier
from behaviordist.store.plugins import find_plugin

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")
LONGEST = 100_000
"""Characters of an answer that are looked at; a model that rambles on must not stall a step."""

FENCE = re.compile(r"```(?:python|py)?\n(.*?)```", re.DOTALL)

GUARD = Path(__file__).with_name("guard.py")

# A pattern that backtracks without end costs its own sample: `re` looks for signals as it works.
MATCH = """
import json, re, signal, sys
pattern, seconds = re.compile(sys.argv[1], re.S), float(sys.argv[2])
def late(*_):
    raise TimeoutError
def matches(text):
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return bool(pattern.fullmatch(text))
    except TimeoutError:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, late)
print(json.dumps([matches(text) for text in json.load(sys.stdin)]))
"""


def verify(verifier: Verifier, answer: str, row: Mapping[str, Any]) -> float:
    """Return 1.0 if an answer is right, else 0.0; a reward that is plugged in, what it says.

    Parameters
    ----------
    verifier
        The rule.
    answer
        What the model said, end marker left out.
    row
        The example: ``answer`` for exact and numeric, ``tests`` for python.

    Raises
    ------
    InputError
        A reward that is plugged in cannot be imported, or is no number from 0 to 1.

    Notes
    -----
    Whatever goes wrong inside (no number, a test that raises, hangs, floods its output or asks for
    the network) is a wrong answer, not an error.
    """
    rule = _RULES.get(verifier.kind)
    try:
        if rule is not None:
            return float(rule(verifier, answer[:LONGEST], row))
        reward = float(plugged_reward(verifier.kind)(answer, row))
    except InputError:
        raise
    except Exception:  # a sample's own failure must not end a run
        return 0.0
    if not 0 <= reward <= 1:
        raise InputError(
            f"reward '{verifier.kind}' gave {reward:g}: a number from 0 to 1 is needed"
        )
    return reward


@functools.cache
def plugged_reward(kind: str) -> Callable[[str, Mapping[str, Any]], float]:
    """Return a reward of the user's: see `find_plugin`.

    Raises
    ------
    InputError
        There is none, or it is no function.
    """
    found = find_plugin("rewards", kind, list(_RULES))
    if not callable(found):
        raise InputError(f"reward '{kind}': a function of an answer and its row is needed")
    return found  # type: ignore[no-any-return]


def verify_all(
    verifier: Verifier, answers: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> list[float]:
    """Return `verify` of many answers; a regular expression asks one process about all of them."""
    if verifier.kind == "regex":
        try:
            return _matched(verifier, [answer[:LONGEST] for answer in answers])
        except (subprocess.TimeoutExpired, ValueError):  # it died: find out of which
            pass
    return [verify(verifier, answer, row) for answer, row in zip(answers, rows, strict=True)]


def _exact(verifier: Verifier, answer: str, row: Mapping[str, Any]) -> bool:
    del verifier
    # An answer that the row lacks (null) is no text that could be said.
    return row["answer"] is not None and answer.strip() == str(row["answer"]).strip()


def _numeric(verifier: Verifier, answer: str, row: Mapping[str, Any]) -> bool:
    numbers = NUMBER.findall(answer)
    if not numbers:
        return False
    value, right = (float(text.replace(",", "")) for text in (numbers[-1], str(row["answer"])))
    return math.isfinite(value) and abs(value - right) <= verifier.tolerance


def _regex(verifier: Verifier, answer: str, row: Mapping[str, Any]) -> bool:
    del row
    return bool(_matched(verifier, [answer])[0])


def _matched(verifier: Verifier, answers: Sequence[str]) -> list[float]:
    """Match whole answers, blanks around them aside, each within the verifier's seconds.

    In another process: a pattern that backtracks holds Python's lock, and memory, in its own.
    """
    command = [sys.executable, "-I", "-S", "-c", MATCH, str(verifier.pattern)]
    texts = json.dumps([answer.strip() for answer in answers]).encode()
    most = verifier.seconds * len(answers) + 10
    done = subprocess.run(
        [*command, str(verifier.seconds)], input=texts, timeout=most, capture_output=True
    )
    return [float(right) for right in json.loads(done.stdout)]


def _python(verifier: Verifier, answer: str, row: Mapping[str, Any]) -> bool:
    fenced = FENCE.search(answer)
    return run_python(fenced.group(1) if fenced else answer, str(row["tests"]), verifier)


def run_python(code: str, tests: str, verifier: Verifier) -> bool:
    """Run code and then its tests under a verifier's limits; return whether the tests passed.

    They passed if they ran to their last statement: what raises, exits or is killed did not. Output
    goes to a file of bounded size, so nothing that is printed can fill memory or a pipe.
    """
    secret = secrets.token_hex(16)
    limits = (math.ceil(verifier.seconds), verifier.memory_mb * 2**20, verifier.output_bytes)
    with (
        tempfile.TemporaryDirectory(prefix="verifier-") as folder,
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as printed,
    ):
        stdin.write(json.dumps({"secret": secret, "answer": code, "tests": tests}).encode())
        stdin.seek(0)
        reader, channel = os.pipe()
        try:
            child = subprocess.Popen(
                [*_alone(), sys.executable, "-I", "-S", "-B", str(GUARD), str(channel)]
                + [str(limit) for limit in limits],
                stdin=stdin,
                stdout=printed,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                start_new_session=True,
                pass_fds=(channel,),
            )
            try:
                child.wait(verifier.seconds)
            except subprocess.TimeoutExpired:
                return False
            finally:
                _end(child)
            os.set_blocking(reader, False)
            return os.read(reader, 4096) == secret.encode()
        except BlockingIOError:  # nothing was sent
            return False
        finally:
            os.close(reader)
            os.close(channel)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill a child with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@functools.cache
def _alone() -> tuple[str, ...]:
    """Return the command that runs another in name spaces of its own, where it works.

    Users (another's environment is not read), network, processes (no signal leaves).
    """
    command = ("unshare", "--user", "--net", "--ipc", "--pid", "--kill-child", "--map-root-user")
    try:
        done = subprocess.run([*command, "--", "true"], capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return (*command, "--") if done.returncode == 0 else ()


_RULES = {"exact": _exact, "numeric": _numeric, "regex": _regex, "python": _python}
