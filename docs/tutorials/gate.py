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
# # A gate for releases
#
# "The int8 model behaves as the one we released" is a claim. A gate lets a candidate pass only if the
# claim is *shown*: the upper limit of its distance lies below a margin that you choose beforehand.

# %%
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

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
checkpoint.save(work / "released", init(config, 0), config, {"regime": "random"})

# %% [markdown]
# ## Choose the margin before you look
#
# A margin is a distance that does not matter to you: a part of a distance that you know to be harmless,
# such as that of two seeds of one run. Here nothing was trained twice, so we look at what rounding to
# int8 does. Where you have a second seed of the reference, `compare --replicate SEED` says beside every
# distance what re-running alone gives.

# %%
shell(
    f"behaviordist compare {work}/released {work}/released@quant=int8 --probes lab -o {work}/compare"
)

# %% [markdown]
# ## Pass or not
#
# Exit code 0: shown to lie within the margin. 1: not shown. 2: the question cannot be asked, for example
# because so few probes could never show so small a margin; the message says how many would do.

# %%
shell(
    f"behaviordist gate {work}/released {work}/released@quant=int8 --probes lab --margin 0.3 --json {work}/gate.json"
)

# %%
shell(
    f"behaviordist gate {work}/released {work}/released@temperature=0.3 --probes lab --margin 0.3"
)

# %%
shell(f"behaviordist gate {work}/released {work}/released@quant=int8 --probes lab --margin 0.05")

# %% [markdown]
# The decision as data, for whatever comes after it in your pipeline:

# %%
decision = json.loads((work / "gate.json").read_text())["gate"]
{name: decision[name] for name in ("metric", "value", "high", "margin", "verdict")}

# %% [markdown]
# A gate shows that a candidate is close. It never shows that it is good: a model that moved a little in
# the wrong place passes. Give the places that matter to you probes of their own.
