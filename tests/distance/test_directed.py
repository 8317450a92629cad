"""Directed distances of whole behaviors: enumeration, brute force, arrays, files of answers."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.stats import ttest_rel

import behaviordist as bd
from behaviordist.behaviors import ArrayBehavior
from behaviordist.distance.directed import Answer, AnswerSet, DirectedMatrix, draw_answers
from behaviordist.distance.directed.nearest import contenders, gap_errors, gaps
from behaviordist.errors import InputError
from behaviordist.innerproduct.directed import directed_moments
from behaviordist.lab import checkpoint, grammar, llama
from behaviordist.lab.llama import LlamaConfig
from behaviordist.lab.permutation import permute
from behaviordist.measurements.directed import kept_answers
from behaviordist.probes import Probe, ProbeSet
from behaviordist.studies.divergences import checkpoint_divergences
from behaviordist.studies.study_file import AnswerSection

CONFIG = LlamaConfig(
    vocab_size=len(grammar.VOCABULARY),
    hidden_size=16,
    layers=1,
    heads=2,
    kv_heads=1,
    head_dim=8,
    intermediate_size=16,
)
PROBES = ProbeSet.load("lab").subset(12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three tiny lab checkpoints: a, b, and a permuted copy of a."""
    place = tmp_path_factory.mktemp("lab")
    for name, seed in (("a", 0), ("b", 1)):
        checkpoint.save(place / name, llama.init(CONFIG, seed), CONFIG, {})
    moved = permute(jax.tree.map(np.asarray, llama.init(CONFIG, 0)), CONFIG, 5)
    checkpoint.save(place / "moved", moved, CONFIG, {})
    return place


def load(folder, name, temperature=0.1):
    return bd.load(f"{folder / name}@temperature={temperature}", label=name)


def brute_force(folder, temperature):
    """KL(b || a) and overlap over all answers of up to two tokens, from the logits themselves."""

    def following(params, contexts):
        logits = (
            np.asarray(llama.forward(params, CONFIG, contexts), np.float64)[:, -1] / temperature
        )
        return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))

    models = [checkpoint.load(folder / name).params for name in ("a", "b")]
    kl, overlap = [], []
    for probe in PROBES:
        prompt = np.array(grammar.encode(probe.prompt), np.int32)
        first = [following(p, prompt[None])[0] for p in models]
        grown = np.stack([[*prompt, t] for t in range(len(first[0]))]).astype(np.int32)
        second = [following(p, grown) for p in models]
        both = [f[:, None] + s for f, s in zip(first, second, strict=True)]
        for log_p, one in zip(both, first, strict=True):
            log_p[grammar.EOS] = -np.inf
            log_p[grammar.EOS, 0] = one[grammar.EOS]  # the answer has ended
        log_a, log_b = (x.ravel()[np.isfinite(both[0].ravel())] for x in both)
        kl.append((np.exp(log_b) * (log_b - log_a)).sum())
        overlap.append(np.exp(log_a + log_b).sum())
    return np.mean(kl), np.mean(overlap)


@pytest.mark.slow
def test_enumerated_answers_match_brute_force(folder):
    sources = [load(folder, "a"), load(folder, "b")]
    kl, overlap = brute_force(folder, 0.1)
    found = bd.divergences(sources, probes=PROBES, max_tokens=2)
    assert found.values[0, 1] == pytest.approx(kl, rel=0.02)
    assert found.values[0, 0] == found.values[1, 1] == 0
    assert found.metadata["answers"]["b"] > 2 * len(PROBES)  # listed, not drawn
    inner = bd.divergences(sources, probes=PROBES, geometry="overlap", max_tokens=2)
    assert inner.values[0, 1] == pytest.approx(overlap, rel=0.02, abs=1e-4)
    assert inner.values[0, 1] == pytest.approx(inner.values[1, 0], rel=0.02, abs=1e-4)


