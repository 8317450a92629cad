"""What study `growing` reports: does growth pay, and what does distance leave out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.regimes.grow import PRESERVING
from behaviordist.report.findings import (
    Claim,
    Distances,
    Findings,
    Intervals,
    Lines,
    Part,
    Row,
    Series,
    TableOf,
    Verdict,
    decide,
    number,
    numbers,
)
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.growing import CONTROL, SMALL, Runs, fresh
from behaviordist.studies.growing_measures import (
    ROUNDING,
    curve_table,
    jump_table,
    on_grid,
    ratio_table,
    savings_table,
)
from behaviordist.studies.measures import Estimate, estimate, words
from behaviordist.studies.progress import StageClock

GRID = 9
"""Points at which curves of several seeds are averaged: few enough to show their intervals."""
RULE = (
    "supported where the 95 % interval over seeds lies on the claimed side, not supported where it"
    " lies on the other, inconclusive where it holds the threshold"
)
RULE_NOT_ALL = (
    "'does not cost the same' is supported where one operator's interval, widened for the number of"
    " operators (Bonferroni), holds no zero; inconclusive otherwise"
)


def write_results(
    runs: Runs, settings: Settings, rows: pd.DataFrame, clock: StageClock
) -> dict[str, Any]:
    """Measure, draw the conclusions, write the folder; return ``run.json``."""
    from behaviordist.probes import ProbeSet
    from behaviordist.studies.results import write_findings
    from behaviordist.transfer.curves import summarise

    curves, costs = curve_table(runs), summarise(rows)
    savings, jumps = savings_table(runs, curves), jump_table(runs, clock)
    ratios = ratio_table(runs, costs)
    for name, table in (("savings", savings), ("jumps", jumps), ("ratios", ratios)):
        table.to_csv(runs.folder / f"{name}.csv", index=False)
    found = Measured(runs, curves, costs, savings, jumps, ratios, _own_rounding(runs))
    incoherent = [
        f"small model of seed {r} was not coherent within its budget; it was grown as it was"
        for r in range(runs.study.seeds)
        if not runs.provenance(SMALL, r)["converged"]
    ]
    return write_findings(
        runs.study,
        settings,
        conclude(found),
        clock,
        behaviors=[_behavior(runs, name) for name in runs.sources()],
        geometry=runs.study.distances.geometry,
        digests={"probes": ProbeSet.load(runs.study.distances.probes).digest},
        notes=[*incoherent, *NOTES],
    )


NOTES = (
    "the optimizer starts anew after growth: moments of the small model are not carried over",
    "the level is read at evaluations, so FLOPs to it are rounded up to the next one",
    "distances.csv holds the first seed; jumps.csv has the distances of all",
)


class Measured:
    """The study's tables, and the estimates over seeds that its page is made of."""

    def __init__(
        self,
        runs: Runs,
        curves: pd.DataFrame,
        costs: pd.DataFrame,
        savings: pd.DataFrame,
        jumps: pd.DataFrame,
        ratios: pd.DataFrame,
        rounding: tuple[float, float],
    ) -> None:
        self.runs, self.curves, self.costs = runs, curves, costs
        self.savings, self.jumps, self.ratios = savings, jumps, ratios
        self.rounding = rounding  # of the small models: float32 against float64, largest logit
        self.exact = [name for name in runs.shapes if name in PRESERVING]
        self.jumping = [name for name in runs.shapes if name not in PRESERVING]

    def saved(self, operators: Sequence[str], column: str = "savings") -> Estimate:
        """Mean of a column of the savings over operators, with its interval over seeds."""
        part = self.savings[self.savings["operator"].isin(list(operators))]
        return estimate(part.groupby("seed")[column].mean())

    def ratio(self, column: str, operators: Sequence[str], target: str | None = None) -> Estimate:
        """Mean log2 ratio of steps over operators and algorithms, interval over seeds."""
        part = self.ratios[self.ratios["operator"].isin(list(operators))]
        if target is not None:
            part = part[part["target"] == target]
        return estimate(part.groupby("seed")[column].mean())

    def jump(self, name: str) -> Estimate:
        """Distance of a model from the small one of its seed, interval over seeds."""
        return estimate(self.jumps[self.jumps["name"] == name]["distance"])

    def largest_jump(self, operators: Sequence[str]) -> float:
        """Largest distance that growth by these operators made, in any seed."""
        names = [fresh(operator) for operator in operators]
        return float(self.jumps[self.jumps["name"].isin(names)]["distance"].max())


