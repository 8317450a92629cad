"""What study `inference` claims: verdicts by rules of the study's file, over seeds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.probes import ProbeSet
from behaviordist.report.findings import Claim, Findings, Verdict, decide, number
from behaviordist.report.formatting import decimal
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.inference import BASE, PLAIN, Runs
from behaviordist.studies.inference_measures import (
    GEOMETRY,
    behavior_label,
    read,
    squared_distances,
)
from behaviordist.studies.measures import Estimate, estimate, words
from behaviordist.studies.progress import StageClock

Floats = NDArray[np.float64]

RULE = "supported where the 95 % interval over seeds lies on the claimed side, not supported where"
RULE += " it lies on the other, inconclusive where it holds the threshold"


@dataclass(frozen=True)
class Answers:
    """Everything that was measured; arrays have the seed as their first axis."""

    runs: Runs
    probes: ProbeSet
    names: tuple[str, ...]
    models: dict[str, dict[str, Floats]]
    quantisation: dict[str, Floats]

    @staticmethod
    def of(runs: Runs) -> Answers:
        """Read the measurements of a finished run."""
        seeds = range(runs.study.seeds)
        models = {m: read([runs.measured(m, r) for r in seeds]) for m in runs.models}
        quantisation = read([runs.measured("quantisation", r) for r in seeds])
        probes = ProbeSet.load(runs.study.probes)
        return Answers(runs, probes, tuple(runs.study.specs), models, quantisation)

    def tagged(self, *tags: str) -> NDArray[np.bool_]:
        """Which probes have all the tags, (probes,)."""
        return np.array([set(tags) <= set(probe.tags) for probe in self.probes])

    def chance(self, model: str, setting: str, *tags: str) -> Floats:
        """Mean probability of the right answer over the probes with the tags, (seeds,)."""
        table = self.models[model]["chance"][:, self.names.index(setting)]
        return np.asarray(table[:, self.tagged(*tags)].mean(axis=1))

    def change(self, model: str, setting: str, *tags: str) -> Floats:
        """Change of that probability against the model as it is, (seeds,)."""
        return self.chance(model, setting, *tags) - self.chance(model, PLAIN, *tags)

    def distance(self, model: str, setting: str, *tags: str) -> Floats:
        """Distance from the model as it is, over the probes with the tags, (seeds,)."""
        table = self.models[model]["squared"][:, self.names.index(setting)]
        return np.asarray(np.sqrt(table[:, self.tagged(*tags)].mean(axis=1)))

    def between_seeds(self, model: str) -> Floats:
        """Root mean squared distance of each seed's model from the other seeds', (seeds,)."""
        roots = self.models[model]["roots"].astype(np.float64)
        counts = [len(probe.continuation.split()) for probe in self.probes]
        where = np.repeat(np.arange(len(counts)), counts)
        squared = np.zeros((len(roots), len(roots)))
        for a, b in itertools.combinations(range(len(roots)), 2):
            squared[a, b] = squared[b, a] = squared_distances(roots[a], roots[b], where).mean()
        return np.asarray(np.sqrt(squared.sum(axis=1) / max(1, len(roots) - 1)))


def write_results(runs: Runs, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Draw the map and the conclusions; write the folder; return ``run.json``."""
    from behaviordist.studies.inference_figures import parts
    from behaviordist.studies.results import write_findings

    behaviors = write_map(runs, clock)
    answers = Answers.of(runs)
    claims = conclude(answers)
    verdicts = [claim.verdict for claim in claims]
    findings = Findings(
        headline=headline(answers, claims),
        claims=claims,
        facts=(
            ("settings", str(len(answers.names) - 1), "each against the model as it is"),
            ("checkpoints", str(len(runs.models)), f"times {runs.study.seeds} seeds"),
            ("probes", str(len(answers.probes)), runs.study.probes),
            ("claims supported", f"{verdicts.count('supported')} of {len(claims)}", ""),
        ),
        parts=parts(answers),
    )
    notes = [
        "Quantisation is simulated: weights of the blocks are rounded and multiplied as floats.",
        "The map's distances come from float32 inner products: what lies below 0.0003 there is"
        " their rounding. The cache is judged on differences, taken probe by probe.",
        "Scratchpads are sampled, as many a probe as the study's file says: the distance from the"
        " plain model includes the noise of that sampling; an answer's probability is unbiased.",
    ]
    return write_findings(
        runs.study,
        settings,
        findings,
        clock,
        behaviors=behaviors,
        geometry=GEOMETRY,
        digests={"probes": answers.probes.digest},
        notes=notes,
    )


