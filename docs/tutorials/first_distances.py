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
# # Two checkpoints to a heatmap
#
# From two checkpoints to a picture that you can put on a slide, in a minute and without a download.
# The models are tiny and untrained, so that this page can be built anywhere; put your own folders in
# their place.

# %%
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import jax

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
base, other = (jax.tree.map(lambda x: 4 * x, init(config, seed)) for seed in (0, 1))
moved = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, base, other)
checkpoint.save(work / "base", base, config, {"regime": "random"})
checkpoint.save(work / "moved", moved, config, {"regime": "random"})

# %% [markdown]
# A **behavior** is a checkpoint and the settings that it is run with. Settings stand behind an `@`,
# a comma between two of them.

# %%
models = [
    f"{work}/base",
    f"{work}/moved",
    f"{work}/base@temperature=0.7",
    f"{work}/base@quant=int4",
    f"{work}/moved@quant=int4,temperature=0.7",
]
D = bd.distances(models, "lab")
D

# %% [markdown]
# Each number is a distance between two functions, averaged over the probes, with its standard error.
# The picture is the last line of the cell:

# %%
D.heatmap()

# %% [markdown]
# Is a pair different at all, or different by less than matters to you? Name what does not matter, and
# every pair is *apart*, *the same within it*, or *undecided*. Nothing is called the same only because
# no difference was seen.

# %%
states = D.states(margin=0.3)
for sentence in states.sentences():
    print(sentence)
states.to_pandas()

# %% [markdown]
# On the command line the same is one line. It writes a page to touch, the tables, and with
# `--format slide` a picture of 1920 x 1080 pixels:

# %%
shell(
    f"behaviordist distance {work}/base {work}/moved {work}/base@quant=int4 --probes lab -o {work}/report --format slide"
)

# %%
from IPython.display import Image

Image(str(work / "report" / "slide.png"), width=800)
