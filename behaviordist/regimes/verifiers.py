"""Verifiers: whether an answer is right, by rule. One that fails costs its sample the reward.

The `python` verifier runs a model's code. It is held by limits that a careless program meets:
a process of its own in an empty folder, without network, with bounded time, memory, output and
files. It is no vault against a determined attacker: run it where nothing is to be stolen.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from behaviordist.regimes.sections import Verifier

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")
LONGEST = 100_000
"""Characters of an answer that are looked at; a model that rambles on must not stall a step."""

FENCE = re.compile(r"```(?:python|py)?\n(.*?)```", re.DOTALL)

# Runs in the child before the model's code: sockets are refused at the audit hook, which the code
# cannot remove, limits are the kernel's. The name space has no network where that can be had.
GUARD = """
import resource, sys
def limit(what, value):
    soft, hard = resource.getrlimit(what)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))
limit(resource.RLIMIT_CPU, {cpu})
limit(resource.RLIMIT_AS, {memory})
limit(resource.RLIMIT_FSIZE, {output})
limit(resource.RLIMIT_NOFILE, 64)
limit(resource.RLIMIT_CORE, 0)
REFUSED = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn",
           "os.spawn", "os.kill", "ctypes.", "pty.", "os.putenv", "shutil.", "os.remove",
           "os.rename", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink")
def watch(event, arguments):
    if event.startswith(REFUSED):
        raise PermissionError("not allowed: " + event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise PermissionError("not allowed: writing files")
sys.addaudithook(watch)
code = sys.stdin.read()
del sys.modules["resource"]
exec(compile(code, "answer", "exec"), {{"__name__": "__main__"}})
"""


MATCH = (
    "import json, re, sys; p = re.compile(sys.argv[1], re.S);"
    "print(json.dumps([bool(p.fullmatch(t)) for t in json.load(sys.stdin)]))"
)


def verify(verifier: Verifier, answer: str, row: Mapping[str, Any]) -> float:
    """Return 1.0 if an answer is right, else 0.0.

    Parameters
    ----------
    verifier
        The rule.
    answer
        What the model said, end marker left out.
    row
        The example: ``answer`` for exact and numeric, ``tests`` for python.

    Notes
    -----
    Whatever goes wrong inside (no number, a test that raises, hangs, floods its output or asks for
    the network) is a wrong answer, not an error.
    """
    try:
        return float(_RULES[verifier.kind](verifier, answer[:LONGEST], row))
    except Exception:  # a sample's own failure must not end a run
        return 0.0


def verify_all(
    verifier: Verifier, answers: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> list[float]:
    """Return `verify` of many answers; a regular expression asks one process about all of them."""
    pairs = list(zip(answers, rows, strict=True))
    if verifier.kind == "regex":
        try:
            return _matched(verifier, [answer[:LONGEST] for answer in answers])
        except subprocess.TimeoutExpired:  # one of them hangs: find out which
            pass
    return [verify(verifier, answer, row) for answer, row in pairs]


def _exact(verifier: Verifier, answer: str, row: Mapping[str, Any]) -> bool:
    del verifier
    return answer.strip() == str(row["answer"]).strip()


def _numeric(verifier: Verifier, answer: str, row: Mapping[str, Any]) -> bool:
    found = NUMBER.findall(answer)
    if not found:
        return False
    value, wanted = (float(text.replace(",", "")) for text in (found[-1], str(row["answer"])))
    return math.isfinite(value) and abs(value - wanted) <= verifier.tolerance


def _regex(verifier: Verifier, answer: str, row: Mapping[str, Any]) -> bool:
    del row
    return bool(_matched(verifier, [answer])[0])


def _matched(verifier: Verifier, answers: Sequence[str]) -> list[float]:
    """Match whole answers, blanks around them aside, in a process that may take its time and die.

    A pattern that backtracks without end would hold Python's lock in this one.
    """
    command = [sys.executable, "-I", "-S", "-c", MATCH, str(verifier.pattern)]
    asked = json.dumps([answer.strip() for answer in answers]).encode()
    done = subprocess.run(command, input=asked, timeout=verifier.seconds, capture_output=True)
    return [float(found) for found in json.loads(done.stdout)]


def _python(verifier: Verifier, answer: str, row: Mapping[str, Any]) -> bool:
    fenced = FENCE.search(answer)
    code = f"{fenced.group(1) if fenced else answer}\n{row['tests']}\n"
    return run_python(code, verifier) == 0


def run_python(code: str, verifier: Verifier) -> int:
    """Run code under a verifier's limits; return its exit status, -1 if it had to be killed.

    Its output is read from a file of bounded size, so nothing it prints can fill memory or a pipe.
    """
    guard = GUARD.format(
        cpu=max(1, math.ceil(verifier.seconds)),
        memory=verifier.memory_mb * 2**20,
        output=verifier.output_bytes,
    )
    with tempfile.TemporaryDirectory(prefix="verifier-") as folder:
        source, printed = Path(folder) / "code", Path(folder) / "printed"
        source.write_text(code, encoding="utf-8")
        with source.open("rb") as stdin, printed.open("wb") as output:
            child = subprocess.Popen(
                [*_without_network(), sys.executable, "-I", "-S", "-B", "-c", guard],
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                start_new_session=True,
            )
            try:
                return child.wait(verifier.seconds)
            except subprocess.TimeoutExpired:
                return -1
            finally:
                _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill a child with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@functools.cache
def _without_network() -> tuple[str, ...]:
    """Return the command that runs another in a network name space of its own, where it works."""
    tried = ("unshare", "--user", "--net", "--map-root-user", "--")
    try:
        done = subprocess.run([*tried, "true"], capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tried if done.returncode == 0 else ()


_RULES = {"exact": _exact, "numeric": _numeric, "regex": _regex, "python": _python}
