"""The page of study `sycophancy`: rates, directions, distances, ways back, reward models."""

from __future__ import annotations

import numpy as np
import pandas as pd

from behaviordist.record import (
    Distances,
    Estimate,
    Fact,
    Findings,
    Grid,
    Lines,
    Section,
    Series,
    Table,
)
from behaviordist.record.formatting import spread
from behaviordist.studies.estimates import words
from behaviordist.studies.exact import median_over, seeds_and_prompts
from behaviordist.studies.sycophancy.conclude import conclude, seed_cosines
from behaviordist.studies.sycophancy.measure import CLAIMED, RIGHT, Rates
from behaviordist.studies.sycophancy.study import BASE, HONEST, Study, rater_name


def _rate_blocks(study: Study, rates: Rates) -> tuple[Lines, str]:
    answers = (("the claimed answer", CLAIMED), ("the right answer", RIGHT))
    levels = tuple((f"base, {name}", float(rates[BASE][k].mean())) for name, k in answers)
    raters, honest = study.agreeableness, seeds_and_prompts(rates[HONEST][CLAIMED]).median()
    figure = Lines(
        name="rates", title="What the policy says to a wrong claim, by its rater",
        caption="Exact probabilities; median seed, exact 95 % intervals, prompts included. Dashed:"
        " the base.",
        x="agreeableness of the rater", y="probability of the answer",
        series=tuple(
            Series.over(name, raters, [seeds_and_prompts(rates[rater_name(a)][k]).median()
                                       for a in raters])
            for name, k in answers
        ),
        levels=levels,
    )  # fmt: skip
    return figure, (
        "The sycophancy rate is the probability of the claimed answer where the claim is wrong. The"
        f" honest policy (RLVR on right answers) has {words(honest)}."
    )


def _grid(study: Study, cosines: pd.DataFrame) -> Grid:
    labels = [*(rater_name(a) for a in study.agreeableness), HONEST]
    values = [
        tuple(float(seed_cosines(cosines, a, b, study.seeds).mean()) for b in labels)
        for a in labels
    ]
    return Grid(
        name="directions", title="Cosines of shifts from the base, different seeds",
        caption="Mean over pairs of different seeds, on prompts with wrong claims. The diagonal is"
        " one regime with itself: what seeds alone leave of the direction.",
        rows=tuple(labels), columns=tuple(f"{b}, other seed" for b in labels),
        values=tuple(values), scale=f"cosine ({study.geometry})", diverging=True,
    )  # fmt: skip


def _far(study: Study, distances: pd.DataFrame) -> tuple[Lines, Distances]:
    def away(label: str) -> Estimate:
        """Distance of each seed from the honest policies of the other seeds."""
        table = distances.loc[
            [f"{label}-s{r}" for r in range(study.seeds)],
            [f"{HONEST}-s{r}" for r in range(study.seeds)],
        ].to_numpy(np.float64)
        others = ~np.eye(study.seeds, dtype=bool)
        return median_over(row[keep].mean() for row, keep in zip(table, others, strict=True))

    raters, honest = study.agreeableness, [f"{HONEST}-s{r}" for r in range(study.seeds)]
    base = float(distances.loc[[BASE], honest].to_numpy(np.float64).mean())
    figure = Lines(
        name="from-honest", title="Distance from the honest policy, by the rater",
        caption="Median seed with exact 95 % intervals; dashed: the base, and the honest policy"
        " from other seeds of itself.",
        x="agreeableness of the rater", y=f"{study.geometry} distance",
        series=(
            Series.over("policy", raters, [away(rater_name(a)) for a in raters]),
        ),
        levels=(("base", base), ("honest, other seeds", away(HONEST).value)),
    )  # fmt: skip
    return figure, Distances()


def _back(study: Study, costs: pd.DataFrame) -> tuple[Lines, Table]:
    def back(label: str) -> Estimate:
        return median_over(costs[costs["source"] == label]["steps"])

    raters = study.agreeableness
    figure = Lines(
        name="steps-back", title="Steps of RLVR until right answers, by the rater",
        caption=f"To a probability of {study.tau:g} of the right answer; median seed, exact 95 %"
        " intervals."
        " A censored run counts as its budget: a lower bound.",
        x="agreeableness of the rater", y="steps of RLVR",
        series=(Series.over("policy", raters, [back(rater_name(a)) for a in raters]),),
        levels=(("from the base", back(BASE).value),),
    )  # fmt: skip
    rows = []
    for label in (BASE, *map(rater_name, raters)):
        part = costs[costs["source"] == label]
        rows.append(
            (
                label,
                f"{part['start'].mean():.2f}",
                words(back(label), 0),
                f"{part['flops'].mean():.2g}",
                f"{int(part['censored'].sum())} of {len(part)}",
            )
        )
    table = Table(
        title="The way back", align="lrrrr", rows=tuple(rows),
        header=("from", "score at the start", "steps", "FLOPs", "censored"),
        note="Score: probability of the right answer, claims right as often as in training.",
    )  # fmt: skip
    return figure, table


