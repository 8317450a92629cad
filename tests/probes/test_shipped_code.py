"""Every program in the shipped set `code` runs and does what its tag says."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from behaviordist.probes import Probe
from tests.probes.shipped import SETS, tagged


def programs(language: str) -> list[Probe]:
    found = [p for p in SETS["code"] if tagged(p, "language") == language]
    assert len(found) >= 25
    return found


def source(probe: Probe) -> str:
    return probe.prompt + probe.continuation


def interpreter(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def test_every_program_is_in_a_language_that_is_tested() -> None:
    languages = {tagged(p, "language") for p in SETS["code"]}
    assert languages == {"python", "javascript", "sql", "shell"}


def test_python_programs_compile_and_their_assertion_holds() -> None:
    for probe in programs("python"):
        assertion = tagged(probe, "assert")
        assert assertion, probe.id
        namespace = {"__name__": "probe"}
        exec(compile(source(probe), probe.id, "exec", dont_inherit=True), namespace)
        assert eval(assertion, namespace), probe.id


def test_python_prompts_alone_do_not_satisfy_their_assertion() -> None:
    for probe in programs("python"):
        namespace = {"__name__": "probe"}
        with pytest.raises(Exception):  # noqa: B017, PT011
            exec(compile(probe.prompt, probe.id, "exec", dont_inherit=True), namespace)
            assert eval(str(tagged(probe, "assert")), namespace)


def test_javascript_programs_run_and_their_assertion_holds() -> None:
    node = interpreter("node")
    blocks = [
        f"{{ {source(probe)}\n if (!({tagged(probe, 'assert')})) throw Error('{probe.id}'); }}"
        for probe in programs("javascript")
    ]
    script = '"use strict";\n' + "\n".join(blocks)
    done = subprocess.run([node, "-"], input=script, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_sql_scripts_return_the_rows_that_are_tagged() -> None:
    for probe in programs("sql"):
        connection = sqlite3.connect(":memory:")
        rows: list[tuple[object, ...]] = []
        for statement in re.split(r";\s*(?:\n|$)", source(probe)):
            rows = connection.execute(statement).fetchall() if statement.strip() else rows
        assert [list(row) for row in rows] == json.loads(tagged(probe, "rows") or ""), probe.id
        connection.close()


def test_shell_scripts_parse_and_print_what_is_tagged(tmp_path: Path) -> None:
    bash = interpreter("bash")
    for probe in programs("shell"):
        parsed = subprocess.run([bash, "-n", "-c", source(probe)], capture_output=True, text=True)
        assert parsed.returncode == 0, f"{probe.id}: {parsed.stderr}"
        expected = tagged(probe, "prints")
        if expected is not None:
            folder = tmp_path / probe.id
            folder.mkdir()
            done = subprocess.run(
                [bash, "-c", source(probe)], cwd=folder, capture_output=True, text=True, timeout=10
            )
            assert done.stdout.strip() == expected, f"{probe.id}: {done.stderr}"
