"""A section of a model card: the numbers are those of the matrix, and its text stays text."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import behaviordist as bd
from behaviordist.behaviors import ArrayBehavior
from behaviordist.distance.atlas.card import card
from behaviordist.distance.gate import Gate
from tests.fuzz.command_line import run

PROBES = bd.ProbeSet("two", tuple(bd.Probe(f"p{i}", "x", "y") for i in range(4)))


def behavior(label, p):
    return ArrayBehavior(label, list(range(4)), np.log([[p, 1 - p]] * 4))


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card") / "atlas"
    bd.fingerprint([behavior("base", 0.5), behavior("s|f*t", 0.9)], folder, PROBES)
    return folder


def gated(path, **changed):
    known = Gate("kl", 0.1, -math.inf, 0.2, 0.3, 0.05, "within", 4).to_json()
    sides = {"reference": "base", "candidate": "s|f*t", **changed}
    path.write_text(json.dumps({"comparison": sides, "gate": known}))
    return path


def test_the_distance_is_that_of_the_closed_form_with_its_interval(atlas, tmp_path):
    text = card(atlas, "s|f*t", "base", gate=gated(tmp_path / "g.json"), repository="me/zoo")
    far = np.sqrt(2 * (1 - np.sqrt(0.5 * 0.9) - np.sqrt(0.5 * 0.1)))
    # Four probes that answer alike: no spread, so the interval is the value.
    assert f"| distance from it | {far:.4f} (95 % {far:.4f} to {far:.4f}) |" in text
    assert (
        "| gate | passed |" in text
        and "95% upper limit 0.2 \\< margin 0.3 (4 independent probes)" in text
    )
    assert "behaviordist pull me/zoo --out atlas\n" in text
    assert "not which is better" in text


def test_what_a_policy_decided_stands_line_by_line(atlas, tmp_path):
    shown = Gate("bits", 0.1, 0.0, 0.2, 0.3, 0.05, "within", 4)
    items = bd.EvalGate("non-inferiority", 0.0, -0.1, 0.1, 0.05, 0.05, "open", 90, 90, 0.03)
    sides = {"reference": "base", "candidate": "s|f*t"}
    checks = [{"name": "x", **one.to_json()} for one in (shown, items)]
    path = tmp_path / "policy.json"
    record = {"answers": sides, "gate": {"equivalent": False, "checks": checks}}
    path.write_text(json.dumps(record))
    text = card(atlas, "s|f*t", "base", gate=path)
    assert text.count("| gate |") == 3 and "| gate | not passed |" in text
    assert "change of bits per byte" in text and "90 items" in text
    path.write_text(json.dumps({"comparison": None, "answers": None, "gate": record["gate"]}))
    with pytest.raises(bd.InputError, match="logs of evaluations alone"):
        card(atlas, "s|f*t", "base", gate=path)


def test_a_gate_of_others_or_a_damaged_file_is_one_line(atlas, tmp_path):
    with pytest.raises(bd.InputError, match="is of base and other, not base and"):
        card(atlas, "s|f*t", "base", gate=gated(tmp_path / "g.json", candidate="other"))
    (tmp_path / "g.json").write_text("[]")
    with pytest.raises(bd.InputError, match="not what `behaviordist gate --json` writes"):
        card(atlas, "s|f*t", "base", gate=tmp_path / "g.json")
    with pytest.raises(bd.InputError, match="did you mean 'base'"):
        card(atlas, "s|f*t", "bsae")


def test_the_command_writes_it_and_letters_of_markdown_are_letters(atlas, tmp_path):
    out = tmp_path / "card.md"
    assert run("card", str(atlas), "base", "--base", "s|f*t", "--out", str(out)).code == 0
    assert r"| base | s\|f\*t |" in out.read_text()
    assert run("card", str(atlas), "base", "--base", "s|f*t").out == out.read_text()
