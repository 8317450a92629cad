"""What a notebook shows of public objects: one picture, short texts, tables that escape."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import behaviordist as bd
from behaviordist.behaviors import ArrayBehavior
from behaviordist.distance.comparison import compare
from behaviordist.distance.directed.answers import Answer
from behaviordist.probes import Probe
from behaviordist.record.run import CompareRecord

LABELS = ("<b>", "c", "d", "e")
SQUARED = np.ones((4, 4)) - np.eye(4)
PLACES = np.array([0.0, 1.0, 3.0, 7.0])
COSTS = pd.DataFrame(abs(PLACES[:, None] - PLACES), LABELS, LABELS)
PROBES = tuple(Probe(f"p{k}", "<i>x", f" {k}") for k in range(100))
HALF = ArrayBehavior("<b> " * 40, [0, 1, 2], np.log(np.full((3, 2), 0.5)))
MOST = ArrayBehavior("<i>", [0, 1, 2], np.log(np.tile([0.9, 0.1], (3, 1))))
SHOWN = (
    CompareRecord(comparison=compare(HALF, MOST, bd.ProbeSet("three", PROBES[:3]))),
    bd.DistanceMatrix(LABELS, SQUARED, 0.01 * SQUARED, metadata={"geometry": "hellinger"}),
    bd.DirectedMatrix(LABELS, LABELS, SQUARED, 0.1 * SQUARED, metadata={"per": "answer"}),
    bd.TransferMatrix(pd.DataFrame(SQUARED, LABELS, LABELS), pd.DataFrame(0, LABELS, LABELS)),
    bd.ProbeSet("mine", PROBES),
    bd.AnswerSet("<b>", PROBES[:1], ((Answer("<u>yes", True, 1.0),),)),
    bd.transfer_test(COSTS, COSTS, permutations=5),
    bd.InferenceSettings(system="<b> " * 500, top_k=3),
    bd.VerdictRule(),
    Probe("<b>", "<i>x " * 500, " y"),
    ArrayBehavior("<b>", np.zeros(1000, int), np.log(np.full((1000, 4), 0.25))),
)


@pytest.mark.parametrize("shown", SHOWN, ids=lambda one: type(one).__name__)
def test_texts_are_one_short_line_and_tables_escape(shown):
    assert repr(shown).startswith(type(shown).__name__)
    assert len(repr(shown)) < 130 and "\n" not in repr(shown)
    html = shown._repr_html_()
    assert not [tag for tag in ("<b>", "<i>", "<u>") if tag in html]
    assert len(html) < 20_000


def test_a_heatmap_shows_itself_once():
    formatters = pytest.importorskip("IPython.core.formatters")
    before = plt.get_fignums()
    figure = SHOWN[1].heatmap()
    data, _ = formatters.DisplayFormatter().format(figure)
    assert data["image/png"][:4] == b"\x89PNG"
    assert plt.get_fignums() == before  # pyplot would show it a second time
    axes = plt.figure().subplots()
    assert SHOWN[1].heatmap(ax=axes) is axes
    plt.close(axes.figure)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda: bd.distances("models/base", "general"), "give a list"),
        (lambda: bd.distances(["models/base"], ["a prompt"]), "a ProbeSet, a name or a file"),
        (lambda: SHOWN[1].heatmap("map.png"), r"heatmap\(path='map.png'\)"),
        (lambda: bd.load(3), "a model is a name"),
    ],
)
def test_natural_mistakes_are_one_line(mistake, said):
    with pytest.raises(bd.InputError, match=said) as error:
        mistake()
    assert "\n" not in str(error.value)
