"""Study `bootstrapping`: how much pre-training does a behavior need?

Method, in the order of the code. Bases are pre-trained with growing budgets, from several seeds;
budget 0 is random weights. Every regime (algorithm x function) starts from every base and runs
until its score reaches tau, fixed in the file; a run that does not is censored at its budget. The
target behavior itself is the regime's converged checkpoint from the longest pre-training of
another seed, so that no base is compared with its own child. Then: the total FLOPs to tau
against the budget, the smallest budget at which a regime works at all, whether the base that
lies nearer to the target has less left to pay, and how far bases that are not finished lie above
the line of cost against nats of coherent sources.
"""

from __future__ import annotations

from typing import Any

from behaviordist.studies.bootstrapping.measure import base_distances, cost_table, law_table
from behaviordist.studies.bootstrapping.page import findings
from behaviordist.studies.bootstrapping.runs import BudgetRuns
from behaviordist.studies.bootstrapping.study import Study
from behaviordist.studies.folder import write_findings
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.runs import collect, write_table


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``."""
    runs = BudgetRuns(study, settings.folder, settings.seed)
    clock.run("pretrain", "Pre-training bases of every budget", runs.base_jobs(), settings.jobs)
    clock.run("targets", "Post-training the targets", runs.target_jobs(), settings.jobs)
    clock.run("coherent", "Tuning coherent sources", runs.coherent_jobs(), settings.jobs)
    transfers = runs.transfers()
    jobs = [runs.transfer_job(transfer) for transfer in transfers]
    clock.run("transfers", "Post-training from every base", jobs, settings.jobs)
    rows = collect(transfers, {t.target: runs.goal for t in transfers})
    write_table(settings.folder, rows)
    table = cost_table(runs, rows)
    table = table.merge(base_distances(runs, clock), on=["budget", "target", "seed"])
    table.to_csv(runs.folder / "costs_by_budget.csv", index=False)
    law = law_table(runs, rows, clock)
    law.to_csv(runs.folder / "costs_by_nats.csv", index=False)
    page = findings(runs, table, law)
    unconverged = [
        regime.label
        for regime in runs.study.regimes()
        for r in range(runs.study.seeds)
        if not runs.provenance(regime.label, r)["converged"]
    ]
    notes = [
        f"{label}: a target did not converge within its budget; it is used as is"
        for label in dict.fromkeys(unconverged)
    ]
    return write_findings(study, settings, page, clock, notes=notes)
