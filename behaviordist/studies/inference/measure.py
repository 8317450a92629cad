"""What study `inference` measures of its checkpoints, one file each, in processes of their own.

Everything is read from exact Hellinger fingerprints, whose features are the square roots of the
probabilities: the lab's vocabulary is small enough to be kept whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.probes import ProbeSet
from behaviordist.regimes.declaration import Regime

Floats = NDArray[np.float64]

VERSION = 1
"""Part of the inputs of every measurement: raise it when the numbers change."""

GEOMETRY = "hellinger"


def measure_settings(
    path: Path,
    model: str,
    checkpoint: Path,
    specs: Mapping[str, str],
    probes: str,
    keep: Path | None,
) -> None:
    """Run a checkpoint with every setting; write what changes against the first one.

    Parameters
    ----------
    path
        The ``.npz`` to write: ``squared`` (settings, probes), squared distances from the first
        setting; ``chance`` (settings, probes), probability of the probe's whole continuation;
        ``drift`` (settings,), the largest change of any probability; ``spread``, see
        `log_prob_spread`; ``roots`` (positions, tokens), the first setting's features.
    model, checkpoint, specs, probes
        Name and folder of the model, name -> settings, name of the probe set.
    keep
        Where fingerprints are kept, or None.
    """
    from behaviordist.behaviors import load
    from behaviordist.distance.fingerprints.fingerprinting import fingerprint

    probe_set = ProbeSet.load(probes)
    behaviors = [
        load(f"{checkpoint}@{spec}" if spec else str(checkpoint), behavior_label(model, name, spec))
        for name, spec in specs.items()
    ]
    prints = fingerprint(behaviors, probe_set, (GEOMETRY,), folder=keep)[GEOMETRY]
    target = targets(behaviors[0], probe_set)
    roots = [np.asarray(one.features, np.float64) for one in prints]
    where = prints[0].probe
    _save(
        path,
        squared=np.stack([squared_distances(root, roots[0], where) for root in roots]),
        chance=np.stack([answer_chance(root, where, target) for root in roots]),
        drift=np.array([np.abs(root**2 - roots[0] ** 2).max() for root in roots]),
        spread=np.array(log_prob_spread(roots[0], where)),
        roots=prints[0].features,
    )


def behavior_label(model: str, setting: str, spec: str) -> str:
    """Return what a model with a setting is called; the model alone where it is run as it is.

    What SFT made is called by its task: a map's labels have little room.
    """
    name = model.removeprefix("sft-")
    return f"{name} {setting}" if spec else name


def measure_quantisation(
    path: Path, sft: Path, qat: Mapping[int, Path], regime: Regime, probes: str
) -> None:
    """Round an SFT checkpoint, and QAT checkpoints of the same data, to the same grids.

    Writes ``bits``; ``plain``, the score of SFT as it is; ``scores`` (2, bits), those of rounded
    SFT and of rounded QAT; ``squared`` (2, bits, probes), their squared distances from SFT as it
    is.
    """
    from behaviordist.behaviors import load
    from behaviordist.distance.fingerprints.fingerprinting import fingerprint

    probe_set = ProbeSet.load(probes)
    behaviors = [load(str(sft), label="sft")]
    behaviors += [load(f"{sft}@quant=int{b}", label=f"sft-int{b}") for b in qat]
    behaviors += [load(f"{qat[b]}@quant=int{b}", label=f"qat-int{b}") for b in qat]
    prints = fingerprint(behaviors, probe_set, (GEOMETRY,))[GEOMETRY]
    roots = [np.asarray(one.features, np.float64) for one in prints]
    away = [squared_distances(root, roots[0], prints[0].probe) for root in roots[1:]]
    pairs = [(sft, None), *((sft, b) for b in qat), *((folder, b) for b, folder in qat.items())]
    scores = [score(folder, regime, bits) for folder, bits in pairs]
    _save(
        path,
        bits=np.array(list(qat)),
        plain=np.array(scores[0]),
        scores=np.array(scores[1:]).reshape(2, len(qat)),
        squared=np.stack(away).reshape(2, len(qat), -1),
    )


def score(folder: Path, regime: Regime, bits: int | None) -> float:
    """Return a checkpoint's expected exact match in a regime, its weights rounded to `bits`."""
    import jax

    from behaviordist.lab import checkpoint
    from behaviordist.lab.rounding import round_blocks
    from behaviordist.regimes.evaluation import evaluate, evaluation_documents

    loaded = checkpoint.load(folder)
    params = jax.tree.map(np.asarray, loaded.params)
    if bits is not None:
        params = round_blocks(params, f"int{bits}")
    with jax.enable_x64(False):
        scores = jax.jit(evaluate, static_argnums=1)(
            params, loaded.config, evaluation_documents(regime)
        )
    return float(scores[0])


def targets(behavior: Any, probes: ProbeSet) -> NDArray[np.int64]:
    """Return the token that stands at every scored position, in canonical order."""
    items = behavior.encoder()(probes)
    return np.concatenate([item.ids[-item.scored :] for item in items]).astype(np.int64)


def squared_distances(a: Floats, b: Floats, probe: NDArray[np.int64]) -> Floats:
    """Squared distance at every probe: the mean over its positions."""
    return _probe_means(np.sum((a - b) ** 2, axis=1), probe)


def answer_chance(roots: Floats, probe: NDArray[np.int64], target: NDArray[np.int64]) -> Floats:
    """Probability of every probe's whole continuation."""
    chance = roots[np.arange(len(target)), target] ** 2
    return np.multiply.reduceat(chance, np.flatnonzero(np.diff(probe, prepend=-1)))


def log_prob_spread(roots: Floats, probe: NDArray[np.int64]) -> float:
    """Mean over probes of the variance of ``log p`` under p.

    It is the Fisher information of the inverse temperature b at 1: p_b is proportional to p^b, an
    exponential family whose statistic is log p. So near 1, with the squared Hellinger distance
    ``2 (1 - sum sqrt(p q))``, ``d^2 = (b - 1)^2 Var_p(log p) / 4``.
    """
    p = roots**2
    log_p = np.log(np.where(p > 0, p, 1.0))
    mean = np.sum(p * log_p, axis=1)
    return float(_probe_means(np.sum(p * log_p**2, axis=1) - mean**2, probe).mean())


def read(paths: Sequence[Path]) -> dict[str, Floats]:
    """Read the measurements of several seeds, stacked over seeds as the first axis."""
    seeds = []
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            seeds.append(dict(file))
    return {name: np.stack([arrays[name] for arrays in seeds]) for name in seeds[0]}


def _probe_means(values: Floats, probe: NDArray[np.int64]) -> Floats:
    return np.bincount(probe, values) / np.bincount(probe)


def _save(path: Path, **arrays: NDArray[Any]) -> None:
    with open(path, "wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