def test_draws_agree_with_the_enumeration_and_a_killed_run_reuses_them(folder, tmp_path):
    sources = [load(folder, "a"), load(folder, "b")]
    listed = bd.divergences(sources, probes=PROBES, max_tokens=2)
    options = {"max_tokens": 2, "exact": False, "answers": 60, "folder": tmp_path}
    drawn = bd.divergences(sources, probes=PROBES, **options)
    gap = abs(drawn.values - listed.values)[~drawn.diagonal]
    assert (gap <= 3 * drawn.standard_errors[~drawn.diagonal]).all()
    again = bd.divergences(sources, probes=PROBES, **options)
    assert np.array_equal(again.values, drawn.values)
    assert len(list(tmp_path.glob("answers-*.jsonl"))) == 2


def test_a_permuted_copy_lies_at_zero(folder):
    found = bd.divergences(
        [load(folder, "a"), load(folder, "moved"), load(folder, "b")], probes=PROBES, max_tokens=4
    )
    assert abs(found.values[0, 1]) < 1e-4 and abs(found.values[1, 0]) < 1e-4
    assert found.states(margin=1e-3)[0, 1] == "same"
    assert found.states()[0, 2] == "apart"


def test_states_hold_together():
    """Of studies in which every pair lies at the floor (or at the margin) few name any pair."""
    rng, names, wrong = np.random.default_rng(0), tuple("abcdef"), []
    off = ~np.eye(6, dtype=bool)
    for truth, called in ((0.0, "apart"), (0.1, "same")):
        count = 0
        for _ in range(800):
            errors = np.sqrt(rng.chisquare(30, (6, 6)) / 30) * 0.02
            values = np.where(off, truth + rng.normal(0, 0.02, (6, 6)), 0.0)
            errors[~off] = 0.0
            found = DirectedMatrix(names, names, values, errors, degrees_of_freedom=30)
            count += (found.states(margin=0.1)[off] == called).any()
        wrong.append(count / 800)
    assert all(0.005 <= share <= 0.045 for share in wrong), wrong  # 2.5 % by the rule


def test_direction_and_parts(folder):
    found = bd.divergences([load(folder, "a"), load(folder, "b", 0.3)], probes=PROBES, max_tokens=4)
    square = found.to_pandas()
    assert np.allclose(found.symmetric + found.antisymmetric, square)
    assert np.allclose(found.antisymmetric, -found.antisymmetric.T)
    assert abs(found.antisymmetric.loc["a", "b"]) > 0.1


