"""The page of a study with claims: every block is drawn, damage is told in one line."""

from __future__ import annotations

import pytest

from behaviordist.record import (
    Claim,
    Estimate,
    Fact,
    Findings,
    Grid,
    Intervals,
    Lines,
    Mark,
    Panel,
    Points,
    Scatter,
    Section,
    Series,
    StudyRecord,
    Table,
    decide,
    write_record,
)
from behaviordist.report.write import write_report

HALF = Estimate(label="r", value=0.5, low=0.2, high=0.8, smallest_effect=0.31)
FINDINGS = Findings(
    headline="Two of three things are so.",
    claims=(
        Claim.of("A is above zero.", HALF, "it is 0.5", unit="nats"),
        Claim.of("<b>B</b> is.", Estimate(), "nobody knows"),
    ),
    facts=(Fact.of("seeds", 3, "independent"),),
    sections=(
        Section.of(
            "Curves",
            "A paragraph with <script>alert(1)</script>.",
            Lines(
                name="curve", title="T", caption="C", x="steps", y="score", x_scale="symlog",
                series=(
                    Series.over("one", (0, 10, 100), (HALF, Estimate(), HALF)),
                    Series(label="two", x=(0, 10, 100), y=(0.2, 0.3, 0.4)),
                ),
                levels=(("tau", 0.25),),
            ),
            Lines(name="band", title="T", caption="C", x="x", y="y", band=True,
                  series=(Series.over("one", (0, 1), (HALF, HALF)),), places=(("here", 0.5),)),
            Intervals(name="forest", title="T", caption="C", unit="u", main=("r",),
                      groups=(("g", (HALF,)),), levels=(("ceiling", 0.9),)),
            Scatter(
                name="law", title="T", caption="C", x="nats", y="steps", bound="censored",
                panels=(
                    Panel(title="t", points=(Points(label="sft", x=(0, 1), y=(2, 3),
                                                    bound=(True, False), names=("a", "b")),
                                             Points(label="base", x=(2,), y=(1,))),
                          lines=(Series.over("fit", (0, 1), (HALF, HALF)),)),
                    Panel(title="empty", points=()),
                ),
            ),
            Grid(name="grid", title="T", caption="C", rows=("a", "b"), columns=("c", "d"),
                 values=((1.0, -1.0), (None, 0.0)), scale="cosine", diverging=True,
                 marks=(Mark(style="hatch", label="all", cells=((0, 1),)),), struck=("d",)),
            Table(title="Numbers", header=("a", "b"), rows=(("1", "2"),), align="lr"),
        ),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("study")
    record = StudyRecord(study="s", question="Is it so?", findings=FINDINGS)
    write_record(path / "run.json", record)
    write_report(path)
    return path


def test_every_block_is_on_the_page_and_hostile_text_is_escaped(folder):
    page = (folder / "index.html").read_text()
    assert "Two of three things are so." in page
    assert "0.50 [0.20, 0.80]" in page
    assert "supported where the 95 % interval" in page
    assert "nobody knows" in page
    assert page.count("<script>") == 1  # ours
    assert "<b>B</b>" not in page
    figures = {path.stem for path in (folder / "figures").glob("*.png")}
    assert figures == {"curve", "band", "forest", "law", "grid"}


def test_the_page_says_on_which_processor_or_that_it_is_not_kept(folder):
    page = (folder / "index.html").read_text()
    assert "processor" in page
    assert "not kept" in page
    assert "Numbers are per machine" in page


@pytest.mark.parametrize(
    ("low", "high", "above", "verdict"),
    [
        (0.1, 0.4, True, "supported"),
        (-0.1, 0.4, True, "inconclusive"),
        (-0.4, -0.1, True, "not supported"),
        (-0.4, -0.1, False, "supported"),
        (0.1, 0.4, False, "not supported"),
        (None, 0.4, True, "inconclusive"),
    ],
)
def test_the_plain_rule(low, high, above, verdict):
    assert decide(Estimate(low=low, high=high), above=above) == verdict
