"""Pages as people see them: at a desk and on a phone, light and dark, touched and without scripts.

Set BEHAVIORDIST_SCREENSHOTS to a folder to keep a picture of every page that is opened.
"""

import time

import numpy as np
import pytest

from behaviordist.distance.directed import DirectedMatrix
from behaviordist.distance.matrix import DistanceMatrix
from tests.browser.conftest import SIZES
from tests.report.run_folders import HOSTILE

pytestmark = pytest.mark.slow

OUTSIDE = """() => [...document.querySelectorAll("body *")].filter((one) => {
  if (one.closest(".scroll") && !one.matches(".scroll")) return false;
  const box = one.getBoundingClientRect();
  return box.width > 0 && (box.left < -1 || box.right > window.innerWidth + 1);
}).map((one) => one.outerHTML.slice(0, 80))"""
MAP = "document.querySelector('figure.map').matrixMap"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", [*map(str, SIZES), "transfer", "directed", "kl"])
def test_nothing_runs_over_and_the_picture_is_first(opened, name, width, scheme):
    started = time.perf_counter()
    page = opened(name, width, scheme)
    if name == "61" and width == 1280 and scheme == "light":
        assert time.perf_counter() - started < 2
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
    picture = page.locator(".first canvas, .first img:visible").first.bounding_box()
    assert picture["y"] < 450
    if width == 1280:
        assert picture["y"] + picture["height"] <= 900


def spot(page, i, j):
    """Return where the cell of two behaviors is drawn, from the canvas' corner."""
    return page.evaluate(
        f"""([i, j]) => {{ const m = {MAP};
        const [x, y] = m.spot(m.columns.indexOf(j), m.rows.indexOf(i));
        return {{x: x + m.cell / 2, y: y + m.cell / 2}}; }}""",
        [i, j],
    )


@pytest.mark.parametrize("name", ["3", "21", "61"])
def test_hover_and_click_say_value_interval_and_state(opened, pages, name):
    page = opened(name)
    matrix = DistanceMatrix.load(pages[name].parent)
    i, j = 0, len(matrix) - 1
    canvas = page.locator(".map-view canvas")
    canvas.hover(position=spot(page, i, j))
    low, high = (np.sqrt(np.maximum(0, end[i, j])) for end in matrix.interval())
    value = f"{matrix.distances[i, j]:.3f} [{low:.3f}, {high:.3f}], {matrix.states().table[i, j]}"
    tip = page.locator(".map-tip").inner_text()
    assert value in tip
    assert matrix.labels[i] in tip and matrix.labels[j] in tip
    canvas.click(position=spot(page, i, j))
    panel = page.locator(".map-panel").inner_text()
    assert value in panel
    page.get_by_role("button", name="Back to the overview").click()
    assert "Nearest" in page.locator(".map-side").inner_text()


def test_rows_sort_names_filter_and_the_map_zooms(opened, pages):
    page = opened("21")
    matrix = DistanceMatrix.load(pages["21"].parent)
    page.locator(".map-view canvas").click(position={**spot(page, 4, 4), "x": 10})
    order = page.evaluate(f"{MAP}.rows")
    assert order[0] == 4
    assert np.all(np.diff(matrix.distances[4][order]) >= 0)
    page.get_by_label("Filter names").fill("llm-1")
    kept = [k for k, label in enumerate(matrix.labels) if "llm-1" in label]
    assert sorted(page.evaluate(f"{MAP}.rows")) == kept
    page.get_by_label("Filter names").fill("")
    before = page.evaluate(f"{MAP}.cell")
    page.get_by_role("button", name="Zoom in").click()
    assert page.evaluate(f"{MAP}.cell") == pytest.approx(2 * before)
    page.get_by_role("button", name="Show the whole map").click()
    assert page.evaluate(f"{MAP}.cell") == pytest.approx(before)


