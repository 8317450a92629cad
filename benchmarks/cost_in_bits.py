"""Is the cost of tuning in bits linear in nats where the cost in steps is?

    python benchmarks/cost_in_bits.py --study reports/gallery/transfer

    python benchmarks/cost_in_bits.py --study reports/gallery/smollm2-law

Reads a run of study `transfer`, or of a law on a real model, whose SFT curves hold the code length
of what was trained on. Soft behaviors are tuned into one another there, with scores that
are exp(-KL) of the target's exact law of answers, so a curve says what each fresh batch cost above
the target's entropy. Pure SFT targets are scored by expected exact match, whose -log is a lower
bound of their KL (Jensen): theirs are bounds. Batches are of 64, as in the study's file.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis import transfer_test
from behaviordist.hypothesis.models.law import fit_law
from behaviordist.transfer.curves import excess_bits, summarise

BATCH = 64
SMALLEST = 1e-6
"""A score below counts as this one: its logarithm would be of rounding."""


def costs(rows):
    """Return steps, bits, bits without the first batch, and censoring; tables, rows = source."""
    table = summarise(rows).set_index(["source", "target"])
    bits, later = {}, {}
    for pair, run in rows.sort_values("step").groupby(["source", "target"]):
        nats = -np.log(run["score"].clip(SMALLEST, 1))
        bits[pair] = excess_bits(run["step"], nats, BATCH)
        later[pair] = excess_bits(run["step"][1:], nats[1:], BATCH) if len(run) > 1 else 0.0
    by_cost = {
        "steps": table["steps"].unstack(),
        "bits": pd.Series(bits).unstack(),
        "bits after the first batch": pd.Series(later).unstack(),
    }
    return by_cost, table["censored"].astype(float).unstack()


def show(names, nats, by_cost, late, units):
    """Print a row a cost; `names` are its first cells."""
    nats = nats.loc[late.index, late.columns]
    for unit, cost in by_cost.items():
        law = fit_law(nats, cost, censored=late, units=units)
        test = transfer_test(nats, cost, censored=late, units=units, permutations=999)
        cells = (
            *names,
            unit,
            f"{law.slope:.3g} [{law.low:.3g}, {law.high:.3g}]",
            f"{law.explained:.0%}",
            f"{test.value:.2f} [{test.ci_low:.2f}, {test.ci_high:.2f}]",
            f"{late.mean(axis=None):.0%}",
        )
        print(f"| {' | '.join(cells)} |")


def real_model(folder, rows):
    """Compare steps and bits to tau (or to the stop) of SFT runs, means over seeds; no base."""
    rows = rows[rows["bits"].notna() & (rows["source_role"] != "base")]
    run = ["source", "target", "seed"]
    table = summarise(rows).set_index(run)
    first = rows[rows["step"] == 1].set_index(run)["bits"].reindex(table.index)
    # A run that was there at step 0 has paid for no batch.
    table["bits after the first batch"] = table["bits"] - np.minimum(first, table["bits"])
    table["censored"] = table["censored"].astype(float)
    mean = table.select_dtypes("number").groupby(level=run[:2]).mean()
    by_cost = {u: mean[u].unstack() for u in ("steps", "bits", "bits after the first batch")}
    nats = pd.read_csv(folder / "divergences.csv", index_col=0)
    print("| cost | a nat [95 %] | explained | inside targets [95 %] | censored |")
    print("| --- | --- | --- | --- | --- |")
    show((), nats, by_cost, mean["censored"].unstack(), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, required=True)
    folder = parser.parse_args().study
    rows = pd.read_parquet(folder / "transfers.parquet")
    if not (folder / "square").is_dir():
        real_model(folder, rows)
        return
    rows = rows[rows["seed"] == 0]
    square, nats = (
        pd.read_csv(path / "divergences.csv", index_col=0) for path in (folder / "square", folder)
    )
    print("| runs | cost | a nat [95 %] | explained | inside targets [95 %] | censored |")
    print("| --- | --- | --- | --- | --- | --- |")
    show(("soft into soft",), square, *costs(rows[rows["source_role"] == "square"]), None)
    sft = rows["target"].str.startswith("sft-") & (rows["source_role"] != "square")
    fitted = rows["source_role"].str.startswith("mixture") | (rows["source_role"] == "base")
    runs = rows[sft & fitted]
    if runs.empty:
        raise InputError(f"{folder}: no SFT run from a mixture or base")
    show(("soft and bases into pure SFT targets (bounds)",), nats, *costs(runs), None)


if __name__ == "__main__":
    main()
