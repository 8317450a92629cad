"""Self-test: planted truths through the real pipeline, expected against found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from behaviordist.selftest import distance_checks, gate_checks, transfer_checks
from behaviordist.selftest.check import Check

CHECKS: tuple[Callable[[], Check | list[Check]], ...] = (
    distance_checks.identical_models,
    distance_checks.known_rotation,
    distance_checks.two_token_families,
    distance_checks.every_probe_matters,
    distance_checks.half_the_probes,
    distance_checks.permuted_probes,
    distance_checks.adding_a_model,
    distance_checks.sketched_distance,
    distance_checks.intervals_cover,
    distance_checks.same_regime,
    distance_checks.sampled_self,
    transfer_checks.monotone_cost,
    transfer_checks.shuffled_labels,
    transfer_checks.units_null,
    gate_checks.gate_at_its_margin,
    gate_checks.rare_failure,
    gate_checks.same_within_margin,
    gate_checks.skewed_pair,
)


def run_selftest() -> Iterator[Check]:
    """Yield the result of every check as it comes; an exception in one is a failure of that one."""
    for check in CHECKS:
        try:
            result = check()
        except Exception as error:  # a broken pipeline must show in the table, whatever breaks
            result = Check(check.__name__.replace("_", " "), "no error", repr(error)[:80], False)
        yield from result if isinstance(result, list) else [result]


__all__ = ["CHECKS", "Check", "run_selftest"]
