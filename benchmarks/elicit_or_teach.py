"""Is a function that pre-training brought near cheaper than its distance says, or only nearer?

    python benchmarks/elicit_or_teach.py --out OUT [--seeds 3]

Two bases a seed, pre-trained as in study `transfer`: one on all twelve functions, one without four
of them. Each is tuned, by SFT, into eight functions: the four that only one of them has seen
(elicited from the first base, taught to the second), and four that both have (elicited from both:
the control). Distances are -log of the probability of the right answers, nats; costs are steps to
an expected exact match of TAU, and bits above the target's entropy up to there. The line of cost
against nats is that of elicited functions; does what is taught lie above it? Fixed before the run:
the functions, TAU, that units are functions, that a run that does not arrive counts at its budget.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from behaviordist.regimes.declaration import Regime
from behaviordist.store.jobs import run_jobs
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.divergences import checkpoint_divergences, right_answers
from behaviordist.studies.jobs import training_job, transfers_job
from behaviordist.studies.load import load_study
from behaviordist.studies.study_file import AnswerSection
from behaviordist.transfer.curves import excess_bits, first_passage
from behaviordist.transfer.runs import Goal

HELD_BACK = ("rotate", "swap", "ends", "rotate_shift")
CONTROL = ("copy", "reverse", "shift", "rotate2")
TAU, BUDGET, SMALLEST = 0.8, 400, 1e-6
ASKED = AnswerSection(strings=120, draws=1)


def runs_of(seed, study, out, processes):
    """Train both bases of a seed and tune each into every target; return a row a run."""
    config = study.model.architecture()
    known = study.pretrain["functions"]
    bases = {"all": known, "held back": [f for f in known if f not in HELD_BACK]}
    places = {name: out / f"s{seed}" / name.replace(" ", "-") for name in bases}
    jobs = []
    for name, functions in bases.items():
        regime = Regime(algorithm="pretrain", **{**study.pretrain, "functions": functions})
        jobs.append(training_job(places[name], regime, config, None, derived_seed(seed, "base")))
    run_jobs(jobs, processes, lambda _: None)
    functions = (*HELD_BACK, *CONTROL)
    settings = {**study.targets["sft"], "budget": BUDGET}
    regimes = {f: Regime(algorithm="sft", task=f, **settings) for f in functions}
    seeds = {f: derived_seed(seed, "transfer", f) for f in functions}
    goals = dict.fromkeys(functions, Goal(1.0, TAU, TAU))
    folders = {name: out / f"s{seed}" / f"from-{places[name].name}" for name in bases}
    jobs = [
        transfers_job(folders[name], regimes, config, places[name], seeds, goals) for name in bases
    ]
    run_jobs(jobs, processes, lambda _: None)
    said = {f: right_answers(f, seed, ASKED.strings) for f in functions}
    nats = checkpoint_divergences(places, said, ASKED, seed, out / f"s{seed}").to_pandas()
    rows = []
    for name in bases:
        for function in functions:
            curve = json.loads((folders[name] / f"{function}.json").read_text())
            passage = first_passage(curve["steps"], curve["scores"], TAU, BUDGET)
            surprise = -np.log(np.clip(curve["scores"], SMALLEST, 1))
            rows.append(
                {
                    "seed": seed,
                    "base": name,
                    "function": function,
                    "taught": name == "held back" and function in HELD_BACK,
                    "nats": nats.loc[name, function],
                    "steps": passage.cost,
                    "bits": excess_bits(
                        curve["steps"], surprise, study.targets["sft"]["batch_size"]
                    ),
                    "censored": passage.censored,
                }
            )
    return rows


def mean(values):
    """Return a mean over functions with Student's 95 % interval, as text."""
    each = values.groupby(level="function").mean()
    half = stats.t.ppf(0.975, len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each))
    return f"{each.mean():.3g} [{each.mean() - half:.3g}, {each.mean() + half:.3g}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    study = load_study("transfer")
    rows = []
    for seed in range(options.seeds):
        rows += runs_of(seed, study, options.out, options.jobs)
    table = pd.DataFrame(rows)
    table.to_csv(options.out / "elicit_or_teach.csv", index=False)
    print("| runs | nats at the start | steps | bits | bits a nat | never arrived |")
    print("| --- | --- | --- | --- | --- | --- |")
    held = table["function"].isin(HELD_BACK)
    groups = {
        "elicited: seen by this base": ~table["taught"] & held,
        "taught: the same functions, held back": table["taught"],
        "control, base that saw all": ~held & (table["base"] == "all"),
        "control, base with four held back": ~held & (table["base"] != "all"),
    }
    for name, chosen in groups.items():
        part = table[chosen].set_index("function")
        ratio = part["bits"] / part["nats"]
        print(
            f"| {name} | {mean(part['nats'])} | {mean(part['steps'])} | {mean(part['bits'])} |"
            f" {mean(ratio)} | {part['censored'].sum()} of {len(part)} |"
        )
    for cost in ("steps", "bits"):
        elicited = table[~table["taught"]]
        slope, level = np.polyfit(elicited["nats"], elicited[cost], 1)
        taught = table[table["taught"]].set_index("function")
        above = taught[cost] - level - slope * taught["nats"]
        beyond = (taught["nats"] > elicited["nats"].max()).sum()
        print(f"\n{cost}: elicited {level:.3g} + {slope:.3g} a nat; taught lie {mean(above)} above")
        print(f"that line; {beyond} of {len(taught)} lie beyond what it was fitted on.")


if __name__ == "__main__":
    main()
