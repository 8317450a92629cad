"""What watching a run costs: the time of steps with `BehaviorDistanceCallback`, and without.

    behaviordist convert SmolLM2-135M-Instruct.Q4_1.gguf --out smollm2
    OMP_NUM_THREADS=1 python benchmarks/callback_time.py smollm2 --steps 120
    OMP_NUM_THREADS=1 python benchmarks/callback_time.py lab --steps 4000

`lab` is a random model of the lab, of 0.1 million weights. Runs alternate in blocks, so that the
load of the machine falls on both; the looks at a run's start and end are shown apart.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from behaviordist.engines.trl_models import quiet
from behaviordist.integrations import BehaviorDistanceCallback
from behaviordist.probes import Probe, ProbeSet


def trainer_of(model, tokenizer, rows, folder, steps):
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=8,
        learning_rate=1e-5, use_cpu=True, bf16=False, report_to=[], disable_tqdm=True,
        save_strategy="no", logging_strategy="no", gradient_checkpointing=False,
        dataloader_pin_memory=False,
    )  # fmt: skip
    return SFTTrainer(
        model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
    )


def world(name, folder):
    """Return the model's folder, training rows and what probes are given to the callback."""
    if name != "lab":
        rows = [{"prompt": f"What is {i} + {j}?", "completion": f" The answer is {i + j}."}
                for i in range(20) for j in range(20)]  # fmt: skip
        return Path(name), rows, "general"
    from behaviordist.lab import checkpoint
    from behaviordist.lab.llama import LlamaConfig, init

    checkpoint.save(folder / "lab", init(LlamaConfig(), 0), LlamaConfig(), {"schema": 1})
    asked = [f"? {x} {y} {z} =" for x in "abcdef" for y in "abcdef" for z in "abcdef"]
    probes = tuple(Probe(f"p{i}", text, " a b c") for i, text in enumerate(asked[:170]))
    return (
        folder / "lab",
        [{"prompt": text, "completion": " c b a"} for text in asked],
        ProbeSet("lab", probes),
    )


def main():
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--blocks", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name, quiet():
        path, rows, probes = world(given.model, Path(name))
        tokenizer = AutoTokenizer.from_pretrained(path)
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        walls = {False: [], True: []}
        for block in range(given.blocks):
            for watched in (False, True) if block % 2 == 0 else (True, False):
                model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
                trainer = trainer_of(model, tokenizer, rows, Path(name), given.steps)
                if watched:
                    watch = BehaviorDistanceCallback(probes).attach(trainer)
                began = time.perf_counter()
                trainer.train()
                walls[watched].append(time.perf_counter() - began)
        steps = [look["step"] for look in watch.looks]
        step, look = watch.pace.stepping / given.steps, statistics.median(watch.pace._looks)
    print(
        f"{given.model}: {given.steps} steps, a step {step:.3f} s, a look {look:.2f} s, at {steps}"
    )
    print(f"share of the steps' time: {watch.pace.looking / watch.pace.stepping:.1%}")
    print(f"wall, without and with (start and end looks in it): {walls[False]} {walls[True]} s")


if __name__ == "__main__":
    main()