def conclude(found: Measured) -> Findings:
    """Return the study's claims, figures and tables."""
    study = found.runs.study
    claims = [_left_claim(found), _unequal_claim(found), _savings_claim(found, found.exact)]
    if found.jumping:
        claims += [_savings_claim(found, found.jumping), _jump_claim(found)]
    claims.append(_tuning_claim(found))
    steps = [found.runs.provenance(SMALL, r)["steps"] for r in range(study.seeds)]
    return Findings(
        headline=_headline(found),
        claims=tuple(claims),
        facts=(
            ("operators", str(len(found.runs.shapes)), f"{len(found.exact)} keep the function"),
            ("largest jump of those", f"{found.largest_jump(found.exact):.1g}", "of 1.41 at most"),
            (
                "small until coherent",
                f"{np.mean(steps):.0f} steps",
                f"score {study.small.at_least}",
            ),
            ("seeds", str(study.seeds), "each with a small model of its own"),
        ),
        parts=(
            Part(title="Does growth pay?", blocks=_pay_blocks(found)),
            Part(title="What growth does to the function", blocks=_jump_blocks(found)),
            Part(title="Same function, other cost", blocks=_tuning_blocks(found)),
            Part(
                title="Where everything lies (first seed)",
                blocks=(
                    "Freshly grown models beside the small one, the models trained on, and those"
                    " from scratch.",
                    Distances(),
                ),
            ),
        ),
    )


# ---------------------------------------------------------------- claims


def _left_claim(found: Measured) -> Claim:
    left, largest = found.saved(found.exact, "left"), found.largest_jump(found.exact)
    verdict: Verdict = decide(number(left.low), number(left.high))
    verdict = verdict if largest < ROUNDING else "inconclusive"
    return Claim(
        claim="Distance is not all: growth at distance 0 still leaves a cost to the large model's"
        " level.",
        verdict=verdict,
        answer=f"the largest distance of a function-preserving growth from its small model is"
        f" {largest:.1g}, and {left.value:.0%} of the FLOPs from scratch are still to be paid"
        f" after it.",
        value=number(left.value), low=number(left.low), high=number(left.high),
        unit="share of the FLOPs from scratch, paid after growth",
        smallest_effect=number(left.smallest_effect), rule=RULE,
    )  # fmt: skip


def _unequal_claim(found: Measured) -> Claim:
    """The operator whose steps differ most from the small model's, in standard errors."""
    each = {name: _widened(found.ratio("fresh", [name]), len(found.exact)) for name in found.exact}
    name = max(each, key=lambda key: _distinctness(each[key]))
    best = each[name]
    known = math.isfinite(best.low)
    apart = known and (best.low > 0 or best.high < 0)
    return Claim(
        claim="Two models at distance 0 do not cost the same to tune: the small one, and itself"
        " freshly grown.",
        verdict="supported" if apart else "inconclusive",
        answer=f"after '{name}', the most telling of {len(each)} operators, post-training takes"
        f" {2**best.value:.2f} times the steps that it takes from the small model.",
        value=number(best.value), low=number(best.low), high=number(best.high),
        unit="log2 of steps freshly grown over steps small",
        smallest_effect=number(best.smallest_effect), rule=RULE_NOT_ALL,
    )  # fmt: skip


def _savings_claim(found: Measured, operators: Sequence[str]) -> Claim:
    saved = found.saved(operators)
    part = found.savings[found.savings["operator"].isin(operators)]
    names = "Function-preserving growth" if operators == found.exact else "Growth with a jump"
    late, late_scratch = int(part["censored_growth"].sum()), int(part["censored_scratch"].sum())
    return Claim(
        claim=f"{names} reaches the large model's level on fewer FLOPs than from scratch.",
        verdict=decide(number(saved.low), number(saved.high)),
        answer=f"savings, FLOPs from scratch over FLOPs via growth with the small model's included,"
        f" are {2**saved.value:.2f} (geometric mean over {', '.join(operators)}); {late} of"
        f" {len(part)} grown runs and {late_scratch} from scratch did not get there and count as"
        f" their budget.",
        value=number(saved.value), low=number(saved.low), high=number(saved.high),
        unit="log2 of FLOPs from scratch over FLOPs via growth (above 0: pays)",
        smallest_effect=number(saved.smallest_effect), rule=RULE,
    )  # fmt: skip


