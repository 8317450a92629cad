# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # A plan from fifty answers
#
# You know how the model should answer: fifty prompts with the answers you want. Which of your checkpoints
# is the best start? The one that is least *surprised* by them: cost grows with the surprise, in nats, of
# the target's answers to the source ([theory](../theory.md#the-law-of-cost)).
#
# The candidates here are tiny models that no one trained, apart from one: that one was moved part of the
# way towards the model that wrote the answers, so we know who ought to win.

# %%
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np

import behaviordist as bd
from behaviordist.lab import checkpoint
from behaviordist.lab.grammar import VOCABULARY
from behaviordist.lab.llama import LlamaConfig, init


def shell(line):
    """Run a command as a terminal would; show what it says and its exit code."""
    command = [sys.executable, "-m", *shlex.split(line)]
    plain = {k: v for k, v in os.environ.items() if k != "FORCE_COLOR"} | {"TERM": "dumb"}
    done = subprocess.run(command, capture_output=True, text=True, env=plain | {"COLUMNS": "110"})
    print(done.stdout + done.stderr * (done.returncode == 2) + f"(exit code {done.returncode})")


work = Path(tempfile.mkdtemp())
config = LlamaConfig(vocab_size=len(VOCABULARY))
wanted, *starts = (jax.tree.map(lambda x: 4 * x, init(config, seed)) for seed in range(4))
starts[0] = jax.tree.map(lambda a, b: 0.75 * a + 0.25 * b, wanted, starts[0])
for name, weights in dict(zip("wabc", (wanted, *starts), strict=True)).items():
    checkpoint.save(work / f"start-{name}", weights, config, {"regime": "random"})

# %% [markdown]
# ## Fifty answers
#
# In your case they are a file, one line a prompt: `{"prompt": "...", "answers": ["..."]}`. Here the wanted
# model writes them.

# %%
from behaviordist.distance.directed import draw_answers

probes = bd.ProbeSet.load("lab").subset(50)
answers = draw_answers(bd.load(f"{work}/start-w", label="wanted"), probes, count=1, max_tokens=8)
answers

# %% [markdown]
# ## Who is least surprised?

# %%
sources = [bd.load(f"{work}/start-{x}") for x in "abc"]
K = bd.divergences(sources, [answers], probes, geometry="kl")
K

# %%
low, high = K.interval()
for k in np.argsort(K.values[:, 0]):
    print(
        f"{K.sources[k]}: {K.values[k, 0]:.1f} nats an answer [{low[k, 0]:.1f}, {high[k, 0]:.1f}]"
    )

# %% [markdown]
# Where intervals overlap, fifty answers do not tell the starts apart: write more before you choose.
#
# ## From nats to steps
#
# Nats become steps once something like it was tuned before: the law of a past `transfer` study gives steps
# a nat for each algorithm, with an interval. Does following it pay? A back-test asks: every function is held
# out in turn, the law is learnt from the others, and the plan's start is compared with what else one could
# have done. (The study is the one in the gallery; yours is a folder that `behaviordist run transfer` or
# `behaviordist transfer` wrote.)

# %%
gallery = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "reports" / "gallery").is_dir())
study = gallery / "reports" / "gallery" / "transfer"
shell(f"behaviordist plan --study {study} --backtest --algorithm sft -o {work}/backtest")

# %% [markdown]
# The plan itself takes the fifty answers and the starts that you have. `--base` is the start that you would
# take without a plan:

# %%
answers.save(work / "wanted.jsonl")
have = ",".join(f"{work}/start-{x}" for x in "abc")
shell(
    f"behaviordist plan --study {study} --algorithm sft --like {work}/wanted.jsonl --have {have} --base {work}/start-c -o {work}/plan"
)

# %% [markdown]
# These steps are the lab's, of models that were trained; ours were not, so believe the order and not the
# number. `--pilot START=STEPS` puts a run that you made in the place of the law's constant.
#
# ## Past costs alone
#
# A table of what was tuned into what before, without answers, does too: the nearest of the known sources, what
# it cost, and what a plan like this would have saved.

# %%
past = gallery / "reports" / "gallery" / "algorithms"
shell(
    f"behaviordist plan --distances {past}/distances.csv --costs {past}/costs.csv --target rlvr-copy -o {work}/past"
)
