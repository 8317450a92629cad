"""Atlases grow by a row: old cells stay to the last bit, and a new model is the only one run."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest

import behaviordist as bd
from behaviordist.distance.atlas.folder import entries, grow, matrix_path
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.pairwise import matrix_of
from behaviordist.errors import InputError
from behaviordist.innerproduct import pair_moments
from behaviordist.innerproduct.pairs import TILE
from tests.distance.worlds import behavior, fingerprint_of, probe_set

PROBES = probe_set(10)
CELLS = ("squared", "squared_standard_errors", "skewness", "differs")


def one(label, seed, size=6):
    return behavior(label, np.random.default_rng(seed).normal(size=(20, size)), 2)


def matrix_in(folder):
    (path,) = (folder / "matrices").glob("*.npz")
    return DistanceMatrix.load(path)


def test_a_new_model_is_one_fingerprint_and_one_row(tmp_path):
    behaviors = [one(f"m{k}", k) for k in range(6)]
    bd.fingerprint(behaviors[:5], tmp_path, PROBES)
    before, files = matrix_in(tmp_path), {p: p.stat().st_mtime_ns for p in tmp_path.glob("*.saf*")}
    walked = []
    bd.fingerprint(
        behaviors, tmp_path, PROBES, progress=lambda label, done, _: walked.append((label, done))
    )
    assert {label for label, done in walked if done} == {"m5"}
    assert all(p.stat().st_mtime_ns == then for p, then in files.items())
    after, whole = matrix_in(tmp_path), bd.distances(behaviors, PROBES)
    assert after.labels == whole.labels and set(grow(tmp_path).values()).__len__() == 1
    for name in CELLS:
        grown = getattr(after, name)
        np.testing.assert_array_equal(grown[:5, :5], getattr(before, name))
        np.testing.assert_array_equal(grown, getattr(whole, name))
    ((_, new),) = grow(tmp_path).values()
    assert new == 0


@pytest.mark.parametrize("old", [1, TILE - 1, TILE, TILE + 3])
def test_rows_added_later_are_those_of_all_at_once_across_tiles(old):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(12, 3)).astype(np.float32)
    prints = [
        fingerprint_of(f"b{k}", base + rng.normal(size=(12, 3)).astype(np.float32) * (k != 4))
        for k in range(TILE + 9)
    ]
    whole = matrix_of(prints, limits=False, backend="numpy")
    first = matrix_of(prints[:old], limits=False, backend="numpy")
    grown = matrix_of(prints, limits=False, old=first)
    for name in CELLS:
        np.testing.assert_array_equal(getattr(grown, name), getattr(whole, name))


def test_tiles_without_a_new_behavior_are_not_computed():
    prints = [fingerprint_of(f"b{k}", np.eye(3) * k) for k in range(2 * TILE + 1)]
    squared = pair_moments(prints, since=2 * TILE).squared
    assert np.isnan(squared[0, TILE]) and np.isfinite(squared[:, 2 * TILE]).all()


def test_kinds_have_matrices_of_their_own(tmp_path):
    bd.fingerprint([one("a", 0), one("b", 1)], tmp_path, PROBES)
    bd.fingerprint([one("a", 0), one("b", 1)], tmp_path, PROBES, "euclidean")
    bd.fingerprint([one("wide", 2, size=9), one("wider", 3, size=9)], tmp_path, PROBES)
    names = sorted(p.name.rpartition("-")[0] for p in (tmp_path / "matrices").glob("*.npz"))
    assert names == ["euclidean-test", "hellinger-test", "hellinger-test"]


def test_a_matrix_that_does_not_go_with_the_files_is_made_again(tmp_path):
    behaviors = [one(f"m{k}", k) for k in range(4)]
    bd.fingerprint(behaviors, tmp_path, PROBES)
    gone = entries(tmp_path)[1]
    path = matrix_path(tmp_path, gone)
    gone.path.unlink()
    grow(tmp_path)
    assert DistanceMatrix.load(path).labels == ("m0", "m2", "m3")
    path.write_bytes(path.read_bytes()[:-30])
    grow(tmp_path)
    np.testing.assert_array_equal(
        DistanceMatrix.load(path).squared,
        bd.distances([behaviors[k] for k in (0, 2, 3)], PROBES).squared,
    )


def test_one_label_is_one_behavior(tmp_path):
    bd.fingerprint([one("a", 0)], tmp_path, PROBES)
    with pytest.raises(InputError, match=r"another behavior called 'a' .*--label"):
        bd.fingerprint([one("a", 1)], tmp_path)
    bd.fingerprint([one("a", 1)], tmp_path, labels=["a-again"])
    assert matrix_in(tmp_path).labels == ("a", "a-again")
    with pytest.raises(InputError, match="2 labels for 1 models"):
        bd.fingerprint([one("b", 1)], tmp_path, labels=["x", "y"])


def add(folder, seed):
    bd.fingerprint([one(f"m{seed}", seed)], folder, PROBES)


@pytest.mark.slow
def test_several_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=add, args=(tmp_path, seed)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    matrix = matrix_in(tmp_path)
    whole = bd.distances([one(f"m{seed}", seed) for seed in range(4)], PROBES)
    assert sorted(matrix.labels) == list(whole.labels)
    np.testing.assert_allclose(matrix.select(whole.labels).squared, whole.squared, atol=1e-6)
