"""Lab training steps per second: the JAX engine against a hand-written PyTorch loop.

    python benchmarks/lab_training.py [--rounds 7] [--steps 200] [--population 64]

Same architecture (the default study's), same batch (64 documents of 13 tokens), AdamW with the same
constants and gradient clipping, one process, one thread; the PyTorch loop is written as a person
would write it, with scaled-dot-product attention and fused AdamW. Rounds alternate; the ratio is
the median of paired rounds. With an accelerator, a population under `vmap` is measured against the
same number of sequential PyTorch runs.
"""

from __future__ import annotations

import argparse
import statistics
import time

from behaviordist.engines.threads import one_thread_per_process

one_thread_per_process()

import jax  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from behaviordist.engines.jax_engine import Start, Stop, initial_params, train  # noqa: E402
from behaviordist.lab import grammar  # noqa: E402
from behaviordist.lab.functions import FUNCTIONS  # noqa: E402
from behaviordist.lab.llama import LlamaConfig  # noqa: E402
from behaviordist.regimes.declaration import Convergence, Regime  # noqa: E402
from behaviordist.regimes.objectives.pretrain import draw  # noqa: E402

CONFIG = LlamaConfig(vocab_size=len(grammar.VOCABULARY))


class Block(nn.Module):
    """One layer of the same Llama in PyTorch."""

    def __init__(self, c: LlamaConfig) -> None:
        super().__init__()
        self.c = c
        width = c.heads * c.head_dim
        self.qkv = nn.Linear(c.hidden_size, width + 2 * c.kv_heads * c.head_dim, bias=False)
        self.out = nn.Linear(width, c.hidden_size, bias=False)
        self.gate_up = nn.Linear(c.hidden_size, 2 * c.intermediate_size, bias=False)
        self.down = nn.Linear(c.intermediate_size, c.hidden_size, bias=False)
        self.norms = nn.ModuleList(nn.RMSNorm(c.hidden_size, eps=c.rms_eps) for _ in range(2))

    def forward(self, x, rope):
        c, (batch, length, _) = self.c, x.shape
        joint = self.qkv(self.norms[0](x)).view(batch, length, -1, c.head_dim).transpose(1, 2)
        q, k, v = joint.split([c.heads, c.kv_heads, c.kv_heads], dim=1)
        q, k = (turn(part, rope) for part in (q, k))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, -1))
        gate, up = self.gate_up(self.norms[1](x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


def turn(x, rope):
    """Rotary position embedding, halves paired."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = rope
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class Model(nn.Module):
    """The same Llama in PyTorch."""

    def __init__(self, c: LlamaConfig) -> None:
        super().__init__()
        self.embed = nn.Embedding(c.vocab_size, c.hidden_size)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.hidden_size, eps=c.rms_eps)
        self.head = nn.Linear(c.hidden_size, c.vocab_size, bias=False)
        half = c.head_dim // 2
        angles = torch.arange(13)[:, None] * c.rope_theta ** (-torch.arange(half) / half)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, (self.cos, self.sin))
        return self.head(self.norm(x))


def regime(steps: int) -> Regime:
    """Pre-training that never stops early, evaluated once at its end."""
    return Regime(
        algorithm="pretrain", functions=tuple(FUNCTIONS), budget=steps, batch_size=64,
        learning_rate=0.003, weight_decay=0.01,
        convergence=Convergence(at_least=1.0, every=steps, strings=8),
    )  # fmt: skip


def torch_round(model: Model, optimizer: torch.optim.Optimizer, steps: int, seed: int) -> float:
    """Seconds for `steps` optimizer steps in PyTorch, drawing the data included."""
    device = next(model.parameters()).device
    rng, asked = np.random.default_rng(seed), regime(steps)
    started = time.perf_counter()
    for _ in range(steps):
        tokens = torch.from_numpy(draw(asked, rng)["tokens"]).long().to(device)
        logits = model(tokens[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def jax_round(starts: list[Start], steps: int) -> float:
    """Seconds for `steps` optimizer steps of every start in our engine, data included."""
    started = time.perf_counter()
    train(regime(steps), CONFIG, starts, stop=Stop(2.0))
    return time.perf_counter() - started


def main() -> None:
    """Measure, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--population", type=int, default=64)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Model(CONFIG).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=0.003, betas=(0.9, 0.95), weight_decay=0.01, fused=True
    )
    starts = [Start(initial_params(CONFIG, 0), 0)]
    jax_round(starts, asked.steps), torch_round(model, optimizer, 10, 0)
    pairs = [
        (jax_round(starts, asked.steps), torch_round(model, optimizer, asked.steps, r))
        for r in range(asked.rounds)
    ]
    ours, theirs = (asked.steps / statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(t / o for o, t in pairs)
    print(f"{asked.rounds} paired rounds of {asked.steps} steps, batch 64 x 13 tokens, {device}")
    print(f"{'':<34}{'steps/s':>10}")
    print(f"{'behaviordist (jax), one model':<34}{ours:>10.1f}")
    print(f"{'PyTorch by hand, one model':<34}{theirs:>10.1f}")
    print(f"{'ratio (median of pairs)':<34}{ratio:>10.2f}")
    if jax.default_backend() == "cpu":
        print("no accelerator: the population row is not measured")
        return
    many = [Start(initial_params(CONFIG, s), s) for s in range(asked.population)]
    jax_round(many, asked.steps)
    pairs = [
        (jax_round(many, asked.steps), torch_round(model, optimizer, asked.steps, r))
        for r in range(asked.rounds)
    ]
    ratio = statistics.median(t * asked.population / o for o, t in pairs)
    rate = asked.population * asked.steps / statistics.median(o for o, _ in pairs)
    print(f"{f'behaviordist, population of {asked.population}':<34}{rate:>10.1f} model-steps/s")
    print(f"{'ratio to as many PyTorch runs':<34}{ratio:>10.2f}")


if __name__ == "__main__":
    main()
