"""Atlases on a hub, against a stand-in of its interface: what comes back is what was pushed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import behaviordist as bd
from behaviordist.behaviors import ArrayBehavior
from tests.distance.hub_stand_in import hub

PROBES = bd.ProbeSet("two", tuple(bd.Probe(f"p{i}", "x", "y") for i in range(4)))
TOKEN = "hf_" + "Secret" * 6


def behavior(label, p):
    return ArrayBehavior(label, list(range(4)), np.log([[p, 1 - p]] * 4))


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "atlas"
    bd.fingerprint([behavior("base", 0.5), behavior("sft", 0.9)], folder, PROBES)
    return folder


@pytest.fixture
def server():
    with hub() as serving:
        yield serving


def command(server, *words, token=TOKEN):
    """Run one in a process of its own: the client reads the address as it is imported."""
    known = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": server.address, "HF_TOKEN": token}
    known["HF_HUB_DISABLE_XET"] = "1"  # whose own protocol has no stand-in
    done = subprocess.run(
        [sys.executable, "-m", "behaviordist", *map(str, words)],
        env=known | {"NO_PROXY": "127.0.0.1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert TOKEN not in done.stdout + done.stderr
    return done


def refused(done, said):
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1 and said in done.stderr, done.stderr


def prints(folder):
    return {p.name: p.read_bytes() for p in folder.glob("*.safetensors*")}


@pytest.mark.slow
def test_what_is_pulled_is_what_was_pushed_and_only_all_of_it(atlas, server, tmp_path):
    server.needs = TOKEN
    assert command(server, "push", atlas, "me/zoo").returncode == 0
    assert f"Bearer {TOKEN}" in server.tokens
    done = command(server, "pull", "me/zoo", "--out", tmp_path / "new")
    assert done.returncode == 0 and "2 new fingerprints" in done.stdout, done.stderr
    assert prints(tmp_path / "new") == prints(atlas)
    assert not [
        p for p in (tmp_path / "new").rglob("*") if ".pull-" in p.name or p.name == "atlas.json"
    ]
    bd.fingerprint([behavior("base", 0.5)], tmp_path / "new")  # there already, and trusted
    assert prints(tmp_path / "new") == prints(atlas)

    files = server.repositories["me/zoo"]
    name = next(n for n in files if n.startswith("sft") and n.endswith(".safetensors"))
    whole = dict(files)
    flipped = whole[name][:-1] + b"\0"
    listed = json.loads(whole["atlas.json"])
    listed["files"][name] = hashlib.sha256(flipped).hexdigest()
    outside = json.dumps({"files": {"../x.safetensors": "0"}}).encode()
    for changed, said in (
        ({name: flipped}, "not what was pushed"),
        ({name: None}, "is not there whole"),
        ({"atlas.json": b"{"}, "damaged"),
        ({"atlas.json": outside}, "damaged"),
        # The list and the file changed together: the digest inside of the file did not.
        ({name: flipped, "atlas.json": json.dumps(listed).encode()}, "bytes are not those"),
    ):
        now = {**whole, **changed}
        server.repositories["me/zoo"] = {n: data for n, data in now.items() if data is not None}
        refused(command(server, "pull", "me/zoo", "--out", tmp_path / "other"), said)
        assert not (tmp_path / "other").exists()
    server.repositories["me/zoo"] = whole

    bd.fingerprint([behavior("sft", 0.8)], tmp_path / "mine", PROBES)
    before = prints(tmp_path / "mine")
    refused(
        command(server, "pull", "me/zoo", "--out", tmp_path / "mine"),
        "another behavior called 'sft'",
    )
    assert prints(tmp_path / "mine") == before


def test_the_token_is_that_of_the_environment_and_is_never_shown(atlas, server):
    server.needs = "another"
    refused(command(server, "push", atlas, "me/zoo"), "set HF_TOKEN")
    refused(command(server, "pull", "me/zoo", "--out", atlas, token=""), "set HF_TOKEN")
    assert server.tokens[-1] == ""


@pytest.mark.slow
def test_what_cannot_be_is_one_line(atlas, server, tmp_path):
    refused(command(server, "pull", "me/none", "--out", tmp_path / "o"), "no such repository")
    refused(command(server, "pull", "../x", "--out", tmp_path / "o"), "OWNER/NAME")
    refused(command(server, "push", tmp_path / "none", "me/zoo"), "no atlas")
    (tmp_path / "empty").mkdir()
    refused(command(server, "push", tmp_path / "empty", "me/zoo"), "holds no fingerprints")


@pytest.mark.slow
def test_large_files_come_back_whole_and_a_lost_one_commits_nothing(atlas, server, tmp_path):
    server.large = True
    lost = hashlib.sha256(next(atlas.glob("sft*.safetensors")).read_bytes()).hexdigest()
    server.lost.add(lost)
    refused(command(server, "push", atlas, "me/zoo"), "me/zoo")
    assert not server.repositories["me/zoo"], "half an atlas was committed"
    server.lost.clear()
    assert command(server, "push", atlas, "me/zoo").returncode == 0
    assert len(server.objects) == len(list(atlas.glob("*.safetensors"))) and lost in server.objects
    assert command(server, "pull", "me/zoo", "--out", tmp_path / "new").returncode == 0
    assert prints(tmp_path / "new") == prints(atlas)