def write_map(runs: Runs, clock: StageClock) -> list[dict[str, str]]:
    """Write the distance matrix of the first seed's models and settings; return their kinds."""
    from behaviordist.behaviors import load
    from behaviordist.distance import matrix_of
    from behaviordist.distance.fingerprints.fingerprinting import fingerprint

    behaviors, kinds = [], []
    for model in runs.models:
        folder = runs.checkpoint(model, 0)
        for name in (PLAIN, *runs.study.map):
            spec = runs.study.specs[name]
            label = behavior_label(model, name, spec)
            behaviors.append(load(f"{folder}@{spec}" if spec else str(folder), label))
            kinds.append({"label": label, "algorithm": runs.study.family(name), "task": model})
    with clock.stage("map", 1, "Measuring the map") as done:
        kept = runs.folder / "fingerprints"
        probes = ProbeSet.load(runs.study.probes)
        prints = fingerprint(behaviors, probes, (GEOMETRY,), folder=kept)
        matrix_of(prints[GEOMETRY]).save(runs.folder)
        done(1)
    return kinds


def conclude(answers: Answers) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts."""
    about, bits = answers.runs.study.claims, answers.quantisation["bits"][0]
    few = int(np.argmin(bits))
    scores = answers.quantisation["scores"][:, :, few]
    away = np.sqrt(answers.quantisation["squared"][:, :, few].mean(axis=2))
    two, one = (
        answers.change(BASE, about.thoughts, "prompt:named", f"steps:{n}") for n in ("two", "one")
    )
    shots = "prompt:shots2"
    lost, windowed = (answers.change(BASE, s, shots) for s in (about.without, about.window))
    chance, distance = "probability of the right answer", f"{GEOMETRY} distance"
    return (
        cache_claim(answers),
        small_claim(answers),
        above(
            f"At {bits[few]} bits, training for the grid (QAT) beats rounding afterwards.",
            scores[:, 1] - scores[:, 0], "score",
            f"QAT scores {scores[:, 1].mean():.3f}, rounded SFT {scores[:, 0].mean():.3f}",
        ),
        above(
            f"At {bits[few]} bits, QAT stays nearer to unrounded SFT than rounded SFT does.",
            away[:, 0] - away[:, 1], distance,
            f"QAT lies {away[:, 1].mean():.3f} away, rounded SFT {away[:, 0].mean():.3f}",
        ),
        linear_claim(answers),
        above(
            "A scratchpad makes named two-step functions come out right more often.",
            two, chance, "change of the base",
        ),
        above(
            "It does so more than for one-step functions, which have nothing to write down.",
            two - one, chance,
            f"two-step functions change by {signed(two.mean())}, one-step ones by"
            f" {signed(one.mean())}",
        ),
        above(
            "Solved examples are used: without them the hidden function comes out less often.",
            -lost, chance, "what two examples add in the base",
        ),
        above(
            "Cutting a context that is longer than any training document helps.",
            answers.change(BASE, about.shorter, "prompt:shots4"), chance,
            "change of the base on four examples, of which two are kept",
        ),
        above(
            "A sliding window loses less than cutting the context to as many tokens.",
            windowed - lost, chance,
            f"after two examples the window changes {signed(windowed.mean())}, the cut"
            f" {signed(lost.mean())}",
        ),
    )  # fmt: skip


def above(claim: str, values: Floats, unit: str, answer: str) -> Claim:
    """Claim that a quantity, one value a seed, lies above zero."""
    found = estimate([float(value) for value in values])
    return Claim(
        claim=claim, verdict=decide(number(found.low), number(found.high)),
        answer=f"{answer}: {words(found, 3)} over {found.n} seeds.", **_numbers(found), unit=unit,
        rule=RULE,
    )  # fmt: skip


def cache_claim(answers: Answers) -> Claim:
    """Claim that computing from the cache is the same function."""
    study = answers.runs.study
    names, bound = study.settings.get("cache", {}), study.rule.cache_bound
    found = [answers.distance(m, s).max() for m in answers.models for s in names]
    at = [answers.names.index(name) for name in names]
    drift = max(float(table["drift"][:, at].max()) for table in answers.models.values())
    largest = float(max(found))
    return Claim(
        claim="Computing from the key-value cache is the same behavior.",
        verdict="supported" if largest <= bound else "not supported",
        answer=f"the largest distance of any checkpoint is {largest:.1e}, the largest change of any"
        f" probability {drift:.1e}: float32 rounding.",
        value=largest, unit=f"{GEOMETRY} distance", smallest_effect=bound,
        rule=f"the cache is the same where the largest distance of all checkpoints is at most"
        f" {bound:g}",
    )  # fmt: skip


def small_claim(answers: Answers) -> Claim:
    """Claim that mild rounding is small beside what another seed does."""
    name, small = answers.runs.study.claims.rounding, answers.runs.study.rule.small
    share = [answers.distance(m, name) / answers.between_seeds(m) for m in answers.models]
    found = estimate(np.mean(share, axis=0).tolist())
    return Claim(
        claim=f"{name} moves a behavior by less than {small:.0%} of what another seed does.",
        verdict=decide(number(found.low), number(found.high), small, above=False),
        answer=f"{words(found, 3)} of the distance between seeds, mean over checkpoints.",
        **_numbers(found), unit="share of the distance between seeds", rule=RULE,
    )  # fmt: skip


def linear_claim(answers: Answers) -> Claim:
    """Claim that near temperature 1 the distance is what the spread of log p says."""
    near, tolerance = answers.runs.study.claims.near, answers.runs.study.rule.linear
    ratios = [
        answers.distance(m, name) / predicted(answers, m, temperature(answers, name))
        for m in answers.models
        for name in near
    ]
    found = estimate(np.mean(ratios, axis=0).tolist())
    return Claim(
        claim="A small change of temperature moves a behavior as far as the spread of its"
        " log-probabilities says.",
        verdict=within(found, 1 - tolerance, 1 + tolerance),
        answer=f"measured over predicted distance is {words(found, 3)}, mean of"
        f" {' and '.join(near)}: on the two sides of 1 the second order has opposite signs.",
        **_numbers(found), unit="measured / predicted",
        rule=f"the law holds where the interval of measured over predicted distance lies within"
        f" {1 - tolerance:g} to {1 + tolerance:g}, not where it lies outside",
    )  # fmt: skip


def predicted(answers: Answers, model: str, at: float) -> Floats:
    """Distance of a model from itself at a temperature near 1, to first order, (seeds,)."""
    return np.asarray(abs(1 / at - 1) * np.sqrt(answers.models[model]["spread"]) / 2)


def temperature(answers: Answers, name: str) -> float:
    """Return the temperature of a setting."""
    from behaviordist.behaviors.settings import parse_spec

    spec = answers.runs.study.specs[name]
    return parse_spec(f"model@{spec}")[1].temperature if spec else 1.0


def within(found: Estimate, low: float, high: float) -> Verdict:
    """Supported where the interval lies inside, not supported where it lies outside."""
    if not np.isfinite(found.low):
        return "inconclusive"
    if low <= found.low and found.high <= high:
        return "supported"
    return "not supported" if found.high < low or found.low > high else "inconclusive"


def headline(answers: Answers, claims: tuple[Claim, ...]) -> str:
    """Return the study's answer in a sentence of numbers."""
    about, bits = answers.runs.study.claims, answers.quantisation["bits"][0]
    few = int(np.argmin(bits))
    rounded, aware = answers.quantisation["scores"][:, :, few].mean(axis=0)
    two, one = (
        answers.change(BASE, about.thoughts, "prompt:named", f"steps:{n}").mean()
        for n in ("two", "one")
    )
    long, cut = (answers.chance(BASE, s, "prompt:shots4").mean() for s in (PLAIN, about.shorter))
    return (
        f"The cache moves nothing (at most {claims[0].value:.0e}); at {bits[few]} bits rounding"
        f" leaves a score of {rounded:.2f}, training for the grid {aware:.2f}; a scratchpad changes"
        f" right answers of named two-step functions by {signed(two, 2)} and of one-step ones by"
        f" {signed(one, 2)}; cutting contexts longer than any training document takes right"
        f" answers from {long:.2f} to {cut:.2f}."
    )


def signed(value: float, digits: int = 3) -> str:
    """Return a change with its sign."""
    return ("+" if value > 0 else "") + decimal(value, digits)


def _numbers(found: Estimate) -> dict[str, float | None]:
    named = {"value": found.value, "low": found.low, "high": found.high}
    named["smallest_effect"] = found.smallest_effect
    return {name: number(value) for name, value in named.items()}
