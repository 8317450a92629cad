"""Sketched against full-vocabulary Hellinger distances on a real model.

    python benchmarks/distances_real_vocabulary.py MODEL [--probes general] [--limit 60]

MODEL is run as is, at ten temperatures, truncated, and with weights rounded to int8 and int4. For
each D the table gives the share of pairs whose sketched distance lies within two standard errors of
the full-vocabulary distance, over several hash seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import numpy as np

from behaviordist.behaviors import load_all
from behaviordist.distance import fingerprint, matrix_of
from behaviordist.distance.fingerprints.collector import positions
from behaviordist.innerproduct.sketch import position_keys, sketch_rows
from behaviordist.probes import ProbeSet

TEMPERATURES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.2, 1.4, 1.7, 2.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--probes", default="general")
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    settings = [f"temperature={t}" for t in TEMPERATURES]
    settings += ["top_k=20", "top_p=0.9", "quant=int8", "quant=int4"]
    behaviors = load_all([asked.model, *(f"{asked.model}@{s}" for s in settings)])
    probes = ProbeSet.load(asked.probes).subset(asked.limit, seed=0)
    whole = fingerprint(behaviors, probes, sketch=None)["hellinger"]
    exact, rows = matrix_of(whole), whole[0]
    pairs = np.triu_indices(len(whole), 1)
    v = rows.features.shape[1]
    print(f"{len(whole)} behaviors, {len(pairs[0])} pairs, {len(rows.probe)} positions, {v} tokens")
    print(f"{'D':>5} {'bytes/position':>15} {'of':>8} {'within 2 SE':>12} {'mean z':>7}", end="")
    print(f" {'median rel. error':>18} {'ms/position':>12}")
    for size in (16, 64, 256):
        hits, scores, errors, spent = [], [], [], []
        for seed in range(asked.seeds):
            digest = probes.digest if seed == 0 else f"{seed:016x}"
            keys = position_keys(digest, rows.probe, positions(rows.probe))
            began = time.perf_counter()
            small = [
                dataclasses.replace(f, features=sketch_rows(f.features, keys, size)) for f in whole
            ]
            spent.append((time.perf_counter() - began) / len(whole) / len(keys))
            found = matrix_of(small)
            off = (found.distances - exact.distances)[pairs]
            hits.append(np.abs(off) <= 2 * found.standard_errors[pairs])
            moved = (found.squared - exact.squared)[pairs]
            scores.append(moved / found.squared_standard_errors[pairs])
            errors.append(np.abs(moved) / exact.squared[pairs])
        print(
            f"{size:>5} {4 * size:>15} {4 * v:>8} {np.mean(hits):>12.3f} {np.mean(scores):>7.2f}"
            f" {np.median(errors):>18.4f} {1e3 * min(spent):>12.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
