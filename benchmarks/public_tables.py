"""The test on published tables that a user fetched: tuned prompts, and fine-tuning curves.

    python benchmarks/public_tables.py --from FOLDER

FOLDER holds, for each NAME, ``NAME-gain.csv`` (rows = source task, columns = target task, higher is
better) and any of ``NAME-profile-distance.csv`` (function), ``NAME-weight-distance.csv``,
``NAME-weight-cosine.csv``: labelled squares, as made from thunlp/Prompt-Transferability. Curves are
wide tables ``NAME-loss.csv``, as `behaviordist costs import` reads them (source, a column of losses
for each number of samples, family, size), as made from linhaowei1/Fine-tuning-Scaling-Law.
Independent values in ``figures.csv`` are held against ours.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from behaviordist.hypothesis import transfer_test
from behaviordist.hypothesis.tables.long_tables import read_cost_data, read_predictor
from behaviordist.transfer.import_logs import TauRule, import_costs

LEVEL_AT, EARLY = 102_400, 6_400
"""A run has arrived at the median model's loss after so many samples; what is called early ends
well before it, so that no predictor has seen the passage."""
KINDS = ("profile-distance", "weight-distance", "weight-cosine")


def rows(folder, name, permutations):
    gain = read_cost_data(folder / f"{name}-gain.csv").costs
    for kind in KINDS:
        path = folder / f"{name}-{kind}.csv"
        if path.is_file():
            yield (
                kind,
                transfer_test(
                    read_predictor(path), gain, gains=True, permutations=permutations, seed=0
                ),
            )


def prompts(folder, permutations):
    """Squares of prompts, and the largest gap to the independent values."""
    print("| table | distance | within-target [95 %] | p | source effects removed | verdict |")
    print("| --- | --- | --- | --- | --- | --- |")
    ours = {}
    for path in sorted(folder.glob("*-gain.csv")):
        name = path.name.removesuffix("-gain.csv")
        for kind, r in rows(folder, name, permutations):
            rest = r.beyond_sources
            ours[name, kind] = r.value
            print(
                f"| {name} ({r.n_behaviors}) | {kind} | {r.value:.3f} [{r.ci_low:.2f},"
                f" {r.ci_high:.2f}] | {r.p_value:.2g} | {rest.value:.2f} (p {rest.p_value:.2g}) |"
                f" {r.verdict} |",
                flush=True,
            )
        quality = next(b for b in r.baselines if b.name == "source quality")
        ours[name, "source-quality"] = quality.value
        print(f"| {name} | source quality | {quality.value:.3f} | | ties leave"
              f" {r.tie_ceiling:.3f} | |")  # fmt: skip
    if (folder / "figures.csv").is_file():
        theirs = pd.read_csv(folder / "figures.csv", index_col=["table", "predictor"])
        gaps = theirs["within_target_spearman"] - pd.Series(ours)
        print(f"\nlargest gap to {len(gaps)} independent values: {gaps.abs().max():.1e}"
              f" ({gaps.isna().sum()} missing)")  # fmt: skip


def read_curves(folder):
    """Return losses (model x samples) by data set, samples to the level, and the models' notes."""
    losses, costs, late = {}, {}, {}
    for path in sorted(folder.glob("*-loss.csv")):
        name = path.name.removesuffix("-loss.csv")
        table = pd.read_csv(path, index_col="source")
        loss = table[[c for c in table if c.isdigit()]].rename(columns=int)
        rule = TauRule(tau=float(loss[LEVEL_AT].median()), lower=True)
        runs = import_costs(path, None, rule, name).set_index("source")
        losses[name], costs[name], late[name] = loss, runs["steps"], runs["censored"]
    return losses, pd.DataFrame(costs), pd.DataFrame(late), table[["family", "size"]]


def extrapolated(loss):
    """Return each model's loss at the last number of samples, by a power law of its early ones."""
    early = [n for n in loss if 0 < n <= EARLY]
    slope, level = np.polyfit(np.log(early), np.log(loss[early]).T.to_numpy(), 1)
    return pd.Series(np.exp(level + slope * np.log(max(loss))), loss.index)


def curves(folder, permutations):
    """Print what is known before and early in fine-tuning, against samples to a level."""
    losses, costs, late, models = read_curves(folder)
    families = models["family"].to_dict()
    looks = {
        "loss before tuning": pd.DataFrame({n: loss[0] for n, loss in losses.items()}),
        f"early slope (to {EARLY:,} samples)": pd.DataFrame(
            {n: extrapolated(loss) for n, loss in losses.items()}
        ),
        "size (larger is nearer)": pd.DataFrame(dict.fromkeys(losses, -models["size"])),
    }
    last = pd.DataFrame({name: loss[max(loss)] for name, loss in losses.items()})
    print(
        f"\nPearson with the last loss ({', '.join(costs)}); Spearman with samples to the median"
        f" model's loss at {LEVEL_AT:,}; units: {len(set(families.values()))} families\n"
    )
    print("| known | Pearson with the last loss | inside data sets [95 %] | p | each | verdict |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, look in looks.items():
        r = transfer_test(
            look, costs, censored=late, units=families | {t: t for t in costs},
            permutations=permutations, seed=0,
        )  # fmt: skip
        pearson = " / ".join(f"{look[t].corr(last[t]):.3f}" for t in costs)
        each = " / ".join(f"{look[t].corr(costs[t], method='spearman'):.2f}" for t in costs)
        print(f"| {name} | {pearson} | {r.value:.3f} [{r.ci_low:.2f}, {r.ci_high:.2f}] |"
              f" {r.p_value:.2g} | {each} | {r.verdict} |")  # fmt: skip
    quality = next(b for b in r.baselines if b.name == "source quality")
    print(f"| cheap on the other data sets | | {quality.value:.3f} [{quality.ci_low:.2f},"
          f" {quality.ci_high:.2f}] | {quality.p_value:.2g} | | |")  # fmt: skip
    print(f"\n{len(models)} models, {int(late.to_numpy().sum())} of {late.size} runs censored;"
          f" ties leave {r.tie_ceiling:.3f}; {r.permutations} relabellings (families of one size"
          " change places)")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="folder", type=Path, required=True)
    parser.add_argument("--permutations", type=int, default=9_999)
    options = parser.parse_args()
    if any(options.folder.glob("*-gain.csv")):
        prompts(options.folder, options.permutations)
    if any(options.folder.glob("*-loss.csv")):
        curves(options.folder, options.permutations)


if __name__ == "__main__":
    main()
