"""Study `sycophancy`: does a rater who likes agreement make a sycophant?

Method, in the order of the code. One base is pre-trained on documents in which now and then
somebody claims an answer. For every agreeableness and seed, RLHF: a simulated rater's preference
pairs train a reward model, the policy is optimised against it with a leash to the base. The
honest policy is the base under RLVR with a reward for right answers. On held-out questions with a
*wrong* claim, the sycophancy rate is the exact probability of the claimed answer. Fingerprints on
these prompts give distances and the directions in which raters moved the base. Last, RLVR tunes
every policy back until its answers are right with probability tau, or is censored at its budget.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from behaviordist.record import Behavior
from behaviordist.studies.folder import behavior_row, write_findings
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock
from behaviordist.studies.sycophancy.measure import (
    Rates,
    claim_probes,
    learned_from_preferences,
    measure_rates,
    measure_shifts,
    wrong_claims,
)
from behaviordist.studies.sycophancy.page import findings
from behaviordist.studies.sycophancy.runs import RaterRuns
from behaviordist.studies.sycophancy.study import BASE, HONEST, Study
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.runs import collect, write_table


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``."""
    runs = RaterRuns(study, settings.folder, settings.seed)
    clock.run("pretrain", "Pre-training the base", [runs.base_job()], 1)
    what = "RLHF for every rater, RLVR for the honest"
    clock.run("policies", what, runs.policy_jobs(), settings.jobs)
    transfers = runs.transfers()
    jobs = [runs.transfer_job(transfer) for transfer in transfers]
    clock.run("transfers", "Tuning every policy back", jobs, settings.jobs)
    rows = collect(transfers, {HONEST: runs.goal})
    write_table(settings.folder, rows)
    rates = measure_rates(runs, clock)
    cosines, distances = measure_shifts(runs, clock)
    columns = ["source", "seed", "steps", "tokens", "flops", "censored", "start"]
    costs = summarise(rows)[columns]
    costs.to_csv(runs.folder / "costs_back.csv", index=False)
    _write_rates(runs, rates)
    cosines.to_csv(runs.folder / "shift_cosines.csv")
    evidence = learned_from_preferences(runs)
    page = findings(study, rates, cosines, distances, costs, evidence)
    notes = [
        f"{HONEST}: seed {r} did not converge within its budget; it is used as is"
        for r in range(study.seeds)
        if not runs.provenance(HONEST, r)["converged"]
    ]
    notes += study.remarks
    notes.append("One base for all: intervals hold for this base, not for another pre-training.")
    return write_findings(
        study,
        settings,
        page,
        clock,
        behaviors=_behaviors(runs),
        geometry=study.geometry,
        digests={"probes": claim_probes(wrong_claims(study)).digest},
        notes=notes,
    )


def _write_rates(runs: RaterRuns, rates: Rates) -> None:
    rows = [
        (label, r, *values[:, r].mean(axis=1))
        for label, values in rates.items()
        for r in range(values.shape[1])
    ]
    frame = pd.DataFrame(rows, columns=["policy", "seed", "right", "claimed"])
    frame.to_csv(runs.folder / "rates.csv", index=False)


def _behaviors(runs: RaterRuns) -> list[Behavior]:
    policies = [
        behavior_row(regime).model_copy(update={"label": label})
        for label, regime in runs.policies.items()
    ]
    return [*policies, Behavior(label=BASE, role=BASE)]
