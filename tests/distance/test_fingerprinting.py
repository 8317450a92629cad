"""From behaviors to fingerprints: one walk, any block order, resume, bad outputs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from behaviordist.behaviors import ArrayBehavior, InferenceSettings, LogProbBlock
from behaviordist.distance import distances, fingerprint
from behaviordist.distance.fingerprints.collector import groups_of
from behaviordist.errors import InputError
from tests.distance.worlds import behavior, normalise, probe_set

PROBES = probe_set(6)


class Scattered:
    """An array behavior that answers its probes one by one, in an order of its own."""

    def __init__(self, inner, order, damage=None):
        self.inner, self.order, self.damage, self.walks = inner, order, damage, 0
        self.label, self.settings = inner.label, inner.settings
        self.identity, self.forward_key = inner.identity, inner.forward_key
        self.vocabulary, self.vocabulary_size = inner.vocabulary, inner.vocabulary_size

    def forward(self, probes):
        self.walks += 1
        for p in self.order:
            rows = self.inner.probe == p
            log_p = self.inner.log_p[rows]
            yield LogProbBlock(
                self.inner.probe[rows], self.damage(p, log_p.copy()) if self.damage else log_p
            )

    log_probs = forward


def logits(seed, n=12, v=9):
    return np.random.default_rng(seed).normal(size=(n, v))


def test_block_order_does_not_matter_and_one_walk_feeds_all():
    plain = [behavior(f"b{i}", logits(i), positions=2) for i in range(3)]
    mixed = [Scattered(b, np.random.default_rng(i).permutation(6)) for i, b in enumerate(plain)]
    geometries = ("hellinger", "euclidean", "aitchison", "fisher")
    expected, found = fingerprint(plain, PROBES, geometries), fingerprint(mixed, PROBES, geometries)
    for name in geometries:
        for a, b in zip(expected[name], found[name], strict=True):
            np.testing.assert_array_equal(a.features, b.features)
            np.testing.assert_array_equal(a.probe, b.probe)
    # The first is also the reference of fisher, which is read beforehand.
    assert [b.walks for b in mixed] == [2, 1, 1]


def test_sketched_rows_do_not_depend_on_the_order_of_blocks():
    plain = behavior("a", logits(0, v=300), positions=2)
    mixed = Scattered(plain, [3, 1, 5, 0, 2, 4])
    a, b = (fingerprint([x], PROBES, sketch=16)["hellinger"][0] for x in (plain, mixed))
    np.testing.assert_array_equal(a.features, b.features)
    assert a.features.shape == (12, 16) and a.identity.sketch == "countsketch-16"


def test_finished_fingerprints_are_not_computed_again(tmp_path):
    wrapped = Scattered(behavior("a", logits(0), positions=2), range(6))
    first = fingerprint([wrapped], PROBES, folder=tmp_path)["hellinger"][0]
    wrapped.label = "renamed"
    again = fingerprint([wrapped], PROBES, folder=tmp_path)
    assert wrapped.walks == 1 or len(list(tmp_path.glob("*.safetensors"))) == 2
    np.testing.assert_array_equal(first.features, again["hellinger"][0].features)
    assert again["hellinger"][0].label == "renamed"


def test_damaged_fingerprint_is_made_again(tmp_path):
    wrapped = Scattered(behavior("a", logits(0), positions=2), range(6))
    fingerprint([wrapped], PROBES, folder=tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-4])
    again = fingerprint([wrapped], PROBES, folder=tmp_path)["hellinger"][0]
    assert wrapped.walks == 2 and np.isfinite(again.features).all()


def test_inputs_choose_the_file(tmp_path):
    b = behavior("a", logits(0, v=300), positions=2)
    for sketch in (None, 16, 32):
        fingerprint([b], PROBES, ("hellinger", "euclidean"), folder=tmp_path, sketch=sketch)
    fingerprint([b], probe_set(6, groups=list("aabbcc")), folder=tmp_path, sketch=16)
    assert len(list(tmp_path.glob("*.safetensors"))) == 7


@pytest.mark.parametrize(
    ("value", "words"),
    [(np.nan, "NaN or infinite"), (np.inf, "NaN or infinite"), (0.0, "probabilities sum to")],
)
def test_bad_outputs_name_behavior_and_probe(tmp_path, value, words):
    def damage(p, log_p):
        if p == 3:
            log_p[1, 2] = value
        return log_p

    broken = Scattered(behavior("broken", logits(0), positions=2), range(6), damage)
    with pytest.raises(InputError, match=rf"behavior 'broken', probe 'p3': {words}"):
        fingerprint([broken], PROBES, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_probes_left_out_are_reported():
    lazy = Scattered(behavior("lazy", logits(0), positions=2), range(5))
    with pytest.raises(InputError, match="'lazy' answered 5 of the 6 probes"):
        fingerprint([lazy], PROBES)


@pytest.mark.parametrize("geometry", ["aitchison", "fisher"])
def test_zero_probabilities_are_refused_with_what_works(geometry):
    plain = behavior("plain", logits(0), positions=2)
    cut = dataclasses.replace(plain, label="cut", settings=InferenceSettings(top_k=3))
    with pytest.raises(InputError, match="'cut', probe 'p0'.*use hellinger or euclidean"):
        distances([plain, cut], PROBES, geometry)
    assert distances([plain, cut], PROBES, "hellinger").squared[0, 1] > 0


def test_zero_probabilities_in_the_reference_are_refused():
    plain = behavior("plain", logits(0), positions=2)
    cut = dataclasses.replace(plain, label="cut", settings=InferenceSettings(top_k=3))
    with pytest.raises(InputError, match="reference .cut., probe .p0.: a token has probability"):
        distances([plain], PROBES, "fisher", reference=cut)


def test_vocabularies_must_agree():
    other = ArrayBehavior("b", np.repeat(np.arange(6), 2), normalise(logits(1)), vocabulary="w")
    with pytest.raises(InputError, match="cannot be compared"):
        distances([behavior("a", logits(0), positions=2), other], PROBES)


def test_progress_and_unknown_geometry():
    seen = []
    b = Scattered(behavior("a", logits(0), positions=2), range(6))
    fingerprint([b], PROBES, progress=lambda *step: seen.append(step))
    assert seen == [("a", k + 1, 6) for k in range(6)]
    with pytest.raises(InputError, match="did you mean 'aitchison'"):
        fingerprint([b], PROBES, ("aitchisson",))


def test_groups_are_numbered_by_first_appearance():
    probes = probe_set(5, groups=["x", None, "x", None, "y"])
    assert groups_of(probes).tolist() == [0, 1, 0, 2, 3]


def test_end_to_end_agrees_with_the_definition():
    a, b = normalise(logits(0)), normalise(logits(1))
    found = distances(
        [behavior("a", a, positions=2), behavior("b", b, positions=2)], PROBES, "hellinger"
    )
    rows = ((np.exp(a / 2) - np.exp(b / 2)) ** 2).sum(axis=1).reshape(6, 2).mean(axis=1)
    assert found.squared[0, 1] == pytest.approx(rows.mean(), rel=1e-5)
    assert found.squared_standard_errors[0, 1] == pytest.approx(
        rows.std(ddof=1) / np.sqrt(6), rel=1e-4
    )
    assert found.distances[0, 1] == pytest.approx(np.sqrt(rows.mean()), rel=1e-5)


def test_references_of_fisher_by_choice():
    a, b = normalise(logits(0)), normalise(logits(1))
    behaviors = [behavior("a", a, positions=2), behavior("b", b, positions=2)]
    mixture = np.log((np.exp(a) + np.exp(b)) / 2)
    for reference, log_pi in (("uniform", np.full_like(a, -np.log(9))), ("mixture", mixture)):
        found = distances(behaviors, PROBES, "fisher", reference=reference)
        pi = np.exp(log_pi)
        ratio = a - b - (pi * (a - b)).sum(axis=1, keepdims=True)
        expected = (pi * ratio**2).sum(axis=1).mean()
        assert found.squared[0, 1] == pytest.approx(expected, rel=1e-5)
    uniform = distances(behaviors, PROBES, "fisher", reference="uniform").squared
    aitchison = distances(behaviors, PROBES, "aitchison").squared
    np.testing.assert_allclose(uniform, aitchison / 9, rtol=1e-4)
    with pytest.raises(InputError, match="'uniform' or 'mixture', not 'base'"):
        fingerprint(behaviors, PROBES, ("fisher",), reference="base")


def test_half_precision_moves_distances_little(tmp_path):
    behaviors = [behavior(k, logits(i), positions=2) for i, k in enumerate("ab")]
    full, half = (
        fingerprint(behaviors, PROBES, folder=tmp_path, dtype=dtype)["hellinger"]
        for dtype in ("float32", "float16")
    )
    assert len(list(tmp_path.glob("*.safetensors"))) == 4
    assert half[0].features.dtype == np.float16
    a, b = (np.asarray(f[0].features, dtype=float) for f in (full, half))
    assert 0 < np.abs(a - b).max() < 1e-3
    with pytest.raises(InputError, match="float32 or float16, not 'int8'"):
        fingerprint(behaviors, PROBES, dtype="int8")


def test_the_function_takes_names_and_every_geometry_as_the_command_does(tmp_path):
    from behaviordist.distance import sample_distances

    class Talker:
        """A behavior that only answers: three letters by chance."""

        notes, identity = (), "t"

        def __init__(self, label):
            self.label = label

        def samples(self, probes, *, count, max_tokens, seed):
            rng = np.random.default_rng(seed)
            return [tuple(rng.choice(list("abc"), count)) for _ in probes]

    pair, probes = [Talker("a"), Talker("b")], probe_set(30)
    made = distances(pair, probes, "samples", kernel="exact-match", answers=5, folder=tmp_path)
    assert made.metadata["geometry"] == "samples" and made.metadata["n_probes"] == 30
    answers = {p.label: p.samples(probes, count=5, max_tokens=1, seed=1) for p in pair}
    assert sample_distances(answers, "exact-match").labels == made.labels

    rng = np.random.default_rng(0)
    for name in ("x", "y"):
        log_p = normalise(rng.normal(size=(30, 4))).astype(np.float32)
        np.savez(tmp_path / f"{name}.npz", log_p=log_p, probe=np.arange(30))
    probes.save(tmp_path / "p.jsonl")
    files = [str(tmp_path / "x.npz"), str(tmp_path / "y.npz")]
    named = distances(files, str(tmp_path / "p.jsonl"), margin=0.2)
    assert named.labels == ("x", "y") and named.states().margin == 0.2
