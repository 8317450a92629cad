"""Fingerprint files where models stand: the same numbers, and refusals of what cannot be mixed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import behaviordist as bd
from behaviordist.behaviors import InferenceSettings, load
from behaviordist.distance import fingerprint, gate
from behaviordist.distance.comparison import compare
from behaviordist.distance.feature_comparison import compare_features
from behaviordist.distance.fingerprints.without_models import open_behaviors
from behaviordist.distance.gate import with_limits
from behaviordist.errors import InputError
from behaviordist.innerproduct import Fingerprint
from behaviordist.probes import Probe, ProbeSet
from tests.behaviors.conftest import write_llama
from tests.distance.worlds import behavior, fingerprint_of, probe_set

PROBES = ProbeSet(
    "some",
    tuple(Probe(f"p{i}", f"a {i}", "xy", ("even",) if i % 2 == 0 else ()) for i in range(12)),
)


def world(labels="abc", size=7, seed=0):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(24, size))
    return [behavior(name, base + rng.normal(size=(24, size)), 2) for name in labels]


def atlas(folder, behaviors, geometry="hellinger", **options):
    bd.fingerprint(behaviors, folder, PROBES, geometry, **options)
    return sorted(folder.glob("*.safetensors"))


@pytest.mark.parametrize("geometry", ["hellinger", "euclidean", "aitchison", "fisher"])
def test_files_alone_give_the_numbers_of_the_models(geometry, tmp_path):
    behaviors = world()
    files = atlas(tmp_path / "atlas", behaviors, geometry)
    reference = "uniform" if geometry == "fisher" else None
    expected = bd.distances(behaviors, PROBES, geometry, reference=reference)
    for named in (list(map(str, files)), [str(tmp_path / "atlas")]):
        found = bd.distances(named, PROBES, geometry)
        for name in ("squared", "squared_standard_errors", "limits", "skewness", "differs"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert found.labels == expected.labels
        assert found.metadata == expected.metadata  # witnesses and identities among it


def test_a_file_and_a_model_may_be_mixed_and_nothing_else_is_needed(tmp_path):
    behaviors = world()
    files = atlas(tmp_path / "atlas", behaviors[:2])
    mixed = bd.write_distances([str(files[0]), behaviors[1]], tmp_path / "out")  # no probes named
    expected = bd.distances(behaviors[:2], PROBES)
    np.testing.assert_array_equal(mixed.squared, expected.squared)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert "a: read from a fingerprint; the model was not run" in record["notes"]
    assert record["probes"]["name"] == "some"


@pytest.mark.slow
def test_real_models_byte_by_byte_and_text_by_text(tmp_path):
    write_llama(tmp_path / "one", hidden_size=16, intermediate_size=16, num_hidden_layers=1)
    write_llama(tmp_path / "two", 1, hidden_size=16, intermediate_size=16, num_hidden_layers=1)
    models = [str(tmp_path / "one"), f"{tmp_path / 'two'}@temperature=0.7"]
    for geometry in ("next-byte", "loglik"):
        bd.fingerprint(models, tmp_path / "atlas", PROBES, geometry)
        expected = bd.distances([load(m) for m in models], PROBES, geometry)
        found = bd.distances([str(tmp_path / "atlas")], PROBES, geometry)
        np.testing.assert_array_equal(found.squared, expected.squared)
    opened = open_behaviors([str(tmp_path / "atlas")])
    assert [b.label for b in opened] == ["one", "two@temperature=0.7"]
    assert opened[1].settings == InferenceSettings(temperature=0.7)


def test_what_was_made_elsewhere_is_the_same_in_bytes(tmp_path):
    for place in ("here", "there"):
        atlas(tmp_path / place, world(), licence="CC0-1.0")
    here, there = (sorted((tmp_path / p).glob("*.safetensors")) for p in ("here", "there"))
    assert [p.name for p in here] == [p.name for p in there] and len(here) == 3
    assert [p.read_bytes() for p in here] == [p.read_bytes() for p in there]
    about = Fingerprint.load(here[0]).about
    assert about["licence"] == "CC0-1.0" and about["probe_set"] == "some"
    assert set(json.loads(about["versions"])) >= {"behaviordist", "numpy", "torch"}


def two_files(tmp_path, first, second):
    """Two fingerprints of other identities."""
    prints = [fingerprint_of("a", np.ones((2, 3)), **first)]
    prints.append(fingerprint_of("b", np.ones((2, 3)), **second))
    for made in prints:
        made.save(tmp_path / f"{made.label}.safetensors")
    return [str(tmp_path / f"{made.label}.safetensors") for made in prints]


@pytest.mark.parametrize(
    ("otherwise", "words"),
    [
        ({"vocabulary": "w"}, "different token ids"),
        ({"sketch": "countsketch-3"}, "differ in sketch"),
        ({"reference": "x"}, "differ in reference"),
        ({"geometry": "hellinger"}, "no features in the euclidean geometry"),
    ],
)
def test_what_does_not_go_together_is_one_line(otherwise, words, tmp_path):
    probes = probe_set(2)
    same = {"probe_digest": probes.digest}
    files = two_files(tmp_path, same, {**same, **otherwise})
    with pytest.raises(InputError, match=words) as caught:
        bd.distances(files, probes, "euclidean")
    assert "\n" not in str(caught.value)


def test_other_probes_are_refused_by_name(tmp_path):
    files = atlas(tmp_path / "atlas", world())
    with pytest.raises(InputError, match=r"other probes \('some', .*leave out --probes"):
        bd.write_distances(
            list(map(str, files)), tmp_path / "o", replace(PROBES, name="x").subset(5)
        )
    with pytest.raises(InputError, match="other probes"):
        bd.write_distances(list(map(str, files)), tmp_path / "o", probes_limit=5)
    with pytest.raises(InputError, match="has no fingerprints on 'test', only some"):
        bd.distances([str(tmp_path / "atlas")], probe_set(12))
    assert not (tmp_path / "o").exists()


def test_half_a_file_or_a_changed_one_is_refused_wherever_it_is_named(tmp_path):
    files = atlas(tmp_path / "atlas", world())
    whole = files[1].read_bytes()
    for bad in (whole[:-9], whole[:-1] + bytes([whole[-1] ^ 1])):
        files[1].write_bytes(bad)
        for named in (list(map(str, files)), [str(tmp_path / "atlas")]):
            with pytest.raises(InputError, match=files[1].name):
                bd.write_distances(named, tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_settings_and_answers_are_not_asked_of_a_fingerprint(tmp_path):
    files = list(map(str, atlas(tmp_path / "atlas", world())))
    with pytest.raises(InputError, match="make one of MODEL@temperature=0.5"):
        bd.distances([f"{files[0]}@temperature=0.5", files[1]], PROBES)
    with pytest.raises(InputError, match="whole answers"):
        bd.write_distances(files, tmp_path / "o", geometry="kl")
    with pytest.raises(InputError, match="sampled answers"):
        bd.fingerprint(world(), tmp_path / "atlas", PROBES, "samples")
    with pytest.raises(InputError, match="no log-probabilities"):
        list(open_behaviors(files)[0].log_probs(PROBES))
    with pytest.raises(InputError, match="writes no continuations"):
        bd.write_distances(files, tmp_path / "o", on_policy=4)


def test_the_same_label_twice_is_told_apart_by_its_folder(tmp_path):
    first, second = world("m", seed=0), world("m", seed=1)
    old, new = (atlas(tmp_path / name, b)[0] for name, b in (("old", first), ("new", second)))
    matrix = bd.distances([str(old), str(new)], PROBES)
    assert matrix.labels == ("old/m", "new/m") and matrix.squared[0, 1] > 0
    with pytest.raises(InputError, match="'old/m' is named twice"):
        bd.distances([str(old), str(old)], PROBES)
    mixed = bd.distances([str(old), *second], PROBES)
    assert mixed.labels == ("old/m", "m")


def test_compare_shows_the_distance_and_says_what_it_cannot(tmp_path):
    behaviors = world("ab")
    whole = with_limits(compare(*behaviors, PROBES))
    files = list(map(str, atlas(tmp_path / "atlas", behaviors)))
    for pair in ([files[0], behaviors[1]], files):
        record = bd.write_comparison(*pair, tmp_path / f"out{len(set(map(type, pair)))}")
        found = record.comparison
        assert found.overall["squared"].value == pytest.approx(whole.overall["squared"].value, 1e-5)
        even, expected = (c.by_tag["even"]["squared"] for c in (found, whole))
        assert even.standard_error == pytest.approx(expected.standard_error, rel=1e-4)
        assert [d.probe for d in found.differences] == [d.probe for d in whole.differences]
        assert set(found.overall) == {"squared"}
        np.testing.assert_allclose(found.limits["distance"], whole.limits["distance"], rtol=1e-5)
        assert found.cells(found.overall)[1:] == ("–", "–", "–")
        assert any("KL, agreement and the tokens" in note for note in record.notes)
    page = (tmp_path / "out1" / "index.html").read_text()
    assert "nan" not in page.split("<script")[0].lower()


def test_a_gate_decides_on_the_distance_of_exact_features_alone(tmp_path):
    behaviors = world("ab")
    opened = open_behaviors(list(map(str, atlas(tmp_path / "exact", behaviors))))
    found = compare_features(*opened, PROBES)
    whole = gate(compare(*behaviors, PROBES), 1.2)
    assert gate(found, 1.2).verdict == whole.verdict
    assert gate(found, 1.2).high == pytest.approx(whole.high, rel=1e-5)
    for metric in ("kl", "agreement"):
        with pytest.raises(InputError, match="needs log-probabilities"):
            gate(found, 0.5, metric, bound=1.0)
    files = atlas(tmp_path / "sketch", behaviors, sketch=4)
    sketched = compare_features(*open_behaviors(list(map(str, files))), PROBES)
    assert with_limits(sketched).limits == {}
    with pytest.raises(InputError, match=r"a sketch \(countsketch-4\)"):
        gate(sketched, 1.2)


def test_a_fingerprint_stands_in_the_walk_without_being_run(tmp_path):
    behaviors = world("ab")
    opened = open_behaviors([str(atlas(tmp_path / "atlas", behaviors)[0]), behaviors[1]])
    prints = fingerprint(opened, PROBES)["hellinger"]
    expected = fingerprint(behaviors, PROBES)["hellinger"]
    for found, made in zip(prints, expected, strict=True):
        np.testing.assert_array_equal(found.features, made.features)
        assert found.identity == made.identity
