"""Studies of the lab so small that they run whole in seconds: the same stages, nothing to find."""

from __future__ import annotations

from pathlib import Path

import yaml

from behaviordist.studies.load import load_study


def small_bootstrapping(path: Path) -> Path:
    """Write two functions, three budgets, two seeds; return the file."""
    study = load_study("bootstrapping")
    values = yaml.safe_load(yaml.safe_dump(study.resolved()))
    values["model"] |= {"hidden_size": 32, "layers": 1, "intermediate_size": 64}
    values |= {"seeds": 2, "budgets": [0, 20, 60], "tau": 0.02, "quick": {}}
    values["pretrain"] |= {"functions": ["copy", "reverse"], "batch_size": 32}
    for settings in values["post_training"].values():
        settings |= {"budget": 20, "batch_size": 32}
        settings["convergence"] |= {"at_least": 0.05, "strings": 32}
    values["post_training"]["rlhf"]["reward_model"] |= {"budget": 40}
    values["coherent"] |= {"shares": [0.2, 0.7]}
    values["coherent"]["training"] |= {"budget": 20, "batch_size": 32}
    values["answers"] = {"strings": 8, "draws": 2}
    values["budget_from_random"] = {"sft": 40}
    path.write_text(yaml.safe_dump(values))
    return path


def small_growing(path: Path) -> Path:
    """Write a model of sixteen units and runs of four steps; return the file."""
    values = load_study("growing", quick=True).resolved()
    values["model"] |= {"hidden_size": 16, "heads": 2, "kv_heads": 1, "intermediate_size": 16}
    values["growths"][1] = {"operator": "stack", "layers": 3}
    values |= {"small": {"budget": 50, "at_least": 0.9}, "large_steps": 100, "strings": 16}
    for settings in values["post_training"].values():
        settings |= {"budget": 4, "batch_size": 16}
    path.write_text(yaml.safe_dump(values))
    return path


def small_inference(path: Path) -> Path:
    """Write two seeds of one task, twenty steps each; return the file."""
    values = load_study("inference").resolved()
    values["model"] |= {"hidden_size": 16, "layers": 1, "heads": 2, "kv_heads": 1, "head_dim": 8}
    values["pretrain"] |= {"budget": 20, "batch_size": 8, "warmup": 0}
    values["pretrain"]["convergence"] |= {"every": 10, "strings": 24}
    values["post_training"] |= {"budget": 20, "batch_size": 8}
    values |= {"seeds": 2, "tasks": ["reverse"]}
    values["quantisation"]["bits"] = [2, 8]
    values["settings"]["thoughts"]["scratchpad"] = "thoughts=2,thought_tokens=3"
    path.write_text(yaml.safe_dump(values))
    return path


def small_reciprocity(path: Path) -> Path:
    """Write three tasks, four soft behaviors and two seeds; return the file."""
    values = load_study("reciprocity", quick=True).resolved()
    values["model"] |= {"hidden_size": 16, "layers": 1, "heads": 2, "kv_heads": 1, "head_dim": 8}
    values["pretrain"] |= {"functions": values["tasks"], "budget": 40, "batch_size": 32}
    values["pretrain"] |= {"learning_rate": 0.01, "warmup": 0}
    values["pretrain"]["convergence"] |= {"at_least": 1e-12, "consecutive": 2, "every": 20}
    for settings, budget in zip(values["post_training"].values(), (40, 8), strict=True):
        settings |= {"budget": budget, "batch_size": 32, "learning_rate": 0.01}
        settings["convergence"] |= {"at_least": 1e-9, "consecutive": 2, "strings": 16}
    values["transfer"]["budget"] = {"sft": 60, "rlvr": 8}
    values["soft"] |= {"behaviors": 4, "steps": 40, "budget": 24, "share": 0.9}
    values["soft"]["training"]["learning_rate"] = 0.01
    values["soft"]["answers"] = {"strings": 12, "draws": 2}
    values["test"]["permutations"] = 99
    path.write_text(yaml.safe_dump(values))
    return path


def small_sycophancy(path: Path) -> Path:
    """Write two raters and two seeds; return the file."""
    path.write_text(MINI)
    return path


MINI = """
schema: 1
kind: sycophancy
name: mini
question: Does it run?
seeds: 2
task: reverse
functions: [copy, reverse]
agreeableness: [0, 1]
model: {hidden_size: 8, layers: 1, heads: 1, kv_heads: 1, head_dim: 8, intermediate_size: 8}
pretrain: {budget: 4, batch_size: 8, learning_rate: 0.01, mixture: {plain: 1, claim: 1},
           convergence: {at_least: 1.0, every: 2, strings: 8}}
rlhf: {budget: 4, batch_size: 8, group_size: 4, learning_rate: 0.01,
       reward_model: {budget: 4, batch_size: 8, every: 2},
       convergence: {at_least: 1.0, every: 2, strings: 8}}
honest: {budget: 4, batch_size: 8, group_size: 4, learning_rate: 0.01,
         convergence: {at_least: 1.0, every: 2, strings: 8}}
tau: 0.8
margin: 0.05
strings: 8
geometry: hellinger
"""
