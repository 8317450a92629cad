"""What study `growing` measures: jumps, FLOPs to the large model's level, post-training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.engines.checkpoints import flops_per_step
from behaviordist.probes import ProbeSet
from behaviordist.record import Estimate
from behaviordist.regimes.grow import PRESERVING
from behaviordist.studies.divergences import checkpoint_divergences, right_answers
from behaviordist.studies.exact import SeedValues, median_over
from behaviordist.studies.fingerprints import fingerprint_stage
from behaviordist.studies.growing.runs import CONTROL, SMALL, GrowthRuns, fresh
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.curves import Passage, first_passage

ROUNDING = 1e-4
"""Distance below which two models count as one function. Growth itself moves float32 outputs by
less than 1e-6 (hellinger, in each provenance); a distance is the root of a difference of float32
sums, which cancels to just below this."""


def curve_table(runs: GrowthRuns) -> pd.DataFrame:
    """Scores of pre-training, one row an evaluation: name, seed, flops, score.

    FLOPs of grown models and of the control hold those of the small model that they start from.
    """
    regime = runs.study.small_regime()
    shapes = {SMALL: runs.config, CONTROL: runs.config}
    shapes |= {**runs.shapes, **runs.scratches}
    parts = []
    for name, shape in shapes.items():
        for r in range(runs.study.seeds):
            evidence = runs.provenance(name, r)["evidence"]
            before = 0.0
            if name in runs.shapes or name == CONTROL:
                before = runs.provenance(SMALL, r)["flops"]
            flops = before + np.array(evidence["steps"]) * flops_per_step(regime, shape)
            parts.append(
                pd.DataFrame({"flops": flops, "score": evidence["scores"]}).assign(
                    name=name, seed=r
                )
            )
    return pd.concat(parts, ignore_index=True)


def savings_table(runs: GrowthRuns, curves: pd.DataFrame) -> pd.DataFrame:
    """FLOPs to the large model's level, from scratch and by growth: one row an operator and seed.

    The level is a share, fixed in the study's file, of the mean score at which the large models
    from scratch of that shape end. A run that does not reach it is censored at its last FLOPs.

    Returns
    -------
    DataFrame
        operator, seed, level, scratch, growth (FLOPs, the small model's included), small (its
        FLOPs), censored_scratch, censored_growth, savings (log2 of scratch over growth),
        left (share of `scratch` that is still paid after growth), ahead (score at equal FLOPs
        less that of the large model), lost (score right after growth less the small model's),
        back (FLOPs after growth until the small model's last score is reached again).
    """
    first = next(iter(runs.shapes))
    rows = []
    for operator in (*runs.shapes, CONTROL):
        large = runs.scratch(first if operator == CONTROL else operator)
        ends = [_curve(curves, large, r)[1][-1] for r in range(runs.study.seeds)]
        level = runs.study.level_share * float(np.mean(ends))
        for r in range(runs.study.seeds):
            scratch, out_scratch = _passage(*_curve(curves, large, r), level)
            x, y = _curve(curves, operator, r)
            growth, out_growth = _passage(x, y, level)
            last = float(_curve(curves, SMALL, r)[1][-1])
            # Rounding must not count as a loss: right after exact growth the scores are equal.
            again = _passage(x, y, last - 1e-4)
            rows.append(
                {
                    "operator": operator,
                    "seed": r,
                    "level": level,
                    "scratch": scratch,
                    "growth": growth,
                    "small": float(x[0]),
                    "censored_scratch": out_scratch,
                    "censored_growth": out_growth,
                    "savings": float(np.log2(scratch / growth)),
                    "left": (growth - float(x[0])) / scratch,
                    "ahead": float(y[-1]) - ends[r],
                    "lost": float(y[0]) - last,
                    "back": float("nan") if again.censored else again.cost - float(x[0]),
                }
            )
    return pd.DataFrame(rows)


def jump_table(runs: GrowthRuns, clock: StageClock) -> pd.DataFrame:
    """Distances of every model from the small one of its seed: name, seed, distance.

    Name ``other seed`` holds the distance of the small model from those of the other seeds. The
    matrix of the first seed is left in the folder.
    """
    from behaviordist.distance import matrix_of

    study = runs.study
    names, seeds = runs.sources(), range(study.seeds)
    places = {f"{n}-s{r}": runs.checkpoint(n, r) for r in seeds for n in names}
    geometry = study.distances.geometry
    probes = ProbeSet.load(study.distances.probes)
    prints = fingerprint_stage(places, probes, (geometry,), runs.folder, clock)[geometry]
    matrix_of(prints[: len(names)]).save(runs.folder)
    matrix = matrix_of(prints)
    at, away = {label: i for i, label in enumerate(matrix.labels)}, matrix.distances
    small = [at[f"{SMALL}-s{r}"] for r in seeds]
    rows = [(n, r, float(away[at[f"{n}-s{r}"], small[r]])) for n in names for r in seeds]
    for r in seeds:
        others = [small[s] for s in seeds if s != r]
        if others:
            rows.append(("other seed", r, float(away[small[r], others].mean())))
    return pd.DataFrame(rows, columns=["name", "seed", "distance"])


def nats_table(runs: GrowthRuns, clock: StageClock) -> pd.DataFrame:
    """How surprised every model is at the task and at its own small model: one row a model, seed.

    Returns
    -------
    DataFrame
        name, seed, to_task (-log p of the task's answers: KL from the function itself, nats an
        answer), from_small (KL(small || model), nats an answer; NaN but for freshly grown ones).
    """
    study, rows = runs.study, []
    task = right_answers(study.task, runs.seed, study.answers.strings)
    with clock.stage("divergences", study.seeds, "Scoring the task's answers") as done:
        for r in range(study.seeds):
            names = runs.sources()
            places = {name: runs.checkpoint(name, r) for name in names}
            matrix = checkpoint_divergences(
                places,
                {study.task: task, SMALL: places[SMALL]},
                study.answers,
                runs.seed,
                runs.folder / "divergences" / f"s{r}",
            ).to_pandas()
            grown = {fresh(operator) for operator in runs.shapes}
            rows += [
                (n, r, matrix.loc[n, study.task], matrix.loc[n, SMALL] if n in grown else np.nan)
                for n in names
            ]
            done(1)
    return pd.DataFrame(rows, columns=["name", "seed", "to_task", "from_small"])


def ratio_table(runs: GrowthRuns, costs: pd.DataFrame) -> pd.DataFrame:
    """Steps of post-training against two references, as log2 ratios.

    Returns
    -------
    DataFrame
        operator, target, seed, fresh (steps from the model right after growth over steps from the
        small one), trained (steps from the model trained on over steps from the large one from
        scratch, at equal FLOPs), fresh_late, fresh_reference_late, trained_late,
        trained_reference_late (whether the runs of a ratio did not arrive: they count as their
        budget).
    """
    steps = costs.set_index(["source", "target", "seed"])["steps"].clip(lower=1)
    out = costs.set_index(["source", "target", "seed"])["censored"]
    rows = []
    for operator in runs.shapes:
        for target in costs["target"].unique():
            for r in range(runs.study.seeds):
                four = [fresh(operator), SMALL, operator, runs.scratch(operator)]
                keys = [(name, target, r) for name in four]
                log2 = [float(np.log2(steps[key])) for key in keys]
                late = [bool(out[key]) for key in keys]
                rows.append(
                    {
                        "operator": operator,
                        "target": target,
                        "seed": r,
                        "fresh": log2[0] - log2[1],
                        "trained": log2[2] - log2[3],
                        "fresh_late": late[0],
                        "fresh_reference_late": late[1],
                        "trained_late": late[2],
                        "trained_reference_late": late[3],
                    }
                )
    return pd.DataFrame(rows)


def on_grid(curves: pd.DataFrame, name: str, seeds: int, grid: Any) -> list[list[float]]:
    """Scores of a model's seeds at given FLOPs; NaN before a curve starts and past its end."""
    return [
        np.interp(grid, *_curve(curves, name, r), left=np.nan, right=np.nan).tolist()
        for r in range(seeds)
    ]


def _curve(curves: pd.DataFrame, name: str, replicate: int) -> tuple[Any, Any]:
    part = curves[(curves["name"] == name) & (curves["seed"] == replicate)]
    return part["flops"].to_numpy(), part["score"].to_numpy()


def _passage(flops: Any, scores: Any, level: float) -> Passage:
    return first_passage(flops, scores, level, float(flops[-1]))


@dataclass(frozen=True)
class Measured:
    """The study's tables, and the estimates over seeds that its page is made of.

    `rounding` is that of the small models: float32 against float64, and the largest logit.
    """

    runs: GrowthRuns
    curves: pd.DataFrame
    costs: pd.DataFrame
    savings: pd.DataFrame
    jumps: pd.DataFrame
    ratios: pd.DataFrame
    nats: pd.DataFrame
    rounding: tuple[float, float]

    @property
    def exact(self) -> list[str]:
        """Operators that keep the function."""
        return [name for name in self.runs.shapes if name in PRESERVING]

    @property
    def jumping(self) -> list[str]:
        """Operators that do not."""
        return [name for name in self.runs.shapes if name not in PRESERVING]

    def saving(self, operators: Sequence[str], column: str = "savings") -> SeedValues:
        """Return a column of the savings, a number a seed: the mean over operators."""
        part = self.savings[self.savings["operator"].isin(list(operators))].groupby("seed")
        values = part[column].mean().to_numpy()
        late = part["censored_growth"].any().to_numpy()
        never = part["censored_scratch"].any().to_numpy()
        if column == "savings":
            return SeedValues(values, may_be_lower=late, may_be_higher=never)
        if column == "left":
            return SeedValues(values, may_be_lower=never, may_be_higher=late)
        return SeedValues(values)

    def ratio(self, column: str, operators: Sequence[str], target: str | None = None) -> SeedValues:
        """Return log2 ratios of steps, a number a seed: the mean over operators and algorithms."""
        part = self.ratios[self.ratios["operator"].isin(list(operators))]
        if target is not None:
            part = part[part["target"] == target]
        by_seed = part.groupby("seed")
        values = by_seed[column].mean().to_numpy()
        higher, lower = (by_seed[f"{column}_{side}"].any() for side in ("late", "reference_late"))
        return SeedValues(values, lower.to_numpy(), higher.to_numpy())

    def jump(self, name: str) -> Estimate:
        """Return the distance of a model from the small one of its seed, the median seed's."""
        return median_over(self.jumps[self.jumps["name"] == name]["distance"])

    def surprise(self, name: str, column: str = "to_task") -> Estimate:
        """Return the nats of a model, the median seed's; see `nats_table`."""
        return median_over(self.nats[self.nats["name"] == name][column])

    def largest_jump(self, operators: Sequence[str]) -> float:
        """Largest distance that growth by these operators made, in any seed."""
        names = [fresh(operator) for operator in operators]
        return float(self.jumps[self.jumps["name"].isin(names)]["distance"].max())


def float32_share(runs: GrowthRuns) -> tuple[float, float]:
    """Return how far float32 moves the small models' own logits, and the largest of these."""
    from behaviordist.engines.growing import float32_rounding, measured_tokens
    from behaviordist.lab import checkpoint

    roundings = []
    for r in range(runs.study.seeds):
        small = checkpoint.load(runs.checkpoint(SMALL, r))
        tokens = measured_tokens(small.config, r)
        roundings.append(float32_rounding(small.params, small.config, tokens))
    rounding, largest = zip(*roundings, strict=True)
    return max(rounding), max(largest)