def test_a_directed_map_switches_its_tables_and_says_both_ways(opened):
    page = opened("directed")
    assert page.locator("figure.map").count() == 1
    value = page.evaluate(f"{MAP}.layer.value(1, 4)")
    back = page.evaluate(f"{MAP}.layer.value(4, 1)")
    page.locator(".map-view canvas").click(position=spot(page, 1, 4))
    panel = page.locator(".map-panel").inner_text()
    assert "the other way" in panel
    assert f"{value:.3f}" in panel.replace(",", "") or f"{value:.1f}" in panel
    assert f"{back:.3f}" in panel or f"{back:.1f}" in panel
    page.locator(".map-tools select").first.select_option(label="(there − back) / 2")
    assert page.evaluate(f"{MAP}.layer.value(1, 4)") == pytest.approx((value - back) / 2, rel=1e-5)
    assert page.evaluate(f"{MAP}.layer.diverging")


def test_a_rectangle_says_interval_and_state_and_has_groups_on_both_axes(opened, pages):
    page = opened("kl")
    matrix = DirectedMatrix.load(pages["kl"].parent)
    low, high = matrix.interval()
    i, j = 2, 0
    page.locator(".map-view canvas").hover(position=spot(page, i, j))
    tip = page.locator(".map-tip").inner_text()
    state = matrix.states()[i, j]
    assert f"{matrix.values[i, j]:.3f} [{low[i, j]:.3f}, {high[i, j]:.3f}], {state}" in tip
    assert page.locator(".map-groups li").all_inner_texts() == [
        "base", "tuned", "people", "a long name of a model that was asked",
    ]  # fmt: skip
    assert page.evaluate(f"{MAP}.data.columnGroups.model[1]") == "tuned"


def test_keys_move_through_the_cells_and_open_a_pair(opened):
    page = opened("21")
    page.locator(".map-view canvas").focus()
    page.keyboard.press("ArrowRight")
    said = page.get_by_role("status").inner_text()
    i, j = page.evaluate(f"{MAP}.at")
    labels = page.evaluate(f"{MAP}.names[0]")
    assert labels[i] in said and labels[j] in said
    page.keyboard.press("Enter")
    assert labels[j] in page.locator(".map-panel h4").inner_text()
    page.keyboard.press("Escape")
    assert page.evaluate(f"{MAP}.at") is None


def test_tables_sort_by_a_column(opened):
    page = opened("21")
    header = page.locator("figure.table").first.locator("th", has_text="median")
    header.get_by_role("button").click()
    column = page.locator("figure.table").first.locator("tbody tr td:nth-child(4)")
    values = [float(text.split()[0]) for text in column.all_inner_texts()]
    assert values == sorted(values)
    header.get_by_role("button").click()
    values = [float(text.split()[0]) for text in column.all_inner_texts()]
    assert values == sorted(values, reverse=True)
    assert header.get_attribute("aria-sort") == "descending"


def test_without_scripts_the_pictures_and_tables_stand(opened):
    page = opened("21", scripts=False)
    assert page.locator(".map-static img").first.is_visible()
    assert not page.locator(".map-live").is_visible()
    text = page.locator("body").inner_text()
    assert all(label in text for label in HOSTILE)


def test_print_shows_the_picture_on_the_first_page(opened):
    page = opened("21")
    page.emulate_media(media="print")
    picture = page.locator(".map-static img").first.bounding_box()
    assert picture["y"] + picture["height"] < 1000  # A4 at 96 dots an inch, less its margins
    assert not page.locator(".map-live").is_visible()


def test_a_witness_is_marked_in_its_context(opened):
    page = opened("compare")
    marks = page.locator("blockquote mark")
    assert marks.all_inner_texts() == list(HOSTILE[1:])  # the first has no place
    text = page.locator("figure.passage").nth(1).inner_text()
    assert "stands there" in text and "+0.5000" in text
    box = marks.first.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 1280


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["21", "transfer", "directed", "compare"])
def test_accessibility_has_no_serious_finding(opened, name, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core")
    page = opened(name, scheme=scheme)
    if name != "compare":
        page.locator(".map-view canvas").first.focus()
    found = axe.Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in serious] == []