def _jump_claim(found: Measured) -> Claim:
    jumps = found.jumps.pivot_table(index="seed", columns="name", values="distance")
    other = jumps["other seed"] if "other seed" in jumps else pd.Series(np.nan, jumps.index)
    names = [fresh(operator) for operator in found.jumping]
    further = estimate(np.log2(jumps[names].mean(axis=1) / other))
    return Claim(
        claim="Stacking and interpolation move the function further than another seed would.",
        verdict=decide(number(further.low), number(further.high)),
        answer=f"their jump is {2**further.value:.2f} times the distance between small models of"
        f" two seeds.",
        value=number(further.value), low=number(further.low), high=number(further.high),
        unit="log2 of the jump over the distance between seeds",
        smallest_effect=number(further.smallest_effect), rule=RULE,
    )  # fmt: skip


def _tuning_claim(found: Measured) -> Claim:
    ratio = found.ratio("trained", found.exact)
    return Claim(
        claim="At equal FLOPs, a model grown by a function-preserving operator is cheaper to"
        " post-train than the large one from scratch.",
        verdict=decide(number(ratio.low), number(ratio.high), above=False),
        answer=f"it takes {2**ratio.value:.2f} times the steps, over {', '.join(found.exact)} and"
        f" {', '.join(found.runs.study.post_training)}.",
        value=number(ratio.value), low=number(ratio.low), high=number(ratio.high),
        unit="log2 of steps grown over steps from scratch (below 0: cheaper)",
        smallest_effect=number(ratio.smallest_effect), rule=RULE,
    )  # fmt: skip


def _widened(found: Estimate, tests: int) -> Estimate:
    """Return the estimate with an interval for the best of several (Bonferroni)."""
    from scipy import stats

    if found.n < 2:
        return found
    plain, wide = (stats.t.ppf(1 - 0.025 / k, found.n - 1) for k in (1, tests))
    half = (found.high - found.low) / 2 * float(wide / plain)
    effect = found.smallest_effect * float(
        (wide + stats.t.ppf(0.8, found.n - 1)) / (plain + stats.t.ppf(0.8, found.n - 1))
    )
    return Estimate(found.value, found.value - half, found.value + half, effect, found.n)


def _distinctness(found: Estimate) -> float:
    half = (found.high - found.low) / 2
    if not math.isfinite(half):
        return abs(found.value)
    return abs(found.value) / half if half else math.inf * abs(found.value or 0.0)


def _headline(found: Measured) -> str:
    saved, left = found.saved(found.exact), found.saved(found.exact, "left")
    text = (
        f"Function-preserving growth lands at distance {found.largest_jump(found.exact):.1g} and"
        f" leaves {left.value:.0%} of the FLOPs from scratch to pay; savings {_times(saved)}"
    )
    if found.jumping:
        text += f", and {_times(found.saved(found.jumping))} for operators that jump"
    return text + "."


# ---------------------------------------------------------------- sections


