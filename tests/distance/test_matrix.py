"""DistanceMatrix: errors near zero, intervals and floors, files, frames, notebook text, figures."""

from __future__ import annotations

import dataclasses
import re
import resource

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from behaviordist.distance import DistanceMatrix, matrix_of
from behaviordist.distance.analysis.clustering import leaf_order, linkage
from behaviordist.distance.analysis.ordination import principal_coordinates
from behaviordist.distance.analysis.scikit_bio import scikit_bio
from behaviordist.distance.heatmap import draw_heatmap
from behaviordist.errors import InputError
from behaviordist.innerproduct.limits import smallest_limit, units_that_show
from behaviordist.store.tables import read_square
from tests.distance.worlds import fingerprint_of

ARRAYS = (
    "squared",
    "squared_standard_errors",
    "degrees_of_freedom",
    "floor",
    "floor_standard_errors",
    "limits",
    "skewness",
)


def matrix(n=5, seed=0, **changes):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    errors = 0.05 * (1 - np.eye(n))
    made = DistanceMatrix(
        tuple(f"<b{i}>" for i in range(n)), squared, errors, metadata={"geometry": "hellinger"}
    )
    return dataclasses.replace(made, **changes)


def of(squared, error, **more):
    table = np.array([[0.0, squared], [squared, 0.0]])
    return DistanceMatrix(("a", "b"), table, error * (1 - np.eye(2)), **more)


def test_delta_method_and_its_bound_at_zero():
    assert of(4.0, 0.2).standard_errors[0, 1] == pytest.approx(0.2 / (2 * 2.0))
    assert of(0.0, 0.04).standard_errors[0, 1] == pytest.approx(0.2)
    assert of(-0.01, 0.04).standard_errors[0, 1] == pytest.approx(0.2)
    assert of(-0.01, 0.04).distances[0, 1] == 0
    assert of(0.0, 0.0).standard_errors[0, 1] == 0


def test_the_interval_is_students():
    low, high = of(1.0, 0.5, degrees_of_freedom=4.0).interval(0.9)
    assert high[0, 1] - low[0, 1] == pytest.approx(2 * student.ppf(0.95, 4) * 0.5)


def test_a_skewed_mean_has_a_longer_upper_side():
    """Hall's (1992) transformation by its definition; g = 0 is Student's t."""
    g, y = 0.4, student.ppf([0.025, 0.975], 20.0)
    low, high = of(1.0, 0.2, degrees_of_freedom=20.0, skewness=g).interval()

    def transformed(mean):  # of (d^2 - mean) / se: symmetric about 0 under the truth
        u = (1.0 - mean) / 0.2
        return u + g * u**2 / 3 + g**2 * u**3 / 27 + g / 6

    assert transformed(high[0, 1]) == pytest.approx(y[0])
    assert transformed(low[0, 1]) == pytest.approx(y[1])
    assert high[0, 1] - 1 > 1 - low[0, 1]


def test_cautions_name_few_groups_and_skewed_pairs():
    probes = {"n_probes": 60, "n_groups": 12}
    words = of(1.0, 0.2, skewness=0.9, metadata=probes).cautions()
    assert "12 independent ones, and 11 degrees of freedom" in words[0]
    assert "1 of 1 distances" in words[1] and "0.90, 3 a probe" in words[1]
    assert of(1.0, 0.2, metadata={"n_probes": 60, "n_groups": 60}).cautions() == ()


