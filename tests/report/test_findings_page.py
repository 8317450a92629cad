"""The page of a study with claims: every part is drawn, damage is told in one line."""

from __future__ import annotations

import json

import pytest

from behaviordist.errors import InputError
from behaviordist.report import findings as f
from behaviordist.report.write import write_report

FOUND = f.Findings(
    headline="Two of three things are so.",
    claims=(
        f.Claim(
            claim="A is above zero.", verdict="supported", answer="it is 0.5", value=0.5, low=0.2,
            high=0.8, unit="nats", smallest_effect=0.31, rule="supported if above zero",
        ),
        f.Claim(claim="<b>B</b> is.", verdict="inconclusive", answer="nobody knows"),
    ),
    facts=(("seeds", "3", "independent"),),
    parts=(
        f.Part(
            title="Curves",
            blocks=(
                "A paragraph with <script>alert(1)</script>.",
                f.Lines(
                    name="curve", title="T", caption="C", x="steps", y="score", x_scale="symlog",
                    series=(
                        f.Series(label="one", x=(0, 10, 100), y=(0.1, None, 0.3),
                                 low=(0.0, None, 0.2), high=(0.2, None, 0.4)),
                        f.Series(label="two", x=(0, 10, 100), y=(0.2, 0.3, 0.4)),
                    ),
                    levels=(("tau", 0.25),),
                ),
                f.Intervals(name="forest", title="T", caption="C", unit="u",
                            groups=(("g", (f.Row(label="r", value=1.0, low=0.5, high=2.0),)),)),
                f.Grid(name="grid", title="T", caption="C", rows=("a", "b"), columns=("c", "d"),
                       values=((1.0, -1.0), (None, 0.0)), scale="cosine", diverging=True),
                f.TableOf(title="Numbers", header=("a", "b"), rows=(("1", "2"),), align="lr"),
            ),
        ),
    ),
)  # fmt: skip


def folder_with(tmp_path, findings):
    record = {"schema": 1, "kind": "findings", "study": "s", "question": "Is it so?"}
    (tmp_path / "run.json").write_text(json.dumps({**record, "findings": findings}))
    return tmp_path


def test_every_part_is_on_the_page_and_hostile_text_is_escaped(tmp_path):
    folder = folder_with(tmp_path, FOUND.model_dump(mode="json"))
    page = write_report(folder).read_text()
    assert "Two of three things are so." in page and "0.50 [0.20, 0.80]" in page
    assert "supported if above zero" in page and "nobody knows" in page
    assert "<script>" not in page and "<b>B</b>" not in page
    assert {p.name for p in (folder / "figures").glob("*.png")} == {
        "curve.png", "forest.png", "grid.png",
    }  # fmt: skip


def test_findings_survive_the_way_through_json():
    assert f.Findings.from_json(json.loads(FOUND.model_dump_json()), "run.json") == FOUND


@pytest.mark.parametrize("damage", [None, {}, {"headline": "x", "claims": []}])
def test_damaged_findings_are_one_line(tmp_path, damage):
    with pytest.raises(InputError, match="run the study again"):
        write_report(folder_with(tmp_path, damage))
    assert not (tmp_path / "index.html").exists()


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
    assert f.decide(low, high, above=above) == verdict