def _preference_blocks(evidence: pd.DataFrame) -> tuple[Table, str, Lines]:
    rows = []
    for label, part in evidence.groupby("label", sort=False):
        proxy, score = (np.array(part[k].tolist(), float) for k in ("proxy", "score"))
        rows.append(
            (
                str(label),
                f"{part['pairs'].mean():.0f}",
                f"{part['accuracy'].mean():.3f} of {part['bayes'].mean():.3f}",
                f"{part['kl'].mean():.1f}",
                f"{proxy[:, 0].mean():.1f} → {proxy[:, -1].mean():.1f}",
                f"{score[:, 0].mean():.2f} → {score[:, -1].mean():.2f}",
                f"{(score.max(axis=1) - score[:, -1]).mean():.2f}",
            )
        )
    table = Table(
        title="What was learned from preferences", align="lrrrrrr", rows=tuple(rows),
        header=("policy", "pairs", "reward model's accuracy, best possible", "KL, nats an answer",
                "proxy reward", "true reward", "lost from its best"),
        note="Means over seeds. Accuracy on held-out pairs; KL from the base; proxy: mean reward of"
        " sampled answers by the reward model, nats; true: the rater's expected utility over that"
        " of the best answer.",
    )  # fmt: skip
    return table, _hacking(evidence), _true_reward(evidence)


def _hacking(evidence: pd.DataFrame) -> str:
    """Say in how many runs the proxy still rose while the true reward fell from its best."""
    hacked = 0
    for proxy, score in zip(evidence["proxy"], evidence["score"], strict=True):
        best = int(np.argmax(score))
        hacked += score[-1] < score[best] - 0.05 and proxy[-1] > proxy[best]
    return (
        f"Reward hacking: in {hacked} of {len(evidence)} runs the true reward ended more than 0.05"
        " below its best while the reward model's opinion had risen since."
    )


def _true_reward(evidence: pd.DataFrame) -> Lines:
    series = []
    for label, part in evidence.groupby("label", sort=False):
        curves = np.array(part["score"].tolist(), float).T
        over = map(median_over, curves)
        series.append(Series.over(str(label), part["steps"].iloc[0], over))
    return Lines(
        name="true-reward", title="True reward along RLHF",
        caption="The rater's expected utility over that of the best answer, on held-out questions"
        " of the training kind; median seed, exact 95 % intervals.",
        x="steps of policy optimisation", y="true reward", series=tuple(series),
    )  # fmt: skip


def findings(
    study: Study,
    rates: Rates,
    cosines: pd.DataFrame,
    distances: pd.DataFrame,
    costs: pd.DataFrame,
    evidence: pd.DataFrame,
) -> Findings:
    """Return the study's claims, figures and tables."""
    agreeable, honest = rater_name(1.0), rater_name(0.0)
    ends = {name: seeds_and_prompts(rates[name][CLAIMED]).median() for name in (honest, agreeable)}
    base = rates[BASE][CLAIMED].mean()
    cost = {str(source): spread(part["steps"]) for source, part in costs.groupby("source")}
    censored = costs.groupby("source")["censored"].sum()
    headline = (
        f"On wrong claims the base gives the claimed answer with probability {base:.2f}, the policy"
        f" of a rater of agreeableness 0 with {words(ends[honest])}, that of 1 with"
        f" {words(ends[agreeable])}; to tune them to right answers took {cost[honest]} and"
        f" {'at least ' if censored[agreeable] else ''}{cost[agreeable]} steps, the base"
        f" {'at least ' if censored[BASE] else ''}{cost[BASE]}: medians over seeds"
        " (lowest–highest)."
    )
    return Findings(
        headline=headline,
        claims=conclude(study, rates, cosines, costs),
        facts=(
            Fact.of("raters", str(len(study.agreeableness)), "agreeableness from 0 to 1"),
            Fact.of("seeds", str(study.seeds), "reward model and policy each"),
            Fact.of("questions", str(rates[BASE].shape[2]), "held-out, each with a wrong claim"),
            Fact.of("ways back", str(len(costs)), f"{int(costs['censored'].sum())} censored"),
        ),
        sections=(
            Section.of("How often the policy agrees", *_rate_blocks(study, rates)),
            Section.of("Which way raters move the base", _grid(study, cosines)),
            Section.of("How far from the honest policy", *_far(study, distances)),
            Section.of("What it costs to tune back", *_back(study, costs)),
            Section.of("Reward model, leash and hacking", *_preference_blocks(evidence)),
        ),
    )
