"""The wheel: built from these files, used from another folder; versions say one thing."""

import email
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import behaviordist

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_works_from_another_folder(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")

    def python(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, text=True, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert str(tmp_path) in python("-c", "import behaviordist; print(behaviordist.__file__)")
    assert python("-m", "behaviordist", "--version").split()[1] == behaviordist.__version__
    assert "transfer" in python("-m", "behaviordist", "studies")
    assert "general" in python("-m", "behaviordist", "probes", "list")
    read_all = "from behaviordist.studies.catalogue import STUDIES;"
    read_all += "from behaviordist.studies.load import load_study; [load_study(s) for s in STUDIES]"
    python("-c", read_all)
    code = "from behaviordist.regimes.sections import Verifier;"
    code += "from behaviordist.regimes.verifiers import verify;"
    code += "print(verify(Verifier(kind='python'), 'x = 1', {'tests': 'assert x == 1'}))"
    assert python("-c", code).strip() == "1.0", "the guard is a file of its own"


@pytest.mark.slow
def test_its_metadata_stand_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        name = next(n for n in names if n.endswith("METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    assert "behaviordist/py.typed" in names
    assert metadata["Version"] == behaviordist.__version__
    assert any("github.com" in url for url in metadata.get_all("Project-URL"))
    targets = re.findall(r"\]\(([^)]+)\)", metadata.get_payload())
    assert targets and all(t.startswith(("https://", "http://", "#")) for t in targets), targets
    assert not [
        d for d in metadata.get_all("Requires-Dist") if d.startswith("lifelines") and ";" not in d
    ]


def test_one_version():
    assert (
        yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == behaviordist.__version__
    )