def _pay_blocks(found: Measured) -> tuple[Any, ...]:
    runs = found.runs
    rows: list[tuple[str, ...]] = []
    for operator in (*runs.shapes, CONTROL):
        part = found.savings[found.savings["operator"] == operator]
        rows.append(
            (
                operator,
                f"{part['level'].iloc[0]:.2f}",
                f"{part['scratch'].mean():.3g}",
                f"{part['growth'].mean():.3g}",
                _times(found.saved([operator])),
                f"{int(part['censored_scratch'].sum())} / {int(part['censored_growth'].sum())}",
                words(found.saved([operator], "ahead"), signed=True),
            )
        )
    header = ("operator", "level", "FLOPs from scratch", "FLOPs via growth", "savings",
              "censored", "score ahead at equal FLOPs")  # fmt: skip
    table = TableOf(
        title="FLOPs to the large model's level", header=header, rows=tuple(rows), align="lrrrrrr",
        note=f"Level: {runs.study.level_share:g} of the score (expected exact match on held-out"
        f" strings) at which the large model of that shape ends. Savings: FLOPs from scratch over"
        f" FLOPs via growth, the small model's pre-training included; geometric mean and 95 %"
        f" interval over {runs.study.seeds} seeds. Censored: runs from scratch / grown that did not"
        f" reach the level; they count as their budget. '{CONTROL}' is the small model trained on,"
        f" against the first operator's shape.",
    )  # fmt: skip
    groups: tuple[tuple[str, Sequence[str]], ...] = (
        ("keep the function", found.exact),
        ("jump", found.jumping),
        ("control", [CONTROL]),
    )
    forest = Intervals(
        name="savings", title="Savings by operator",
        caption="FLOPs from scratch over FLOPs via growth, as a power of two; right of zero growth"
        " is cheaper. 95 % intervals over seeds.",
        unit="log2 savings",
        groups=tuple(
            (name, tuple(_row(operator, found.saved([operator])) for operator in operators))
            for name, operators in groups if operators
        ),
    )  # fmt: skip
    return (*_curve_figures(found), forest, table)


def _curve_figures(found: Measured) -> list[Lines]:
    """One figure a group of shapes: those that change depth, and those that change widths."""
    shapes = found.runs.shapes
    deep = [name for name in shapes if shapes[name].layers != found.runs.small_config.layers]
    wide = [name for name in shapes if name not in deep]
    figures = []
    for key, title, names in (("depth", "Deeper models", deep), ("width", "Wider models", wide)):
        if not names:
            continue
        scratch = list(dict.fromkeys(found.runs.scratch(name) for name in names))
        control = [CONTROL] if key == "depth" else []
        figures.append(
            Lines(
                name=f"curves-{key}",
                title=f"{title}: score against all FLOPs spent",
                caption="Expected exact match on held-out strings that name their function; mean"
                " over seeds, 95 % intervals. Grown curves begin where the small model stopped, so"
                " they hold its FLOPs.",
                x="total FLOPs, the small model's included",
                y="score",
                series=tuple(_series(found, n) for n in (*scratch, SMALL, *control, *names)),
            )  # fmt: skip
        )
    return figures


def _series(found: Measured, name: str) -> Series:
    """Mean curve on a grid from the FLOPs at which the last seed starts to where the first ends."""
    seeds = found.runs.study.seeds
    part = found.curves[found.curves["name"] == name].groupby("seed")["flops"]
    grid = np.linspace(part.min().max(), part.max().min(), GRID)
    points = np.array(on_grid(found.curves, name, seeds, grid))
    each = [estimate(column) for column in points.T]
    return Series(
        label=name,
        x=tuple(grid.tolist()),
        y=numbers([e.value for e in each]),
        low=numbers([max(0.0, e.low) for e in each]),
        high=numbers([min(1.0, e.high) for e in each]),
    )


def _jump_blocks(found: Measured) -> tuple[Any, ...]:
    rows: list[tuple[str, ...]] = []
    for operator in found.runs.shapes:
        growth = found.runs.provenance(fresh(operator), 0)["growth"]
        logits = _largest_logits(found.runs, operator)
        sizes = ", ".join(
            f"{key} {growth['before'][key]} → {growth['after'][key]}"
            for key in growth["after"]
            if key not in ("parameters", "rms_eps")
        )
        more = growth["after"]["parameters"] / growth["before"]["parameters"]
        rows.append(
            (
                operator,
                sizes,
                f"× {more:.2f}",
                _small(found.jump(fresh(operator)).value),
                _small(logits),
                words(found.saved([operator], "lost"), signed=True),
                f"{found.saved([operator], 'back').value:.2g}",
                words(found.jump(operator)),
            )
        )
    other = found.jump("other seed")
    rounding, largest = found.rounding
    header = ("operator", "sizes", "parameters", "jump", "largest logit difference",
              "score lost at once", "FLOPs to get it back", "distance, trained on")  # fmt: skip
    table = TableOf(
        title="The jump of every operator", header=header, rows=tuple(rows), align="llrrrrrr",
        note=f"Jump: {found.runs.study.distances.geometry} distance of the freshly grown model from"
        f" the small one, mean over seeds; small models of two seeds lie {words(other)} apart."
        " Score lost: right after growth, against the small model's last evaluation. Logits are"
        f" float32 and reach {largest:.0f}: those of the small models themselves differ by up to"
        f" {_small(rounding)} from what float64 gives.",
    )  # fmt: skip
    return (table,)


