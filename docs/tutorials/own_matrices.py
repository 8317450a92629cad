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
# # Your own matrices, with seeds
#
# You have distances from somewhere and costs from your own trainings. Are closer models cheaper to reach?
# No model is loaded for this: two tables are enough.
#
# The data here are made up, with a truth that we know: twelve behaviors in four families; the cost of a
# run grows with the distance, targets differ in difficulty, every pair was trained with three seeds, and
# a run that did not arrive within 60 steps was stopped.

# %%
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import behaviordist as bd


def shell(line):
    """Run a command as a terminal would; show what it says and its exit code."""
    command = [sys.executable, "-m", *shlex.split(line)]
    plain = {k: v for k, v in os.environ.items() if k != "FORCE_COLOR"} | {"TERM": "dumb"}
    done = subprocess.run(command, capture_output=True, text=True, env=plain | {"COLUMNS": "110"})
    print(done.stdout + done.stderr * (done.returncode == 2) + f"(exit code {done.returncode})")


rng = np.random.default_rng(0)
labels = [f"{family}{k}" for family in "ABCD" for k in range(3)]
places = np.repeat(rng.normal(size=(4, 3)), 3, axis=0) + 0.4 * rng.normal(size=(12, 3))
distances = np.linalg.norm(places[:, None] - places, axis=2)
D = pd.DataFrame(distances, labels, labels)

difficulty = rng.uniform(3, 9, size=12)
rows = [
    (a, b, seed, difficulty[j] * (1 + distances[i, j]) * rng.lognormal(0, 0.25))
    for i, a in enumerate(labels)
    for j, b in enumerate(labels)
    for seed in range(3)
    if a != b
]
runs = pd.DataFrame(rows, columns=["source", "target", "seed", "steps"])
runs["censored"] = (runs["steps"] > 60).astype(int)
runs["steps"] = runs["steps"].clip(upper=60).round()
runs.head()

# %% [markdown]
# ## The test
#
# The labels of a family are not independent, so the family is what is exchanged: say so with `units`.
# Without it the p-value pretends to twelve behaviors where there are four families.

# %%
work = Path(tempfile.mkdtemp())
D.to_csv(work / "distances.csv")
runs.to_csv(work / "costs.csv", index=False)
pd.DataFrame({"label": labels, "unit": [x[0] for x in labels]}).to_csv(
    work / "units.csv", index=False
)

# %%
shell(
    f"behaviordist test --distances {work}/distances.csv --costs {work}/costs.csv --cost-column steps -o {work}/alone"
)

# %%
shell(
    f"behaviordist test --distances {work}/distances.csv --costs {work}/costs.csv --cost-column steps --units {work}/units.csv -o {work}/units"
)

# %% [markdown]
# The effect is the same and the evidence is not: four families can be relabelled in 24 ways only, so no
# p-value below 1/24 exists. The remedy is more families, not more seeds:

# %%
shell("behaviordist power --behaviors 8,16,24 --seeds 1,3 --studies 40")

# %% [markdown]
# ## From Python
#
# The same test on frames; a mean over seeds is a matrix of costs.

# %%
costs = runs.groupby(["source", "target"])["steps"].mean().unstack().reindex(labels, columns=labels)
T = bd.transfer_test(D, costs, permutations=2000, seed=0)
T

# %%
T.value, (T.ci_low, T.ci_high), T.p_value, T.verdict
