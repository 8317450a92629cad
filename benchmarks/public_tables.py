"""The test on published tables that a user fetched: prompts tuned on one task, used on others.

    python benchmarks/public_tables.py --from FOLDER

FOLDER holds, for each NAME, ``NAME-gain.csv`` (rows = source task, columns = target task, higher is
better) and any of ``NAME-profile-distance.csv`` (function), ``NAME-weight-distance.csv``,
``NAME-weight-cosine.csv``: labelled squares, as made from thunlp/Prompt-Transferability.
"""

import argparse
from pathlib import Path

from behaviordist.hypothesis import transfer_test
from behaviordist.hypothesis.tables.long_tables import read_cost_data, read_predictor

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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="folder", type=Path, required=True)
    parser.add_argument("--permutations", type=int, default=9_999)
    asked = parser.parse_args()
    print("| table | distance | within-target [95 %] | p | source effects removed | verdict |")
    print("| --- | --- | --- | --- | --- | --- |")
    for path in sorted(asked.folder.glob("*-gain.csv")):
        name = path.name.removesuffix("-gain.csv")
        for kind, r in rows(asked.folder, name, asked.permutations):
            rest = r.beyond_sources
            print(
                f"| {name} ({r.n_behaviors}) | {kind} | {r.value:.3f} [{r.ci_low:.2f},"
                f" {r.ci_high:.2f}] | {r.p_value:.2g} | {rest.value:.2f} (p {rest.p_value:.2g}) |"
                f" {r.verdict} |",
                flush=True,
            )
        quality = next(b for b in r.baselines if b.name == "source quality")
        print(f"| {name} | source quality | {quality.value:.3f} | | ties leave"
              f" {r.tie_ceiling:.3f} | |")  # fmt: skip


if __name__ == "__main__":
    main()
