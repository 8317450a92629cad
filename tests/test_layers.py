"""Data flows one way: no module imports against the order that docs/architecture.md states."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "behaviordist"

MAY_IMPORT = {
    "errors": set(),
    "store": {"errors"},
    "probes": {"store"},
    "innerproduct": {"store"},
    "lab": {"store"},
    "regimes": {"store", "lab"},
    "engines": {"regimes", "lab", "store"},
    "behaviors": {"probes", "lab", "store"},
    "drawing": {"store"},
    "distance": {"behaviors", "innerproduct", "probes", "drawing", "store"},
    "transfer": {"engines", "regimes", "lab", "store"},
    "hypothesis": {"store"},
    "planning": {"hypothesis", "store"},
    "selftest": {"distance", "innerproduct", "behaviors", "probes", "hypothesis", "store"},
    "record": {"store"},
    "report": {"record", "distance", "drawing", "transfer", "hypothesis", "store"},
}
FREE = {"studies", "cli", "__init__", "__main__"}


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "behaviordist" and len(parts) > 1:
                yield parts[1]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_imports_follow_the_flow(path):
    here = room(path)
    if here in FREE:
        return
    allowed = MAY_IMPORT[here] | {here, "errors", "__version__"}
    against = sorted(set(imports(path)) - allowed)
    assert not against, f"{path.relative_to(PACKAGE)} imports {against}"


def test_import_loads_no_heavy_library():
    code = (
        "import sys, behaviordist; heavy = {'torch', 'jax', 'transformers', 'matplotlib',"
        "'pandas', 'scipy', 'sklearn', 'seaborn'} & set(sys.modules); print(sorted(heavy));"
        "sys.exit(bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_facade_exports_what_it_names():
    import behaviordist

    for name in behaviordist.__all__:
        thing = getattr(behaviordist, name)
        assert (thing.__doc__ or "").strip(), f"{name} has no docstring"
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = behaviordist.nothing_like_it


def test_the_function_distances_is_there_whatever_was_imported_before():
    code = "import behaviordist.distance.matrix, behaviordist as bd; assert callable(bd.distances)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
