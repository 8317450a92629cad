"""Hidden states against logits: what a file of them costs, and how exact it is.

    python benchmarks/hidden_states.py model.gguf --probes general

For float32, bfloat16 and float16: bytes of the states of one model on the probes, of the head that
all models with it share, and KL from the model's own distributions, nats a token. Beside them the
bytes of logits: float32, and the uint16 of llama.cpp's base file for --kl-divergence (a token is
n_vocab + 4 of them, n_vocab rounded up to even). Times: one pass of the model, and comparing two
behaviors from their files against from the model (which takes two passes, here of one model with
two temperatures, so one).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import behaviordist as bd
from behaviordist.behaviors.states.files import load_states
from behaviordist.distance.comparison import compare
from behaviordist.store.sealed import read_sealed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--probes", default="general")
    parser.add_argument("--limit", type=int, default=None)
    asked = parser.parse_args()
    probes = bd.ProbeSet.load(asked.probes).subset(asked.limit)
    print(f"{'kept as':>9} {'states (B)':>11} {'head (B)':>11} {'KL mean':>9} {'KL max':>9}")
    with tempfile.TemporaryDirectory() as name:
        for dtype in ("float32", "bfloat16", "float16"):
            folder = Path(name, dtype)
            began = time.perf_counter()
            bd.fingerprint([asked.model], folder, probes, states=dtype)
            took = time.perf_counter() - began
            (path,) = folder.glob("*-states-*.safetensors")
            (head,) = (folder / "heads").glob("*.safetensors")
            file = read_sealed(path, "behaviordist-states-2")
            error = json.loads(file.texts["error"])
            size, of_head = file.tensors["states"].nbytes, head.stat().st_size
            print(
                f"{dtype:>9} {size:>11,} {of_head:>11,} {error['kl_mean']:>9.1e}"
                f" {error['kl_max']:>9.1e}   (made in {took:.0f} s)",
                flush=True,
            )
        opened = load_states(path)
        n, vocabulary = len(opened.probe), opened.vocabulary_size
        logits, base = 4 * n * vocabulary, 2 * n * (vocabulary + vocabulary % 2 + 4)
        whole = size + of_head
        print(f"{n:,} positions, {vocabulary:,} tokens, {opened.states.shape[1]} wide")
        print(f"float32 logits {logits:,} B, llama.cpp's base file {base:,} B")
        print(f"states alone: {logits / size:.0f} and {base / size:.0f} times smaller")
        print(f"with the head: {logits / whole:.1f} and {base / whole:.1f} times smaller")
        for models in (10, 100):
            every = models * size + of_head
            ratios = (models * logits / every, models * base / every)
            print(f"{models} models, one head: {ratios[0]:.0f} and {ratios[1]:.0f} times smaller")
        model = bd.load(asked.model)
        warm = bd.load(f"{asked.model}@temperature=0.7")
        cold = bd.load(f"{path}@temperature=0.7")
        for names in ((opened, cold), (model, warm)):
            began = time.perf_counter()
            found = compare(*names, probes)
            took = time.perf_counter() - began
            print(f"compare: {took:.1f} s, KL {found.overall['kl_forward'].value:.6f} nats a token")


if __name__ == "__main__":
    main()
