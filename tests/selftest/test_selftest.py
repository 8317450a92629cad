"""Every planted truth is found, and every check fails when the bug it guards against is put in."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from behaviordist.cli.app import app
from behaviordist.distance import intervals, matrix, regimes
from behaviordist.distance import pairwise as distances_module
from behaviordist.distance.fingerprints import collector, samples
from behaviordist.innerproduct import blocks, pairs
from behaviordist.innerproduct.geometries import GEOMETRIES
from behaviordist.probes import ProbeSet
from behaviordist.selftest import (
    Check,
    distance_checks,
    gate_checks,
    run_selftest,
    transfer_checks,
)
from behaviordist.store import digest_of


def passed(result):
    return all(c.passed for c in (result if isinstance(result, list) else [result]))


@pytest.mark.slow
def test_all_pass_on_the_real_pipeline():
    results = list(run_selftest())
    assert len(results) >= 16 and [c.name for c in results if not c.passed] == []


def test_command_prints_a_table_and_exits_by_the_outcome(monkeypatch):
    good, bad = Check("fine", "1", "1", True), Check("broken", "1", "2", False)
    monkeypatch.setattr("behaviordist.selftest.CHECKS", (lambda: good,))
    found = CliRunner().invoke(app, ["selftest"])
    assert found.exit_code == 0 and "fine" in found.output

    def raises():
        raise ValueError("boom")

    monkeypatch.setattr("behaviordist.selftest.CHECKS", (lambda: good, lambda: bad, raises))
    found = CliRunner().invoke(app, ["selftest"])
    assert found.exit_code == 1 and "broken" in found.output and "boom" in found.output


# Each mutation puts one bug into the pipeline; the named check has to notice.


def sketch_hash_of_each_behavior_its_own(patch):
    original, calls = collector.position_keys, iter(range(10**6))
    patch.setattr(
        collector, "position_keys", lambda digest, *rest: original(f"{next(calls):016x}", *rest)
    )


def cross_products_counted_once(patch):
    original = np.matmul

    def wrong(a, b, out):
        original(a, b, out=out)
        out[~np.eye(len(out), dtype=bool)] *= 0.5
        return out

    patch.setattr(pairs.np, "matmul", wrong)


def geometry(name, change):
    def put_in(patch):
        right = GEOMETRIES[name]
        wrong = dataclasses.replace(right, features=lambda p, r: change(right.features(p, r)))
        patch.setitem(GEOMETRIES, name, wrong)

    return put_in


def last_probe_dropped(patch):
    original = blocks._rows_of

    def wrong(batches, batch):
        rows = np.arange(10**6)[original(batches, batch)]
        return rows if batch < len(batches) - 1 else 0 * rows

    patch.setattr(blocks, "_rows_of", wrong)


def weights_ignored(patch):
    original = pairs.plan_batches
    patch.setattr(pairs, "plan_batches", lambda p, g, w, m: original(p, g, None, m))


def only_the_first_half_read(patch):
    original = pairs.plan_batches

    def wrong(probe, group, weights, most):
        half = (np.arange(len(group)) < len(group) / 2).astype(float)
        return original(probe, group, half if weights is None else weights, most)

    patch.setattr(pairs, "plan_batches", wrong)


def digest_blind_to_order(patch):
    original = ProbeSet.__post_init__

    def wrong(self):
        original(self)
        digest = digest_of(sorted(p.id for p in self.probes))
        object.__setattr__(self, "digest", digest)

    patch.setattr(ProbeSet, "__post_init__", wrong)


def anything_mixes(patch):
    patch.setattr(pairs, "check_mixable", lambda prints: None)


def centred_on_the_set_and_scaled_by_it(patch):
    original = distances_module.pair_moments

    def wrong(prints, **options):
        top = max(float(np.percentile(np.abs(f.features), 99)) for f in prints)
        limited = [
            dataclasses.replace(f, features=np.clip(f.features, -0.3 * top, 0.3 * top))
            for f in prints
        ]
        return original(limited, **options)

    patch.setattr(distances_module, "pair_moments", wrong)


def unsigned_sketch(patch):
    original = collector.sketch_rows
    patch.setattr(collector, "sketch_rows", lambda f, k, d: np.abs(original(f, k, d)))


def errors_of_tokens_taken_as_probes(patch):
    original = pairs.standard_error
    patch.setattr(pairs, "standard_error", lambda s, b: original(s, b) / 3)


def within_terms_forgotten(patch):
    original = regimes._Design.of

    def wrong(member):
        design = original(member)
        return dataclasses.replace(design, others=0 * design.others)

    patch.setattr(regimes._Design, "of", staticmethod(wrong))


def plug_in_samples(patch):
    def wrong(answers, gram_of):
        names = list(dict.fromkeys(a for several in answers for a in several))
        share = np.array([[list(s).count(n) / len(s) for n in names] for s in answers])
        gram = share @ gram_of(names) @ share.T
        norms = np.diagonal(gram)
        return norms[:, None] + norms[None, :] - 2 * gram

    patch.setattr(samples, "prompt_distances", wrong)


def costs_transposed_and_shuffled(patch):
    original = transfer_checks.transfer_test

    def wrong(distances, costs, **options):
        return original(distances, costs.T.set_axis(costs.columns[::-1], axis=1), **options)

    patch.setattr(transfer_checks, "transfer_test", wrong)


def halved_p_values(patch):
    original = transfer_checks.transfer_test

    def wrong(*tables, **options):
        found = original(*tables, **options)
        return dataclasses.replace(found, p_value=found.p_value / 2)

    patch.setattr(transfer_checks, "transfer_test", wrong)


def units_forgotten(patch):
    original = transfer_checks.transfer_test

    def wrong(*tables, units, **options):
        return original(*tables, **options)

    patch.setattr(transfer_checks, "transfer_test", wrong)


def students_gate(patch):
    """The mean of skewed differences taken for normal: misses on the dangerous side."""

    def wrong(comparison, margin):
        values = comparison.measure("squared")
        error = values.std(ddof=1) / np.sqrt(len(values))
        high = values.mean() + stats.t.ppf(0.95, len(values) - 1) * error
        return types.SimpleNamespace(equivalent=bool(high < margin**2))

    patch.setattr(gate_checks, "gate", wrong)


def one_odd_probe_passed_over(patch):
    original = matrix.decide

    def wrong(labels, squared, evidence, differs, *rest, **options):
        return original(labels, squared, evidence, np.zeros_like(differs), *rest, **options)

    patch.setattr(matrix, "decide", wrong)


def skewness_not_told(patch):
    patch.setattr(intervals, "SKEWED", 1e9)


MUTATIONS = [
    (distance_checks.identical_models, sketch_hash_of_each_behavior_its_own),
    (distance_checks.known_rotation, cross_products_counted_once),
    (distance_checks.two_token_families, geometry("hellinger", np.square)),
    (distance_checks.two_token_families, geometry("euclidean", np.sqrt)),
    (distance_checks.two_token_families, geometry("aitchison", lambda x: x + x[:, :1])),
    (distance_checks.two_token_families, geometry("fisher", lambda x: 1.001 * x)),
    (distance_checks.every_probe_matters, last_probe_dropped),
    (distance_checks.half_the_probes, only_the_first_half_read),
    (distance_checks.half_the_probes, weights_ignored),
    (distance_checks.permuted_probes, digest_blind_to_order),
    (distance_checks.permuted_probes, anything_mixes),
    (distance_checks.adding_a_model, centred_on_the_set_and_scaled_by_it),
    (distance_checks.sketched_distance, unsigned_sketch),
    (distance_checks.intervals_cover, errors_of_tokens_taken_as_probes),
    (distance_checks.same_regime, within_terms_forgotten),
    (distance_checks.sampled_self, plug_in_samples),
    (transfer_checks.monotone_cost, costs_transposed_and_shuffled),
    (transfer_checks.shuffled_labels, halved_p_values),
    (transfer_checks.units_null, units_forgotten),
    (gate_checks.gate_at_its_margin, students_gate),
    (gate_checks.rare_failure, students_gate),
    (gate_checks.same_within_margin, one_odd_probe_passed_over),
    (gate_checks.skewed_pair, skewness_not_told),
]


LONG = distance_checks.intervals_cover  # ten seconds


@pytest.mark.parametrize(
    ("check", "put_in"),
    [
        pytest.param(
            *pair, id="-".join(f.__name__ for f in pair),
            marks=[pytest.mark.slow] if pair[0] is LONG else [],
        )
        for pair in MUTATIONS
    ],
)  # fmt: skip
def test_a_planted_bug_is_noticed(check, put_in, monkeypatch):
    put_in(monkeypatch)
    assert not passed(check())


def test_every_check_has_a_mutation():
    from behaviordist.selftest import CHECKS

    assert {check for check, _ in MUTATIONS} == set(CHECKS)
