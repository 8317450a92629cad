"""Progress as bars: what a person in a terminal or a notebook without widgets reads."""

import numpy as np
import pytest

import behaviordist as bd
from behaviordist.behaviors import ArrayBehavior
from behaviordist.store.bars import Bars, told

PROBES = bd.ProbeSet("three", tuple(bd.Probe(f"p{k}", "x", "y") for k in range(3)))
PAIR = [ArrayBehavior(name, range(3), np.log([[0.5, 0.5]] * 3)) for name in ("fair", "too")]


def test_progress_true_shows_a_bar_a_behavior(capsys):
    bd.distances(PAIR, PROBES, progress=True)
    said = capsys.readouterr().err
    for name in ("fair", "too"):
        assert f"{name}: 100%" in said and "3/3" in said


@pytest.mark.parametrize("asked", [None, False])
def test_without_it_nothing_is_said(capsys, asked):
    bd.distances(PAIR, PROBES, progress=asked)
    assert capsys.readouterr() == ("", "")


def test_a_callable_is_called(capsys):
    called = []
    bd.distances(PAIR, PROBES, progress=lambda *told: called.append(told))
    assert ("fair", 3, 3) in called and capsys.readouterr().err == ""


def test_a_label_that_is_gone_over_again_begins_a_bar_of_its_own(capsys):
    bars = told(True)
    assert isinstance(bars, Bars)
    for done in (0, 2, 4, 1, 4):
        bars("model", done, 4)
    assert capsys.readouterr().err.count("model: 100%") == 2
