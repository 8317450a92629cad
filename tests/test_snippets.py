"""What README and docs show is what there is: their commands parse, their Python runs."""

import inspect
import re
import shlex
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

import behaviordist as bd
from behaviordist.cli.app import app
from behaviordist.probes import Probe
from tests.behaviors.conftest import write_llama

ROOT = Path(__file__).parent.parent
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands():
    """Return every ``behaviordist ...`` line that stands in a block of its own or in a tutorial."""
    for path in TEXTS:
        for line in re.findall(r"^    behaviordist (.+)$", path.read_text(), re.M):
            yield f"{path.name}: {line}"
    for path in sorted((ROOT / "docs" / "tutorials").glob("*.py")):
        for line in re.findall(r'^ *f?"behaviordist (.+)"$', path.read_text(), re.M):
            yield f"{path.name}: {line}"
        for line in re.findall(r'shell\(f?"behaviordist (.+)"\)', path.read_text()):
            yield f"{path.name}: {line}"


@pytest.mark.parametrize("line", list(commands()))
def test_a_command_that_is_shown_exists_with_its_options(line):
    words = shlex.split(line.split(": ", 1)[1], comments=True)
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, name
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    for word in words:
        option = re.match(r"\[?(--[a-z-]+)", word)
        assert option is None or option[1] in known | {"--help"}, option[1]


def python_block(path):
    """Return the Python that a text shows: fenced, or indented from an import on."""
    text = path.read_text()
    fenced = re.search(r"```python\n(.*?)```", text, re.S)
    if fenced:
        return fenced[1]
    return textwrap.dedent(re.search(r"^    import behaviordist.*?(?=^\S)", text, re.M | re.S)[0])


def test_no_other_text_shows_python():
    shown = [
        p.name for p in TEXTS if re.search(r"```python|^    (import|from) \w", p.read_text(), re.M)
    ]
    assert shown == ["README.md", "plugins.md", "watch.md", "models.md"], (
        "a block that no test runs"
    )


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """The folders that README names, with tiny models in them."""
    monkeypatch.chdir(tmp_path)
    for name in ("base", "sft"):
        write_llama(tmp_path / "checkpoints" / name)
    return tmp_path


@pytest.fixture
def few(monkeypatch):
    """Other probes than the name says, the same calls: the tiny models' windows are short."""
    probes = bd.ProbeSet("general", tuple(Probe(f"p{i}", "x" * (i + 1), " ab") for i in range(4)))
    monkeypatch.setattr(bd.ProbeSet, "load", lambda name: probes)


@pytest.mark.slow
def test_the_python_of_models_runs(checkpoints, few, capsys):
    names = {}
    exec(python_block(ROOT / "docs" / "models.md"), names)
    assert "bits" in names["found"].overall and names["on_policy"].probes
    assert "the margin" in capsys.readouterr().out


def test_readmes_python_runs(checkpoints, few, monkeypatch):
    lines = python_block(ROOT / "README.md").splitlines()
    cut = next(i for i, line in enumerate(lines) if line.startswith("C = "))
    names = {}
    exec("\n".join(lines[:cut]), names)
    assert (checkpoints / "heatmap.png").stat().st_size > 1000
    # Two behaviors are no test: the second half is asked of twelve, planted on a line.
    rng = np.random.default_rng(0)
    at, labels = np.sort(rng.random(12)), [f"b{i}" for i in range(12)]
    far = np.abs(at[:, None] - at[None])
    pd.DataFrame(far + 0.05 * rng.random(far.shape), labels, labels).to_csv("costs.csv")
    names["D"] = pd.DataFrame(far, labels, labels)
    asked = []
    signature = inspect.signature(bd.run)
    monkeypatch.setattr(
        bd, "run", lambda *a, **k: asked.append(signature.bind(*a, **k)), raising=False
    )
    exec("\n".join(lines[cut:]), names)
    assert names["T"].value > 0.5 and asked, "a study is started with arguments that it takes"
