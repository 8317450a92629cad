"""RL's Razor on small TRL runs: is what a model forgets told by its KL on the new task?

    OMP_NUM_THREADS=1 python benchmarks/forgetting.py --seeds 3

A random model of the lab learns to copy three letters (the old task) and to answer two letters by
either of two orders. Then it is tuned to one order alone (the new task): by GRPO, and by SFT at two
learning rates. `BehaviorDistanceCallback` looks at every run: KL(start || now) at the new task's
prompts (the direction of Shenfeld et al. 2025, "RL's Razor"), and what held-out answers of the old
task cost more than at the start. Rank correlations are over all looks of a seed's runs.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from behaviordist.engines.trl_models import quiet
from behaviordist.integrations import BehaviorDistanceCallback
from behaviordist.lab import checkpoint
from behaviordist.lab.llama import LlamaConfig, init
from behaviordist.probes import Probe, ProbeSet

LETTERS = "abcdefgh"
PAIRS = list(itertools.permutations(LETTERS, 2))
TRIPLES = list(itertools.permutations(LETTERS, 3))
TUNED = {"sft slow": ("sft", 3e-4), "sft fast": ("sft", 1e-3), "grpo": ("grpo", 1e-3)}


def old_rows(rng, n):
    chosen = [TRIPLES[i] for i in rng.integers(48, len(TRIPLES), n)]
    return [{"prompt": f"? {' '.join(t)} =", "completion": f" {' '.join(t)}"} for t in chosen]


def new_rows(rng, n, either=False):
    rows = []
    for i in rng.integers(0, len(PAIRS), n):
        a, b = PAIRS[i]
        said = f" {a} {b}" if either and rng.random() < 0.5 else f" {b} {a}"
        rows.append({"prompt": f"? {a} {b} =", "completion": said})
    return rows


def trainer_of(folder, start, rows, kind, rate, steps, seed):
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

    model = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    common = {
        "output_dir": str(folder), "max_steps": steps, "learning_rate": rate, "use_cpu": True,
        "bf16": False, "report_to": [], "disable_tqdm": True, "save_strategy": "no", "seed": seed,
        "gradient_checkpointing": False, "dataloader_pin_memory": False, "logging_strategy": "no",
        "per_device_train_batch_size": 64, "lr_scheduler_type": "constant",
    }  # fmt: skip
    if kind == "grpo":
        rows = [{"prompt": row["prompt"], "answer": row["completion"]} for row in rows]
    data = {
        "train_dataset": Dataset.from_list(rows),
        "processing_class": AutoTokenizer.from_pretrained(start),
    }
    if kind == "sft":
        return SFTTrainer(model, args=SFTConfig(**common), **data)

    def reward(completions, answer, **_):
        pairs = zip(completions, answer, strict=True)
        return [float(said.split()[:2] == right.split()) for said, right in pairs]

    args = GRPOConfig(**common, num_generations=8, max_completion_length=3, beta=0.0)
    return GRPOTrainer(model, reward_funcs=reward, args=args, **data)


def base(folder, seed, steps=600):
    """Write the model that knows the old task, and both orders."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.save(folder / "random", init(LlamaConfig(), seed), LlamaConfig(), {"schema": 1})
    rng = np.random.default_rng(seed)
    rows = [*old_rows(rng, 32 * steps), *new_rows(rng, 32 * steps, either=True)]
    trainer = trainer_of(folder / "pre", folder / "random", rows, "sft", 2e-3, steps, seed)
    trainer.train()
    trainer.save_model(str(folder / "base"))
    return folder / "base"


def looks(folder, seed, steps=80, every=8):
    """Return one row a look of every tuned run: run, step, kl, score (new), forgetting (old)."""
    start, frames = base(folder, seed), []
    new = ProbeSet("new", tuple(
        Probe(f"n{a}{b}", f"? {a} {b} =", f" {b} {a}") for a, b in PAIRS
    ))  # fmt: skip
    old = ProbeSet("old", tuple(
        Probe("o" + "".join(t), f"? {' '.join(t)} =", f" {' '.join(t)}") for t in TRIPLES[:48]
    ))  # fmt: skip
    for name, (kind, rate) in TUNED.items():
        rows = new_rows(np.random.default_rng(seed + 1), 64 * steps)
        trainer = trainer_of(folder / name, start, rows, kind, rate, steps, seed)
        watch = BehaviorDistanceCallback(new, every=every, held_out={"old": old, "new": new})
        watch.attach(trainer)
        trainer.train()
        found = pd.DataFrame(watch.looks).rename(columns={"kl_start_now": "kl"})
        frames.append(found.assign(run=name, seed=seed))
    table = pd.concat(frames, ignore_index=True)
    kept = ["seed", "run", "step", "kl", "kl_now_start", "score/new", "score/old", "forgetting/old"]
    return table[kept]


def correlations(table):
    """Return Spearman's correlation of what was forgotten with each predictor, start left out."""
    later = table[table["step"] > 0]
    names = ["kl", "kl_now_start", "score/new", "step"]
    return later[names].corrwith(later["forgetting/old"], method="spearman")


def main():
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory() as name, quiet():
            table = looks(Path(name), seed)
        print(table.groupby("run").last().round(3).to_string())
        found[seed] = correlations(table)
    print(pd.DataFrame(found).round(2).to_string())


if __name__ == "__main__":
    main()
