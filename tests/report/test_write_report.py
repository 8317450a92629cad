"""The whole way: from a run's folder to its page, its figures, and its complaints."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import t

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError
from behaviordist.record import DistanceRecord, write_record
from behaviordist.record.formatting import NBSP
from behaviordist.report import write_report
from behaviordist.report.maps import STATES
from tests.report.run_folders import (
    HOSTILE,
    write_distance_run,
    write_old_run,
    write_transfer_run,
)

FIGURES = (
    "predictors",
    "tau-sweep",
    "distances",
    "ordination",
    "costs",
    "cost-against-distance",
    "cost-curves",
)


class Reader(HTMLParser):
    """Collects what a browser would: elements with attributes, and the text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.open, self.scripts = [], "", [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if "script" in self.open:
            self.scripts.append(data)
        elif "style" not in self.open:
            self.text += data


def read(folder):
    return Reader((folder / "index.html").read_text())


def test_the_page_is_well_formed_and_has_every_section(transfer_run):
    page = read(transfer_run)
    assert page.open == []
    headings = re.findall(r"<h2>(.*?)</h2>", (transfer_run / "index.html").read_text())
    assert headings == [
        "Claims and verdicts", "The test", "Distances", "Costs", "Target by target",
        "Behaviors and regimes", "Notes", "How to reproduce it",
    ]  # fmt: skip


def test_the_page_states_every_number_it_owes(transfer_run):
    text = read(transfer_run).text
    for owed in (
        "0.60 [0.40, 0.75]",
        "≤\N{NO-BREAK SPACE}0.0001",  # p, the least that 10,000 relabellings can show
        "0.21", "0.32",  # smallest visible effect, and that of the whole rule
        "0.84", "0.91",  # ceilings of noise and ties
        "score at step 0", "weight-space distance", "source quality",
        "aitchison", "euclidean", "hellinger", "aulc",
        "From random weights, rlvr: 6 of 6 runs censored", "A processor, AVX2", "12ab" * 10,
        "every run was censored",
        "1 pair without a cost",
        "behaviordist run transfer --seed 0",
        "ab" * 32,
    ):  # fmt: skip
        assert owed in text, owed


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_nothing_is_fetched_and_only_our_script_runs(transfer_run, hostile_run):
    for folder in (transfer_run, hostile_run):
        page = read(folder)
        for tag, attributes in page.elements:
            assert tag not in ("iframe", "object", "embed", "form")
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            for name in ("src", "href"):
                assert attributes.get(name, "data:").startswith(("data:", "#")), attributes
        style = re.search(r"<style>(.*?)</style>", (folder / "index.html").read_text(), re.DOTALL)
        assert "url(" not in style[1]
        assert "@import" not in style[1]
        policy = next(a["content"] for _, a in page.elements if a.get("http-equiv"))
        *data, script = page.scripts
        assert policy == (
            f"default-src 'none'; img-src data:; style-src {digest(style[1])};"
            f" script-src {digest(script)}"
        )
        kinds = [a.get("type") for tag, a in page.elements if tag == "script"]
        assert kinds == ["application/json"] * len(data) + [None]
        for text in data:
            assert not set("<>&") & set(text)
            assert json.loads(text)["layers"]


def test_a_map_holds_what_the_matrix_says(hostile_run):
    matrix = DistanceMatrix.load(hostile_run)
    data = json.loads(read(hostile_run).scripts[0])
    assert tuple(data["rows"]) == matrix.labels
    values = np.frombuffer(base64.b64decode(data["layers"][0]["values"]), "<f4")
    pair = np.triu_indices(len(matrix), 1)
    assert values == pytest.approx(matrix.distances[pair], abs=1e-6)
    codes = np.frombuffer(base64.b64decode(data["layers"][0]["states"]), "u1")
    assert [STATES[k] for k in codes] == matrix.states().table[pair].tolist()


def test_inlined_figures_hold_no_scripts_and_fetch_nothing(hostile_run):
    images = [a["src"] for t, a in read(hostile_run).elements if t == "img"]
    assert len(images) == 2
    for source in images:
        kind, data = source.split(";base64,")
        content = base64.b64decode(data, validate=True)
        if kind == "data:image/svg+xml":
            assert b"<script" not in content
            assert not re.search(rb'href="(?!#|data:)', content)


def test_labels_from_outside_are_text(hostile_run):
    html = (hostile_run / "index.html").read_text()
    assert html.count("<script") == 2  # the map's data, and ours
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    text = read(hostile_run).text
    for label in HOSTILE:
        assert label in text


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_files_with_something_on_them(transfer_run, name):
    with Image.open(transfer_run / "figures" / f"{name}.png") as image:
        pixels = np.asarray(image.convert("L"), dtype=float)
    assert min(pixels.shape) > 250
    assert (pixels < 200).mean() > 0.004, "blank"
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (edge > 250).all(), "something is cut off"
    assert (transfer_run / "figures" / f"{name}.svg").read_text().startswith("<?xml")


def test_heatmap_png_is_the_distance_figure(transfer_run):
    heatmap = (transfer_run / "heatmap.png").read_bytes()
    assert heatmap == (transfer_run / "figures" / "distances.png").read_bytes()


def test_the_same_folder_gives_the_same_bytes(hostile_run):
    names = ["index.html", "heatmap.png", "figures/ordination.svg"]
    before = [(hostile_run / name).read_bytes() for name in names]
    write_report(hostile_run)
    assert [(hostile_run / name).read_bytes() for name in names] == before


def test_no_temporary_file_is_left(transfer_run):
    assert not [p for p in transfer_run.rglob("*") if p.name.endswith(".tmp")]


@pytest.mark.slow
def test_sixty_one_models_fit_a_page_of_two_megabytes(tmp_path):
    folder = write_distance_run(tmp_path, n=61)
    write_report(folder)
    assert (folder / "index.html").stat().st_size <= 2_000_000
    assert "Distances between 61 behaviors" in read(folder).text


@pytest.mark.slow
@pytest.mark.parametrize(
    "absent",
    [("test.json", "transfers.parquet"), ("distances.csv", "distances.npz"), ("costs.csv",)],
)
def test_optional_files_may_be_absent(tmp_path, absent):
    folder = write_transfer_run(tmp_path, n=4)
    for name in absent:
        (folder / name).unlink(missing_ok=True)
    assert write_report(folder).is_file()


def test_distances_without_their_errors_are_shown_as_they_are(tmp_path):
    folder = write_distance_run(tmp_path, n=4)
    (folder / "distances.npz").unlink()
    write_report(folder)
    table = pd.read_csv(folder / "distances.csv", index_col=0)
    assert f"{table.iloc[0, 2]:.3f}" in read(folder).text
    assert "±" not in read(folder).text.replace("± standard error", "")


def test_the_interval_is_that_of_the_matrix(tmp_path):
    """Student's t of the square with the matrix's own degrees of freedom, not value ± 1.96 se."""
    squared = np.array([[0.0, 0.034], [0.034, 0.0]])
    errors = np.array([[0.0, 0.02], [0.02, 0.0]])
    matrix = DistanceMatrix(("a", "b"), squared, errors, degrees_of_freedom=1.4)
    matrix.save(tmp_path)
    write_record(tmp_path / "run.json", DistanceRecord(geometry="hellinger"))
    write_report(tmp_path)
    high = np.sqrt(squared[0, 1] + t.ppf(0.975, 1.4) * errors[0, 1])
    assert f"0.18 [0.00, {high:.2f}]" in read(tmp_path).text
    assert "undecided" in read(tmp_path).text


@pytest.mark.parametrize("kind", ["distance", "findings", "transfer"])
def test_a_folder_of_version_0_1_0_is_drawn(tmp_path, kind):
    folder = write_old_run(tmp_path, kind)
    write_report(folder)
    page = read(folder)
    assert page.open == []
    owed = {
        "distance": "quant=int8",
        "findings": "0.262 [0.120, 0.404]",
        "transfer": "within-target spearman 0.66 [0.60, 0.71], p ≤",
    }
    assert owed[kind] in page.text.replace(NBSP, " ")
    assert "not kept" in page.text


def test_missing_values_are_dashes_and_counted(tmp_path):
    folder = write_distance_run(tmp_path, n=5, gap=True)
    write_report(folder)
    text = read(folder).text
    assert "1 pair missing (grey)" in text
    assert "missing pairs" in text
    assert "–" in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("distances.csv", ",a,b\na,0,x\nb,1,0\n"),
        ("distances.csv", ",a,b\na,0,1\nb,2,0\n"),
        ("distances.npz", "not an archive"),
        ("transfers.parquet", "not parquet"),
        ("run.json", "[]"),
        ("run.json", "{"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_written(tmp_path, name, content):
    write_record(tmp_path / "run.json", DistanceRecord())
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=re.escape(str(tmp_path / name))):
        write_report(tmp_path)
    assert not (tmp_path / "index.html").exists()
    assert not (tmp_path / "figures").exists()
