"""The numbers that a study of transfers ends in, typed; `transfer_findings` makes its page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from behaviordist.record.behaviors import Behavior, Target
from behaviordist.record.claims import Verdict
from behaviordist.record.estimate import Estimate, Part
from behaviordist.store.numbers import Number

if TYPE_CHECKING:
    from behaviordist.hypothesis import TransferTest


class TargetRank(Part):
    """The correlation inside one target's column, over `n_sources` sources."""

    target: str
    rho: Number
    n_sources: int


class Outcome(Part):
    """What the pre-stated test found.

    Attributes
    ----------
    statistic
        Its value under its name; `smallest_effect` is what four in five studies like this one see.
    smallest_supported
        And what four in five would support by the whole rule.
    permutations
        Relabellings behind the p-value.
    verdict, rule, edges
        The verdict, the rule it follows, and numbers too near a bound of it for two decimals.
    counts_yet_small
        That the distance counts beyond source effects although it is "not supported"; else empty.
    baselines, predictors
        The same statistic of simpler explanations (they open no function) and of further
        predictors (they do).
    beyond_sources
        The distance's, with source and target effects removed; None where they are anyway.
    tie_ceiling, noise_ceiling
        The most that ties among the costs, and noise between seeds, let a predictor reach.
    n_behaviors, n_units, n_targets, n_pairs, n_missing, n_censored
        What was counted; units are what is exchangeable.
    per_target, left_out
        Single targets; targets left out, and why.
    notes
        Remarks of the test.
    """

    statistic: Estimate
    permutations: int
    verdict: Verdict
    rule: str = ""
    edges: tuple[str, ...] = ()
    counts_yet_small: str = ""
    baselines: tuple[Estimate, ...] = ()
    predictors: tuple[Estimate, ...] = ()
    beyond_sources: Estimate | None = None
    smallest_supported: Number = math.nan
    tie_ceiling: Number = math.nan
    noise_ceiling: Number = math.nan
    n_behaviors: int
    n_units: int | None = None
    n_targets: int
    n_pairs: int
    n_missing: int
    n_censored: int
    per_target: tuple[TargetRank, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, test: TransferTest) -> Outcome:
        """Return what a test found."""
        statistic = Estimate(
            label=test.statistic,
            value=test.value,
            low=test.ci_low,
            high=test.ci_high,
            p_value=test.p_value,
            smallest_effect=test.minimum_detectable,
        )
        beyond = test.beyond_sources
        beyond_p = beyond.p_value if beyond else None
        edges = test.rule.edges(test.ci_low, test.ci_high, test.p_value, beyond_p)
        return cls(
            statistic=statistic,
            permutations=test.permutations,
            verdict=test.verdict,
            rule=test.rule.text(),
            edges=edges,
            counts_yet_small=test.rule.counts_yet_small(test.verdict, beyond_p),
            baselines=tuple(Estimate.of(row) for row in test.baselines),
            predictors=tuple(Estimate.of(row) for row in test.predictors),
            beyond_sources=Estimate.of(beyond) if beyond else None,
            smallest_supported=test.minimum_supported,
            tie_ceiling=test.tie_ceiling,
            noise_ceiling=math.nan if test.noise_ceiling is None else test.noise_ceiling,
            per_target=tuple(
                TargetRank(target=row.target, rho=row.rho, n_sources=row.n_sources)
                for row in test.per_target
            ),
            left_out=test.left_out,
            notes=test.notes,
            n_behaviors=test.n_behaviors,
            n_units=test.n_units,
            n_targets=test.n_targets,
            n_pairs=test.n_pairs,
            n_missing=test.n_missing,
            n_censored=test.n_censored,
        )


class Tau(Part):
    """The statistic, had tau been another share of the target's level."""

    share: float
    estimate: Estimate
    n_censored: int = 0


class Place(Part):
    """How far apart two algorithms leave the behaviors of one function.

    Attributes
    ----------
    estimate
        Mean distance over functions.
    floor, apart
        Between seeds of one regime; between functions under these algorithms.
    n_apart, n
        Functions whose two behaviors are shown to be apart, of how many.
    """

    estimate: Estimate
    floor: Number = math.nan
    apart: Number = math.nan
    n_apart: int
    n: int


class Chance(Part):
    """How often the base gives a function's answer before any post-training."""

    function: str
    mean: Number
    standard_error: Number


class RandomStart(Part):
    """What became of training from random weights towards one target."""

    target: str
    algorithm: str = ""
    runs: int
    censored: int
    steps: Number = math.nan
    best_score: Number


class TransferNumbers(Part):
    """Everything a study of transfers measured, beside the matrices in its folder.

    Attributes
    ----------
    behaviors, targets, untested
        As in the record, which keeps them once.
    outcome
        Of the test; None where it could not be asked.
    geometries, measures, parts
        The same statistic for every geometry, measure of cost and part of the pairs.
    split_half
        Correlation of costs between two halves of the seeds, by measure.
    sweep
        The statistic over tau.
    factors, places
        What of the distance is what was trained, and what is how.
    noise_floor
        Distance between two seeds of one regime; `n` regimes.
    base_chance, random_start
        Where the base stood, and how far random weights come.
    """

    behaviors: tuple[Behavior, ...] = Field(default=(), exclude=True)
    targets: tuple[Target, ...] = Field(default=(), exclude=True)
    outcome: Outcome | None = None
    untested: str = Field(default="", exclude=True)
    geometries: tuple[Estimate, ...] = ()
    measures: tuple[Estimate, ...] = ()
    parts: tuple[Estimate, ...] = ()
    split_half: dict[str, Number] = {}
    sweep: tuple[Tau, ...] = ()
    factors: tuple[Estimate, ...] = ()
    places: tuple[Place, ...] = ()
    noise_floor: Estimate | None = None
    base_chance: tuple[Chance, ...] = ()
    random_start: tuple[RandomStart, ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        """Labels that are starting points only (base, random)."""
        return tuple(row.label for row in self.behaviors if row.is_reference)

    def reference(self, role: str) -> str | None:
        """Return the label of the base or of random weights; None where there is none."""
        return next((row.label for row in self.behaviors if row.role == role), None)
