"""What the figures are computed from: curves, points, panels, labels, cells."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from behaviordist.distance.heatmap import draw_heatmap
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.drawing.cells import CellMark, Cells
from behaviordist.drawing.labels import place_labels
from behaviordist.drawing.matrix import draw_matrix
from behaviordist.drawing.style import abbreviate, families, figure_style
from behaviordist.record import Estimate, Intervals
from behaviordist.report.figures.cost_curves import mean_curves
from behaviordist.report.figures.forest import draw_forest


def test_a_seed_that_has_ended_keeps_its_last_score_in_the_mean():
    rows = [
        ("a", "t", 0, 0, 0.2), ("a", "t", 0, 5, 0.9),
        ("a", "t", 1, 0, 0.0), ("a", "t", 1, 5, 0.3), ("a", "t", 1, 10, 0.5),
        ("b", "t", 0, 0, 0.8),
    ]  # fmt: skip
    transfers = pd.DataFrame(rows, columns=["source", "target", "seed", "step", "score"])
    curves = mean_curves(transfers.assign(tau=0.6)).set_index(["source", "step"])
    assert curves.loc["a", "score"].tolist() == pytest.approx([0.1, 0.6, 0.7])
    assert curves.loc["b", "score"].tolist() == [0.8]
    # Seed 1 of `a` ended below tau; `b` did not.
    assert curves["stopped"].groupby(level=0).any().to_dict() == {"a": True, "b": False}


def ink(text):
    """What is drawn of a text; a letter that no font has is an error."""
    figure = Figure(figsize=(2, 1))
    figure.text(0.1, 0.4, text, fontfamily=families(), fontsize=20)
    with warnings.catch_warnings(action="error"):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 0] < 128


def test_chinese_and_japanese_labels_are_drawn_as_letters_and_get_no_number():
    """Letters, not boxes."""
    pytest.importorskip("pylopdf_fonts_zh_cn")
    labels = ["模型-甲", "模型-乙", "日本語カナ", "测试数据", "臺灣"]
    assert abbreviate(labels, 20) == labels
    assert (ink("模型-甲") != ink("模型-乙")).sum() > 20
    assert all(ink(label).sum() > 100 for label in labels)


def test_a_bold_title_says_nothing_of_fonts_without_a_bold_face(caplog):
    pytest.importorskip("pylopdf_fonts_zh_cn")
    with figure_style():
        figure = Figure(figsize=(2, 1))
        figure.suptitle("bold", fontweight=777)  # of no other test: matplotlib says it once
        FigureCanvasAgg(figure).draw()
    assert not caplog.records


@given(st.lists(st.text(max_size=60), unique=True, max_size=12), st.integers(5, 30))
def test_abbreviated_labels_are_short_and_whole_ones_kept(labels, limit):
    short = abbreviate(labels, limit)
    assert len(short) == len(labels)
    for label, text in zip(labels, short, strict=True):
        assert 0 < len(text) <= limit + 5
        if label.isalnum() and len(label) <= limit and short.count(label) == 1:
            assert label in short
        assert text.isprintable() or not label.isprintable()


@given(st.lists(st.text("abcdef", min_size=1, max_size=60), unique=True, min_size=2, max_size=30))
def test_abbreviated_labels_stay_different(labels):
    short = abbreviate(labels, 12)
    assert len(set(short)) == len(short)


def test_names_cover_neither_points_nor_each_other():
    rng = np.random.default_rng(0)
    points = rng.random((30, 2))
    axes = Figure(figsize=(5, 4)).add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    names = [f"name {i}" for i in range(30)]
    crowded = place_labels(axes, names, points, (5.0, 4.0))
    FigureCanvasAgg(axes.figure).draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 30 - len(crowded) > 10
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    at = axes.transData.transform(points)
    assert not any(box.contains(x, y) for box in boxes for x, y in at)
    assert all(axes.bbox.containsx(b.x0) and axes.bbox.containsx(b.x1) for b in boxes)


def test_dollar_signs_in_labels_are_no_mathematics():
    frame = pd.DataFrame(
        [[0.0, 1.0], [1.0, 0.0]], index=["$\\frac{", "b"], columns=["$\\frac{", "b"]
    )
    figure = draw_matrix(Cells(frame, np.array([["", "1"], ["1", ""]]), "mako_r", "d"))
    FigureCanvasAgg(figure).draw()
    assert figure.axes[0].get_yticklabels()[0].get_text() == "$\\frac{"


def test_marked_missing_and_equal_cells_differ_in_the_image():
    labels = ["a", "b", "c"]
    frame = pd.DataFrame([[0, 1, np.nan], [1, 0, 1], [np.nan, 1, 0]], index=labels, columns=labels)
    marked = np.zeros((3, 3), dtype=bool)
    marked[0, 1] = True
    text = np.full((3, 3), "")
    figure = draw_matrix(
        Cells(frame, text, "mako_r", "d", (CellMark(marked, "ring", "same"),)), title="T"
    )
    FigureCanvasAgg(figure).draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    axes = figure.axes[0]

    def color(row, column):
        x, y = axes.transData.transform((column + 0.5, row + 0.5))
        return tuple(int(v) for v in pixels[pixels.shape[0] - 1 - int(y), int(x)])

    assert color(0, 0) == color(1, 1) == (0xEC, 0xEE, 0xF1)
    assert color(0, 2) == color(2, 0) == (0xC9, 0xCC, 0xD1)
    assert color(0, 1) == color(1, 2) == color(2, 1) != (0xC9, 0xCC, 0xD1)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["same", "missing"]
    assert len(axes.collections[-1].get_offsets()) == 1


@pytest.mark.parametrize("own_axes", [False, True])
def test_the_heatmap_of_a_matrix_shows_every_behavior_in_clustered_order(own_axes):
    points = np.array([0.0, 5.0, 0.1, 5.1])
    squared = (points[:, None] - points[None]) ** 2
    matrix = DistanceMatrix(("a", "b", "c", "d"), squared, np.full((4, 4), 1e-4))
    ax = Figure(figsize=(6, 5)).subplots() if own_axes else None
    figure = draw_heatmap(matrix, ax=ax, title="T")
    shown = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert set(shown[:2]) in ({"a", "c"}, {"b", "d"})
    assert sorted(shown) == ["a", "b", "c", "d"]
    assert (figure is ax.figure) if own_axes else len(figure.axes) == 3


def test_a_forest_is_sorted_inside_its_groups_and_skips_what_is_missing():
    low, high = (Estimate(label=k, value=v) for k, v in (("low", 0.1), ("high", 0.5)))
    none = Estimate(label="none")
    groups = (("one", (low, high, none)), ("empty", (none,)))
    data = Intervals(name="f", title="", caption="", unit="rho", groups=groups,
                     levels=(("noise ceiling", 0.8),))  # fmt: skip
    axes = draw_forest(data).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["one", "high", "low"]
    assert any("0.80" in text.get_text() for text in axes.texts)
