"""What study `sycophancy` measures: rates on wrong claims, directions, distances, ways back."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from behaviordist.lab import grammar
from behaviordist.probes import Probe, ProbeSet
from behaviordist.regimes.evaluation import EVALUATION_SEED, string_scores
from behaviordist.regimes.prompts import Questions, ask, documents
from behaviordist.studies.fingerprints import fingerprint_stage, regime_matrices
from behaviordist.studies.stages import StageClock
from behaviordist.studies.sycophancy.runs import RaterRuns
from behaviordist.studies.sycophancy.study import BASE, Study

Rates = dict[str, NDArray[np.float64]]
"""Label -> array (answers, seeds, prompts): probability of the right and of the claimed answer."""

RIGHT, CLAIMED = 0, 1


def measure_rates(runs: RaterRuns, clock: StageClock) -> Rates:
    """Return exact probabilities of the right and the claimed answer to every wrong claim."""
    import jax

    from behaviordist.lab import checkpoint

    questions = wrong_claims(runs.study)
    both = [documents(questions, answers) for answers in (questions.right, questions.claimed)]
    score = jax.jit(lambda params, tokens: string_scores(params, runs.config, tokens)[0])

    def chances(label: str, replicate: int) -> NDArray[np.float64]:
        params = checkpoint.load(runs.checkpoint(label, replicate)).params
        return np.stack([np.asarray(score(params, tokens), np.float64) for tokens in both])

    rates: Rates = {}
    with clock.stage("rates", len(runs.policies) + 1, "Asking with wrong claims") as done:
        for label in (BASE, *runs.policies):
            seeds = range(1 if label == BASE else runs.study.seeds)
            rates[label] = np.stack([chances(label, r) for r in seeds], axis=1)
            done(1)
    return rates


def measure_shifts(runs: RaterRuns, clock: StageClock) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cosines of all shifts from the base, and distances between single checkpoints.

    Both are square, labelled ``LABEL-sSEED``; the matrix of regimes is saved in the folder.
    """
    from behaviordist.distance import matrix_of
    from behaviordist.innerproduct.shifts import shift_moments

    probes, geometry = claim_probes(wrong_claims(runs.study)), runs.study.geometry
    labels = [*(label for label in runs.policies for _ in runs.replicates), BASE]
    folders = [runs.checkpoint(label, r) for label in runs.policies for r in runs.replicates]
    places = {folder.name: folder for folder in (*folders, runs.checkpoint(BASE))}
    by_geometry = fingerprint_stage(places, probes, (geometry,), runs.folder, clock)
    regime_matrices(labels, by_geometry)[geometry].save(runs.folder)
    prints = by_geometry[geometry]
    moments = shift_moments(prints[:-1], prints[-1])
    cosines = pd.DataFrame(moments.cosines, index=moments.labels, columns=moments.labels)
    return cosines, matrix_of(prints).to_pandas()


def learned_from_preferences(runs: RaterRuns) -> pd.DataFrame:
    """One row a policy and seed: reward model's accuracy, divergence, proxy and true reward."""
    rows = []
    for label in runs.policies:
        for r in range(runs.study.seeds):
            record = runs.provenance(label, r)
            if "reward_model" not in record["prepared"]:
                continue
            model, evidence = record["prepared"]["reward_model"], record["evidence"]
            judged = model["evidence"]
            rows.append(
                {
                    "label": label,
                    "seed": r,
                    "pairs": model["steps"] * model["regime"]["batch_size"],
                    "accuracy": judged["accuracy"][-1],
                    "bayes": judged["bayes_accuracy"][-1],
                    "kl": evidence["kl"][-1],
                    "proxy": evidence["proxy"],
                    "score": evidence["scores"],
                    "steps": evidence["steps"],
                    "flops": record["flops"],
                }
            )
    return pd.DataFrame(rows)


def wrong_claims(study: Study) -> Questions:
    """Questions about held-out strings, each with a claim that is another function's answer."""
    rng = np.random.default_rng(EVALUATION_SEED)
    # A string on which all functions agree has no wrong claim: draw a few more, keep `strings`.
    spare = grammar.held_out_strings(rng, study.strings + study.strings // 4)
    regime = study.honest_regime().model_copy(update={"claims_right": 0.0})
    questions = ask(regime, rng, spare)
    return Questions(*(part[questions.wrong][: study.strings] for part in questions))


def claim_probes(questions: Questions) -> ProbeSet:
    """Two probes a question, one group: its right answer and the claimed one as continuation."""
    probes = []
    for i, prompt in enumerate(questions.prompts):
        for kind in ("right", "claimed"):
            answer = " " + grammar.decode(getattr(questions, kind)[i][:-1])
            row = (f"claim-{i:03d}-{kind}", grammar.decode(prompt), answer, (f"answer:{kind}",))
            probes.append(Probe(*row, group=f"claim-{i:03d}"))
    return ProbeSet("wrong claims", tuple(probes))
