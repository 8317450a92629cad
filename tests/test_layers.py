"""Data flows one way: no module imports against the order that docs/architecture.md states."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
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
    "evals": {"distance", "innerproduct", "store"},
    "policy": {"evals", "distance", "probes", "store"},
    "transfer": {"engines", "regimes", "lab", "store"},
    "hypothesis": {"store"},
    "planning": {"hypothesis", "behaviors", "store"},
    "selftest": {"distance", "innerproduct", "behaviors", "probes", "hypothesis", "store"},
    "record": {"distance", "hypothesis", "store"},
    "report": {"record", "distance", "drawing", "transfer", "hypothesis", "store"},
    "measurements": {
        "report", "record", "policy", "evals", "distance", "innerproduct", "behaviors", "probes",
        "store",
    },
    "studies": {
        "record", "report", "transfer", "distance", "hypothesis", "engines", "regimes",
        "behaviors", "innerproduct", "probes", "lab", "store",
    },
    "integrations": {"distance", "behaviors", "probes", "store"},
    "cli": {
        "studies", "measurements", "report", "record", "selftest", "planning", "transfer",
        "distance", "hypothesis", "engines", "regimes", "behaviors", "innerproduct", "probes",
        "policy", "evals", "store",
    },
    "__init__": {
        "studies", "measurements", "transfer", "distance", "hypothesis", "behaviors", "probes",
        "evals",
    },
    "__main__": {"cli"},
}  # fmt: skip
LONGEST, MOST = 300, 20
"""Lines of a file, and files of a folder without a second level."""


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Everything of the package that a file imports, at any level: in functions, for types too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.partition(".")[2] for name in names if name.startswith(f"{PACKAGE.name}.")}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_imports_follow_the_flow(path):
    here = room(path)
    allowed = MAY_IMPORT[here] | {here, "errors", "__version__"}
    against = sorted({name.split(".")[0] for name in imported(path)} - allowed)
    assert not against, f"{path.relative_to(PACKAGE)} imports {against}"


def circles(files: dict[str, Path]) -> set[tuple[str, ...]]:
    """Return groups of modules that reach one another by imports (Tarjan, through SciPy)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    names = sorted(files)
    reach = np.zeros((len(names), len(names)), bool)
    for i, name in enumerate(names):
        for target in imported(files[name]):
            module = target if target in files else target.rpartition(".")[0]
            if module in files and module != name:
                reach[i, names.index(module)] = True
    _, group = connected_components(csr_array(reach), connection="strong")
    members = [tuple(np.array(names)[group == g].tolist()) for g in np.unique(group)]
    return {part for part in members if len(part) > 1}


def modules(root: Path) -> dict[str, Path]:
    parts = {path: path.relative_to(root).with_suffix("").parts for path in root.rglob("*.py")}
    return {".".join(p).removesuffix(".__init__"): path for path, p in parts.items()}


def test_no_circle_of_files():
    assert circles(modules(PACKAGE)) == set()


def test_a_circle_inside_functions_is_seen(tmp_path):
    (tmp_path / "a.py").write_text("import behaviordist.b\n")
    (tmp_path / "b.py").write_text("def f():\n    from behaviordist.a import x\n    return x\n")
    (tmp_path / "c.py").write_text("from behaviordist.a import x\n")
    assert circles(modules(tmp_path)) == {("a", "b")}


def test_no_file_is_too_long_and_no_folder_too_flat():
    lines = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert not {str(path.relative_to(PACKAGE)) for path, n in lines.items() if n > LONGEST}
    folders = {path.parent for path in lines}
    flat = {str(f.relative_to(PACKAGE)): len(list(f.glob("*.py"))) for f in folders}
    assert not {name for name, n in flat.items() if n > MOST}


def test_a_method_is_imported_by_none():
    """A house's method imports all of its house; `studies.catalogue` loads it by name."""
    every = {name for path in PACKAGE.rglob("*.py") for name in imported(path)}
    named = {name for name in every if re.match(r"studies\.\w+\.method\b", name)}
    assert not named


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
