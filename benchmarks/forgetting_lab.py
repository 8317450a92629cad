"""RL's Razor in the lab: is what a model forgets told by its KL on the new task?

    behaviordist run --out STUDY
    python benchmarks/forgetting_lab.py --study STUDY

The base of study `transfer` is pre-trained on all functions with their names in the prompt (the old
task). Everything that the study tunes from it is shown strings without a name (the new task): eight
functions by SFT and the same by RLVR, and mixtures of functions by SFT. KL(new || base) is taken at
held-out strings without a name (the direction of Shenfeld et al. 2025, "RL's Razor"), what was
forgotten at the same strings with a name: nats that the right answer became less likely by.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from behaviordist.behaviors import load
from behaviordist.distance.directed import Answer, AnswerSet, divergences
from behaviordist.lab import grammar
from behaviordist.probes import Probe
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.divergences import question_set
from behaviordist.studies.load import load_study

BASE = "A"
DRAWS = 2_000


def old_task(functions, seed, strings):
    """Return the right answers to held-out strings, asked of every function by its name."""
    x = grammar.held_out_strings(np.random.default_rng(derived_seed(seed, "questions")), strings)
    probes, said = [], []
    for name in functions:
        prompts = map(grammar.decode, grammar.named_prompts(name, x))
        answers = [" " + grammar.decode(row) for row in grammar.answers(name, x)]
        for i, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            probes.append(Probe(f"{name}-{i:03d}", prompt, answer))
            said.append((Answer(answer, ended=True, log_p=0.0),))
    return AnswerSet("old task", tuple(probes), tuple(said))


def measured(study_folder, functions, seed, strings, scratch):
    """Return a row a tuned model: kind, function, nats moved on the new task, nats forgotten."""
    places = study_folder / "checkpoints"
    names = sorted(p.name for p in places.iterdir() if (p / "config.json").is_file())
    made = [n for n in names if n.startswith(("sft-", "rlvr-", "A-m", "q")) and "permuted" not in n]
    base, *tuned = [load(str(places / name), label=name) for name in (BASE, *made)]
    questions = question_set(seed, strings)
    moved = divergences([base], tuned, questions, folder=scratch).to_pandas().loc[BASE]
    old = old_task(functions, seed, strings)
    cost = divergences([base, *tuned], [old], folder=scratch).to_pandas()["old task"]
    rows = [(name, *kind_of(name), moved[name], cost[name] - cost[BASE]) for name in made]
    return pd.DataFrame(rows, columns=["model", "kind", "function", "moved", "forgotten"])


def kind_of(name):
    head, _, task = name.partition("-")
    return (head, task) if head in ("sft", "rlvr") else ("mixture", name)


def correlation(table, rng):
    """Return Spearman's correlation with a 95 % bootstrap interval; a function is one unit."""

    def of(part):
        return stats.spearmanr(part["moved"], part["forgotten"]).statistic

    units = [part for _, part in table.groupby("function")]
    drawn = (rng.integers(0, len(units), len(units)) for _ in range(DRAWS))
    spread = [of(pd.concat([units[k] for k in several])) for several in drawn]
    low, high = np.nanquantile(spread, (0.025, 0.975))
    return f"{of(table):.2f} [{low:.2f}, {high:.2f}] ({len(table)} models, {len(units)} units)"


def paired(table, column):
    """Return how much more RLVR has of a column than SFT into the same function."""
    wide = table.pivot_table(index="function", columns="kind", values=column)
    gap = (wide["rlvr"] - wide["sft"]).dropna()
    half = stats.t.ppf(0.975, len(gap) - 1) * gap.sem()
    return f"{gap.mean():.2f} [{gap.mean() - half:.2f}, {gap.mean() + half:.2f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strings", type=int, default=40)
    given = parser.parse_args()
    study = load_study(str(given.study / "study.yaml"))
    scratch = given.study / "answers"
    table = measured(given.study, study.functions, given.seed, given.strings, scratch)
    print(table.drop(columns="model").groupby("kind").mean(numeric_only=True).round(2).to_string())
    rng = np.random.default_rng(0)
    print("all:", correlation(table, rng))
    for kind, part in table.groupby("kind"):
        print(f"{kind}:", correlation(part, rng))
    for column in ("moved", "forgotten"):
        print(f"RLVR less SFT, {column}: {paired(table, column)} nats")


if __name__ == "__main__":
    main()