def _tuning_blocks(found: Measured) -> tuple[Any, ...]:
    targets = [regime.label for regime in found.runs.study.regimes()]
    fresh_forest = Intervals(
        name="fresh", title="Steps from the freshly grown model, against the small one",
        caption="For operators that keep the function both start at distance 0 from each other, on"
        " the same data: what is left of zero is tuned faster for its size alone. 95 % intervals"
        " over seeds.",
        unit="log2 of steps, freshly grown over small",
        groups=_by_target(found, "fresh", targets),
    )  # fmt: skip
    trained_forest = Intervals(
        name="trained", title="Steps after training on, against the large model from scratch",
        caption="Both have used the same FLOPs, the small model's included. Left of zero: the grown"
        " model is cheaper to post-train.",
        unit="log2 of steps, grown over from scratch",
        groups=_by_target(found, "trained", targets),
    )  # fmt: skip
    return fresh_forest, trained_forest, _steps_table(found, targets)


def _by_target(found: Measured, column: str, targets: list[str]) -> Any:
    return tuple(
        (
            target,
            tuple(_row(name, found.ratio(column, [name], target)) for name in found.runs.shapes),
        )
        for target in targets
    )


def _steps_table(found: Measured, targets: list[str]) -> TableOf:
    steps = found.costs.groupby(["source", "target"])["steps"]
    out = found.costs.groupby(["source", "target"])["censored"].sum()
    rows = []
    for name in found.runs.sources():
        cells = [name]
        for target in targets:
            mean = words(estimate(steps.get_group((name, target))), digits=0)
            late = int(out[(name, target)])
            cells.append(f"{mean}{f' ({late} censored)' if late else ''}")
        rows.append(tuple(cells))
    return TableOf(
        title="Steps of post-training to tau", header=("from", *targets), rows=tuple(rows),
        align="l" + "r" * len(targets),
        note=f"Mean and 95 % interval over {found.runs.study.seeds} seeds; tau is an expected exact"
        f" match of {found.runs.study.tau:g}; a censored run counts as its budget.",
    )  # fmt: skip


# ---------------------------------------------------------------- words


def _row(label: str, found: Estimate) -> Row:
    return Row(
        label=label, value=number(found.value), low=number(found.low), high=number(found.high)
    )


def _largest_logits(runs: Runs, operator: str) -> float:
    records = (runs.provenance(fresh(operator), r) for r in range(runs.study.seeds))
    return max(float(record["jump"]["max_logit_difference"]) for record in records)


def _own_rounding(runs: Runs) -> tuple[float, float]:
    """Return how far float32 moves the small models' own logits, and the largest of these."""
    from behaviordist.engines.growing import float32_rounding, measured_tokens
    from behaviordist.lab import checkpoint

    found = []
    for r in range(runs.study.seeds):
        small = checkpoint.load(runs.place(SMALL, r))
        tokens = measured_tokens(small.config, r)
        found.append(float32_rounding(small.params, small.config, tokens))
    rounding, largest = zip(*found, strict=True)
    return max(rounding), max(largest)


def _behavior(runs: Runs, name: str) -> Mapping[str, Any]:
    kind = "grown" if name in runs.shapes else name.split("-")[0]
    kind = {"not": "small, trained on"}.get(kind, kind)
    kind = "freshly grown" if name.endswith("-fresh") else kind
    return {"label": f"{name}-s0", "algorithm": kind, "task": None, "role": "behavior"}


def _times(found: Estimate) -> str:
    """Return a log2 ratio as a factor with its interval."""
    return f"{2**found.value:.2f} [{2**found.low:.2f}, {2**found.high:.2f}]"


def _small(value: float) -> str:
    return f"{value:.2f}" if value >= 0.01 else f"{value:.1g}"