def test_a_margin_that_no_probes_could_show_is_told_with_the_number_that_could():
    rng = np.random.default_rng(0)
    alike = rng.normal(size=(60, 3)) / 10
    same = lambda n: [fingerprint_of(k, np.tile(alike, (n // 60, 1))) for k in "ab"]  # noqa: E731
    made = matrix_of(same(60))
    made.metadata["margin"] = 0.1
    assert made.states().count("same") == 0
    need = re.search(r"60 independent probes show no pair.*; ([\d,]+) would do", made.cautions()[0])
    enough = 60 * -(-int(need[1].replace(",", "")) // 60)
    more = matrix_of(same(enough))
    more.metadata["margin"] = 0.1
    assert more.cautions() == ()
    assert more.states().count("same") == 1
    assert units_that_show(smallest_limit(50, 2.0, 0.01) * 1.001, 2.0, 0.01) == 50


def test_the_old_flag_warns_and_says_what_it_is():
    with pytest.warns(DeprecationWarning, match="not sameness"):
        assert of(1.0, 0.52).indistinguishable[0, 1]


def test_folder_and_npz_round_trip(tmp_path):
    differs = ~np.eye(5, dtype=bool)
    made = matrix(floor=0.01, degrees_of_freedom=7.0, limits=9.0, differs=differs)
    made.save(tmp_path / "run")
    made.save(tmp_path / "one.npz")
    for path in (tmp_path / "run", tmp_path / "one.npz"):
        again = DistanceMatrix.load(path)
        assert again.labels == made.labels and again.metadata == made.metadata
        for name in (*ARRAYS, "differs"):
            np.testing.assert_array_equal(getattr(again, name), getattr(made, name))
    table = read_square(tmp_path / "run" / "distances.csv", "distances")
    pd.testing.assert_frame_equal(table, made.to_pandas(), check_exact=True)
    states = pd.read_csv(tmp_path / "run" / "states.csv", index_col=0, keep_default_na=False)
    np.testing.assert_array_equal(states.to_numpy(), made.states().table)
    mask = read_square(tmp_path / "run" / "indistinguishable.csv")
    np.testing.assert_array_equal(mask.to_numpy(), ~made.states().are("apart"))


def test_damaged_files_are_one_line(tmp_path):
    path = tmp_path / "d.npz"
    matrix().save(path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"nonsense"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="not a whole distance matrix"):
            DistanceMatrix.load(path)
    with pytest.raises(InputError, match="no such file"):
        DistanceMatrix.load(tmp_path / "absent.npz")


def test_bad_matrices_are_refused():
    with pytest.raises(InputError, match="'a' occurs twice"):
        DistanceMatrix(("a", "a"), np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(InputError, match="symmetric"):
        DistanceMatrix(("a", "b"), np.array([[0, 1.0], [2.0, 0]]), np.zeros((2, 2)))
    with pytest.raises(InputError, match="diagonal"):
        DistanceMatrix(("a", "b"), np.eye(2), np.zeros((2, 2)))
    with pytest.raises(InputError, match="did you mean '<b1>'"):
        matrix().select(["<b1"])


def test_select_and_foreign_forms():
    made = matrix()
    part = made.select(["<b3>", "<b0>"])
    assert part.labels == ("<b3>", "<b0>") and part.squared[0, 1] == made.squared[3, 0]
    assert made.to_skbio()["<b1>", "<b2>"] == made.distances[1, 2]
    html = made._repr_html_()
    assert "&lt;b0&gt;" in html and "<b0>" not in html and "±" in html


def test_ordination_recovers_points_up_to_rotation():
    made = matrix(n=8)
    found = principal_coordinates(made, dimensions=3)
    again = np.sqrt(((found.coordinates[:, None] - found.coordinates[None]) ** 2).sum(axis=2))
    np.testing.assert_allclose(again, made.distances, atol=1e-9)
    assert found.explained.sum() == pytest.approx(1) and found.negative_share < 1e-9
    theirs = scikit_bio("skbio.stats.ordination").pcoa(made.to_skbio()).samples.to_numpy()[:, :3]
    np.testing.assert_allclose(np.abs(found.coordinates), np.abs(theirs), atol=1e-6)
    with pytest.raises(InputError, match="between 1 and 7"):
        principal_coordinates(made, 8)


def test_clusters_are_side_by_side():
    points = np.array([0, 10, 0.1, 10.1, 0.2, 10.2])
    squared = (points[:, None] - points[None]) ** 2
    made = DistanceMatrix(tuple("abcdef"), squared, np.zeros((6, 6)))
    order = [made.labels[i] for i in leaf_order(made.distances)]
    assert {frozenset(order[:3]), frozenset(order[3:])} == {frozenset("ace"), frozenset("bdf")}
    assert linkage(made.distances).shape == (5, 4)


@pytest.mark.parametrize("n", [2, 6, 40])
def test_heatmap_shows_every_behavior_and_marks_cells(n, tmp_path):
    made = matrix(n=n)
    made = dataclasses.replace(made, floor=float(np.median(made.squared)))
    figure = draw_heatmap(made, title="a title")
    axes = figure.axes[0]
    assert {text.get_text() for text in axes.get_yticklabels()} == set(made.labels)
    marks = sum(len(c.get_offsets()) for c in axes.collections[1:])
    assert marks == made.states().are("undecided").sum()
    assert marks > 0 or n == 2
    assert len(axes.texts) == (n * (n - 1) if n <= 16 else 0)
    made.heatmap(path=tmp_path / "h.png")
    assert (tmp_path / "h.png").read_bytes()[:4] == b"\x89PNG"
    assert [p.name for p in tmp_path.iterdir()] == ["h.png"]


def test_many_behaviors_are_one_image_with_thinned_names_and_tinted_marks():
    n = 300
    errors = 0.001 * (1 - np.eye(n))
    known = {"geometry": "hellinger", "margin": 0.5}
    made = matrix(n=n, metadata=known, squared_standard_errors=errors)
    figure = draw_heatmap(made)
    axes = figure.axes[0]
    assert not axes.collections and not axes.patches
    values = axes.images[0].get_array()
    assert values.shape == (n, n) and values.mask.sum() == n
    shown = [text.get_text() for text in axes.get_yticklabels()]
    assert 80 < len(shown) < n / 2 and set(shown) <= set(made.labels)
    assert axes.get_xlabel() == "one name in 3 of 300"
    assert max(figure.get_size_inches()) < 20
    tinted = axes.images[-1].get_array()[..., 3] > 0
    assert tinted.sum() == made.states().are("same").sum() > 0


def test_letters_that_no_font_has_are_told_apart_by_a_number():
    from behaviordist.drawing.style import abbreviate

    lacking = "\U000f0001"
    assert abbreviate(["plain", lacking, lacking * 2], 20) == [
        "plain", f"2: {lacking}", f"3: {lacking * 2}"
    ]  # fmt: skip
    assert abbreviate(["модель"], 20) == ["модель"]


def test_scikit_bio_does_not_change_the_precision_of_jax():
    import jax

    scikit_bio()
    assert not jax.config.read("jax_enable_x64")


def test_a_full_disk_is_one_line_and_leaves_no_part(tmp_path):
    made = matrix(n=60)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        for path in (tmp_path / "run", tmp_path / "one.npz"):
            with pytest.raises(InputError, match="cannot be written"):
                made.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
