"""The page's parts, and numbers as people read them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.record import Estimate, Paragraph, Table, formatting
from behaviordist.report.page import DrawnSection, Page, Summary, render
from behaviordist.report.pairs import pair_details


def page(*blocks):
    return render(
        Page(
            "T", "s", Summary(("Answer.",)), (DrawnSection("One", blocks), DrawnSection("Two", ()))
        )
    )


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))))
def test_text_never_becomes_markup(text):
    plain, given_text = page(Paragraph(text="x")), page(Paragraph(text=text))
    assert given_text.count("<") == plain.count("<")


def test_a_section_without_blocks_is_not_shown():
    html = page(Paragraph(text="x"))
    assert "#one" in html
    assert "Two" not in html


def test_a_table_whose_rows_differ_in_width_is_refused():
    with pytest.raises(ValueError, match="'bad'"):
        Table(title="bad", header=("a", "b"), rows=(("1", "2"), ("1",)), align="lr")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (formatting.decimal(-0.25), "−0.25"),
        (formatting.decimal(-0.001), "0.00"),
        (formatting.decimal(None), "–"),
        (formatting.decimal(math.inf), "–"),
        (formatting.significant(123456), "123,456"),
        (formatting.significant(1.24e10, 2), "1.2e+10"),
        (formatting.significant(0.01234), "0.0123"),
        (formatting.interval(Estimate(value=0.34, low=0.1, high=0.52)), "0.34 [0.10, 0.52]"),
        (formatting.interval(Estimate(value=0.34, low=None)), "0.34"),
        (formatting.p_cell(0.0312), "0.031"),
        (formatting.p_cell(1e-6), "<\N{NO-BREAK SPACE}0.0001"),
        (formatting.p_value(1 / 1001, 1000), "≤\N{NO-BREAK SPACE}0.0010"),
        (formatting.digits_for(0.017), 3),
        (formatting.digits_for(0.00042), 5),
        (formatting.digits_for(0.0), 3),
        (formatting.share(0.0345), "3.5%"),
        (formatting.share(0.9), "90%"),
        (formatting.spread([10, 30, 20, None, math.nan]), "20 (10–30)"),
        (formatting.spread([10, 20]), "15 (10–20)"),
        (formatting.spread([]), "–"),
        (formatting.seconds(300), "5.0 min"),
        (formatting.plural(1, "pair"), "1 pair"),
        (formatting.plural(1200, "pair"), "1,200 pairs"),
    ],
)
def test_numbers_as_people_read_them(shown, expected):
    assert shown == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_the_median_of_a_spread_is_numpys(values):
    shown = formatting.spread(values, 3).split(" ")[0].replace("−", "-")
    assert float(shown) == pytest.approx(float(np.median(values)), abs=6e-4)


def test_the_panel_of_a_pair_says_kl_both_ways_where_it_is_kept():
    said = {"pair": ["b", "a"], "witnesses": [], "kl": [[0.5, 0.02], [math.inf, math.nan]]}
    matrix = DistanceMatrix(("a", "b"), [[0, 1], [1, 0]], 0, metadata={"witnesses": [said]})
    (table,) = pair_details(matrix)["0,1"]
    assert table["rows"] == [["b ‖ a", "0.500 ± 0.020"], ["a ‖ b", "∞"]]
    del said["kl"]  # folders of earlier versions
    assert pair_details(matrix) == {"0,1": []}