def test_it_saves_and_draws(folder, tmp_path):
    found = bd.divergences(
        [load(folder, "a"), load(folder, "b")], [load(folder, "b")], PROBES, max_tokens=3
    )
    found.save(tmp_path)
    again = DirectedMatrix.load(tmp_path)
    assert again.sources == ("a", "b") and again.targets == ("b",)
    assert np.array_equal(again.values, found.values)
    assert (tmp_path / "divergences.csv").read_text().startswith(",b\n")
    found.heatmap(tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 1000
    with pytest.raises(InputError, match="not a whole matrix"):
        (tmp_path / "divergences.npz").write_bytes(b"cut")
        DirectedMatrix.load(tmp_path)


def test_answers_alone_rank_sources_as_kl_does(folder, tmp_path):
    a, b = load(folder, "a"), load(folder, "b")
    drawn = draw_answers(b, PROBES, count=20, max_tokens=3, exact=False)
    drawn.save(tmp_path / "answers.jsonl")
    read = AnswerSet.load(tmp_path / "answers.jsonl", "them")
    assert read.answers == drawn.answers
    cross = bd.divergences([a, b], [read])
    assert cross.cross_entropy == ("them",) and (cross.states() == "undecided").all()
    kl = bd.divergences([a, b], [drawn.with_own(np.zeros(len(drawn.flat)))])
    assert np.allclose(kl.values, cross.values) and kl.cross_entropy == ()
    whole = bd.divergences([a, b], [b], PROBES, exact=False, answers=20, max_tokens=3)
    assert np.ptp(cross.values[:, 0] - whole.values[:, 0]) < 1e-9  # the entropy, the same for both


def test_a_study_keeps_answers_with_its_checkpoints_so_that_weights_may_go(folder, tmp_path):
    places = {name: Path(shutil.copytree(folder / name, tmp_path / name)) for name in ("a", "b")}
    asked = AnswerSection(strings=8, draws=3)
    known = checkpoint_divergences(places, places, asked, 5, tmp_path)
    (places["b"] / "model.safetensors").unlink()
    kept = kept_answers(str(places["b"]))
    assert kept is not None
    later = bd.divergences([bd.load(str(places["a"]), label="a")], [kept])
    assert later.values[0, 0] == pytest.approx(known.to_pandas().loc["a", "b"], abs=1e-9)
    assert later.cross_entropy == ()  # with its own log-probabilities: KL, not a cross-entropy


def test_greedy_sources_make_other_answers_infinite(folder):
    sources = [load(folder, "a", 0), load(folder, "b")]
    found = bd.divergences(sources, probes=PROBES, max_tokens=3)
    assert np.isposinf(found.values[0, 1]) and np.isnan(found.standard_errors[0, 1])
    assert found.states()[0, 1] == "apart"
    assert found.metadata["impossible_answers"]["a <- b"] > 0


def arrays(seed, positions=1, tokens=7):
    rng = np.random.default_rng(seed)
    log_p = np.log(rng.dirichlet(np.ones(tokens), size=5 * positions)).astype(np.float32)
    return ArrayBehavior(f"m{seed}", np.repeat(np.arange(5), positions), log_p)


FIVE = ProbeSet("five", tuple(Probe(str(i), "q", "a") for i in range(5)))


def test_arrays_are_exact():
    a, b = arrays(0), arrays(1)
    p, q = (np.exp(x.log_p.astype(np.float64)) for x in (a, b))
    found = bd.divergences([a, b], probes=FIVE)
    each = (q * np.log(q / p)).sum(axis=1)
    assert found.values[0, 1] == pytest.approx(each.mean(), rel=1e-5)
    assert found.standard_errors[0, 1] == pytest.approx(each.std(ddof=1) / np.sqrt(5), rel=1e-5)
    overlap = bd.divergences([a, b], probes=FIVE, geometry="overlap")
    assert overlap.values[0, 1] == pytest.approx((p * q).sum(axis=1).mean(), rel=1e-5)
    assert overlap.surprise.values[0, 1] == pytest.approx(-np.log(overlap.values[0, 1]))
    long = bd.divergences([arrays(0, 3), arrays(1, 3)], probes=FIVE, per="token")
    assert long.metadata["contexts"] == "of the probes"
    with pytest.raises(InputError, match="several tokens"):
        bd.divergences([arrays(0, 3), arrays(1, 3)], probes=FIVE, geometry="overlap")


def test_bad_input_is_one_line(folder, tmp_path):
    a = load(folder, "a")
    with pytest.raises(InputError, match="between two"):
        bd.divergences([a], probes=PROBES)
    with pytest.raises(InputError, match="no answer to '1'"):
        AnswerSet("x", (Probe("1", "q", " "),), ((),))
    strange = AnswerSet("they", (Probe("1", "? a b =", " "),), ((Answer(" zebra"),),))
    with pytest.raises(InputError, match="'zebra' is no token of the lab's language"):
        bd.divergences([a], [strange])
    with pytest.raises(InputError, match="gives no answers"):
        bd.divergences([a], [arrays(0)], PROBES)
    with pytest.raises(InputError, match=r"error of a -> b is .* give about \d+ probes"):
        bd.divergences([a], [load(folder, "b")], PROBES, error=1e-3, max_tokens=3)
    for line, wanted in {
        "{": "not JSON",
        json.dumps({"prompt": "x"}): "no answer; give 'answer'",
        json.dumps({"answer": "x"}): "'prompt' and 'answer' belongs here",
        json.dumps({"prompt": "x", "answer": "y", "group": 3}): "'group' must be a text",
    }.items():
        path = tmp_path / "bad.jsonl"
        path.write_text(line)
        with pytest.raises(InputError, match=wanted):
            AnswerSet.load(path)


def chosen(values: np.ndarray) -> DirectedMatrix:
    """One target known by its answers to n prompts; values (S, n) are nats."""
    n = values.shape[1]
    columns = [directed_moments("cross-entropy", -values, np.arange(n), np.ones(n))]
    names = tuple(f"s{i}" for i in range(len(values)))
    matrix = DirectedMatrix(
        names,
        ("t",),
        columns[0].values[:, None],
        columns[0].standard_errors[:, None],
        degrees_of_freedom=columns[0].degrees_of_freedom,
        cross_entropy=("t",),
    )
    errors = gap_errors(matrix, [columns[0].difference_errors])
    return replace(matrix, gap_errors=errors)


def test_a_difference_from_the_nearest_is_that_of_a_paired_t_test():
    rng = np.random.default_rng(3)
    values = rng.gamma(4.0, 30.0, 40) + rng.normal(0, 3, (3, 40)) + np.array([[0.0], [1.0], [2.0]])
    matrix = chosen(values)
    best = int(matrix.values[:, 0].argmin())
    gap, low, high = gaps(matrix)
    for i in set(range(3)) - {best}:
        # Two rivals of the nearest: 2.5 % above either, so 97.5 % between the limits.
        peer = ttest_rel(values[i], values[best]).confidence_interval(0.975)
        assert gap[i, 0] == pytest.approx((values[i] - values[best]).mean())
        assert (low[i, 0], high[i, 0]) == pytest.approx((peer.low, peer.high))
    assert gap[best, 0] == low[best, 0] == 0
    # The prompts' own spread is tens of times that of the differences, and cancels.
    assert matrix.standard_errors.min() > 5 * matrix.gap_errors[matrix.gap_errors > 0].max()


def test_the_true_nearest_is_left_out_at_most_as_often_as_said():
    """Four sources tie and one lies farther: no tie is named alone too often."""
    rng = np.random.default_rng(0)
    tries, lost, farther = 600, 0, 0
    for _ in range(tries):
        values = rng.normal(0, 1.0, (5, 25)) + np.array([[0.0], [0.0], [0.0], [0.0], [3.0]])
        kept = contenders(chosen(values))[0]
        lost += "s0" not in kept
        farther += "s4" not in kept
    assert lost / tries <= 0.025 + 3 * np.sqrt(0.025 / tries)
    assert farther / tries > 0.95


def test_what_is_not_known_decides_nothing():
    tied = chosen(np.array([[1.0, 2.0, 4.0], [2.0, 1.0, 3.9], [np.inf, 1.0, 1.0]]))
    assert set(contenders(tied)[0]) == {"s0", "s1"}  # an impossible answer shows to be farther
    without = DirectedMatrix(("a", "b"), ("t",), np.array([[1.0], [9.0]]), np.zeros((2, 1)))
    assert contenders(without) == [("a", "b")]
    left_out = tied.select(("s0", "s2"), ("t",))  # s1, the nearest, is gone
    assert np.isnan(left_out.gap_errors).all()
    none = DirectedMatrix(("a",), ("t",), np.array([[np.inf]]), np.array([[np.nan]]))
    assert contenders(none) == [()]


def test_a_file_of_before_differences_were_kept_is_read(tmp_path):
    matrix = chosen(np.array([[1.0, 2.0, 4.0], [2.0, 1.0, 3.9]]))
    matrix.save(tmp_path / "new.npz")
    kept = DirectedMatrix.load(tmp_path / "new.npz")
    assert np.array_equal(kept.gap_errors, matrix.gap_errors)
    with np.load(tmp_path / "new.npz") as file:
        old = {name: file[name] for name in file.files if name != "gap_errors"}
    np.savez(tmp_path / "old.npz", **old)
    assert contenders(DirectedMatrix.load(tmp_path / "old.npz"))[0] == ("s1", "s0")
