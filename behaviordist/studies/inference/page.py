"""The sections of study `inference`'s page: map, settings, rounding, temperature, contexts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from behaviordist.record import (
    AnyBlock,
    Claim,
    Distances,
    Fact,
    Findings,
    Grid,
    Lines,
    Number,
    Section,
    Table,
)
from behaviordist.record.formatting import spread
from behaviordist.studies.inference.answers import Answers, predicted, temperature
from behaviordist.studies.inference.conclude import conclude
from behaviordist.studies.inference.contexts import (
    KINDS,
    STEPS,
    cell,
    context_blocks,
    series_over,
    thought_blocks,
)
from behaviordist.studies.inference.study import BASE, PLAIN


def findings(answers: Answers) -> Findings:
    """Return the study's claims and the sections in reading order."""
    runs = answers.runs
    claims = conclude(answers)
    verdicts = [claim.verdict for claim in claims]
    return Findings(
        headline=_headline(answers, claims),
        claims=claims,
        facts=(
            Fact.of("settings", str(len(answers.names) - 1), "each against the model as it is"),
            Fact.of("checkpoints", str(len(runs.models)), f"times {runs.study.seeds} seeds"),
            Fact.of("probes", str(len(answers.probes)), runs.study.probes),
            Fact.of("claims supported", f"{verdicts.count('supported')} of {len(claims)}", ""),
        ),
        sections=(
            Section.of("The map", _MAP, Distances()),
            Section.of("How far each setting moves a behavior", *settings_blocks(answers)),
            Section.of("Rounding weights, and training for it", *rounding_blocks(answers)),
            Section.of("Temperature", *temperature_blocks(answers)),
            Section.of("Chain of thought", *thought_blocks(answers)),
            Section.of("Examples, windows and what they cut off", *context_blocks(answers)),
        ),
    )


_MAP = (
    "Behaviors of the first seed's checkpoints: the base and what SFT made of it (called by its"
    " task), each as it is and with a choice of settings. In the map below the heatmap, 'algorithm'"
    " is the kind of setting and 'task' the checkpoint."
)


def settings_blocks(answers: Answers) -> tuple[AnyBlock | str, ...]:
    """Distances of every setting from the model as it is, and what becomes of right answers."""
    names = answers.names[1:]
    cells = [(kind, steps) for kind in KINDS for steps in STEPS]
    far = [[answers.distance(model, name) for name in names] for model in answers.models]
    where = [[answers.distance(BASE, name, f"prompt:{kind}") for name in names] for kind in KINDS]
    change = [
        [answers.change(BASE, name, f"prompt:{kind}", f"steps:{steps}") for name in names]
        for kind, steps in cells
    ]
    return (
        Grid(
            name="settings", title="Distance of every setting from the model as it is",
            caption=f"Mean over {answers.runs.study.seeds} seeds, all probes. Top-k, top-p and"
            " greedy settings remove tokens; the Hellinger distance is finite all the same.",
            rows=tuple(answers.models), columns=names, values=_means(far),
            scale="Hellinger distance",
        ),
        Grid(
            name="where", title="Where the base moves, by kind of prompt",
            caption="The same distance over the probes of one kind. What cuts contexts leaves alone"
            " the prompts that fit.",
            rows=tuple(KINDS.values()), columns=names, values=_means(where),
            scale="Hellinger distance",
        ),
        Grid(
            name="answers", title="Where right answers come and go: the base, by kind of prompt",
            caption="Change of the probability of the right answer against the base as it is, mean"
            " over seeds. 'Hidden' prompts name no function and show no example: no answer is right"
            " there, the change says which functions the mass moves to.",
            rows=tuple(f"{KINDS[k]}, {STEPS[s]}" for k, s in cells), columns=names,
            values=_means(change), scale="change of probability", diverging=True,
        ),
        _cache_table(answers),
    )  # fmt: skip


def _means(rows: list[list[NDArray[np.float64]]]) -> tuple[tuple[Number, ...], ...]:
    """Means over seeds, as a grid takes them."""
    return tuple(tuple(float(values.mean()) for values in row) for row in rows)


def _cache_table(answers: Answers) -> Table:
    rows = []
    for model, table in answers.models.items():
        for name in answers.runs.study.settings.get("cache", {}):
            drift = table["drift"][:, answers.names.index(name)].max()
            far = answers.distance(model, name).max()
            floor = answers.between_seeds(model).mean()
            rows.append((model, name, f"{far:.1e}", f"{drift:.1e}", f"{floor:.2f}"))
    return Table(
        title="The key-value cache, token by token", rows=tuple(rows), align="llrrr",
        header=("checkpoint", "setting", "largest distance", "largest change of a probability",
                "distance between seeds"),
        note="Largest over seeds; all positions of all probes. Beside it, what another seed does.",
    )  # fmt: skip


def rounding_blocks(answers: Answers) -> tuple[AnyBlock | str, ...]:
    """Score and distance of rounded SFT against rounded QAT, over bits."""
    rounded, study = answers.quantisation, answers.runs.study
    bits, task = rounded["bits"][0], study.quantisation.task
    away = np.sqrt(rounded["squared"].mean(axis=3))
    hidden = np.sqrt(rounded["squared"][..., answers.tagged("prompt:hidden")].mean(axis=3))
    labels = ("SFT, rounded afterwards", "QAT, rounded to its own grid")
    x = tuple(float(b) for b in bits)
    plain = float(rounded["plain"].mean())
    rows = tuple(
        (
            str(int(b)),
            *(cell(rounded["scores"][:, k, i]) for k in (0, 1)),
            *(cell(away[:, k, i]) for k in (0, 1)),
            *(cell(hidden[:, k, i]) for k in (0, 1)),
        )
        for i, b in enumerate(bits)
    )
    return (
        f"SFT and QAT towards {task}: the same data, the same number of steps. SFT as it is scores"
        f" {plain:.3f}; int8 has one scale an output channel, fewer bits one a group of 32 inputs.",
        Lines(
            name="bits-score", title="Score of the rounded model", x="bits a weight",
            caption="Expected exact match on held-out strings; median seed, exact 95 % intervals.",
            y="score", x_scale="log",
            series=tuple(series_over(labels[k], x, rounded["scores"][:, k].T) for k in (0, 1)),
        ),
        Lines(
            name="bits-distance", title="Distance of the rounded model from unrounded SFT",
            caption="All probes. QAT is another training run: it has a distance where rounding"
            " leaves none.",
            x="bits a weight", y="Hellinger distance", x_scale="log",
            series=tuple(series_over(labels[k], x, away[:, k].T) for k in (0, 1)),
        ),
        Table(
            title="Rounded SFT against rounded QAT", rows=rows, align="rrrrrrr",
            header=("bits", "score, SFT", "score, QAT", "distance, SFT", "distance, QAT",
                    "on hidden prompts, SFT", "on hidden prompts, QAT"),
            note="Median seed, exact 95 % intervals. Hidden prompts without examples are what was"
            " trained.",
        ),
    )  # fmt: skip


def temperature_blocks(answers: Answers) -> tuple[AnyBlock | str, ...]:
    """Distance and right answers against temperature, with the small-change law."""
    near = answers.runs.study.claims.near
    known = [PLAIN, *answers.runs.study.settings.get("temperature", {})]
    at = {name: temperature(answers, name) for name in known}
    # Those near 1 have a table of their own: in the figure they would stand on one another.
    names = sorted((name for name in known if name not in near), key=lambda name: at[name])
    x = tuple(at[name] for name in names)
    far = [
        series_over(model, x, [answers.distance(model, name) for name in names])
        for model in answers.models
    ]
    right = [
        series_over(f"{model}, named prompts", x, [answers.chance(model, n, "prompt:named")
                                               for n in names])
        for model in answers.models
    ]  # fmt: skip
    rows = tuple(
        (
            model,
            name,
            cell(answers.distance(model, name), 4),
            cell(predicted(answers, model, at[name]), 4),
            cell(answers.distance(model, name) / predicted(answers, model, at[name])),
        )
        for model in answers.models
        for name in near
    )
    return (
        Lines(
            name="temperature", title="Distance from temperature 1", x="temperature",
            caption="All probes; median seed, exact 95 % intervals. Temperature acts on what"
            " is undecided.",
            y="Hellinger distance", x_scale="log", series=tuple(far),
        ),
        Lines(
            name="temperature-right", title="Right answers against temperature", x="temperature",
            caption="Probability of the whole right answer on named prompts.",
            y="probability of the right answer", x_scale="log", series=tuple(right),
        ),
        Table(
            title="Near temperature 1", rows=rows, align="llrrr",
            header=("checkpoint", "setting", "distance", "predicted", "ratio"),
            note="Predicted: |1/T - 1| / 2 times the root of the mean variance of log p under p,"
            " the Fisher information of the inverse temperature.",
        ),
    )  # fmt: skip


def _headline(answers: Answers, claims: tuple[Claim, ...]) -> str:
    """Return the study's answer in a sentence of numbers."""
    about, bits = answers.runs.study.claims, answers.quantisation["bits"][0]
    few = int(np.argmin(bits))
    scores = answers.quantisation["scores"][:, :, few].T
    rounded, aware = (spread(seeds.tolist(), 2) for seeds in scores)
    two, one = (
        spread(answers.change(BASE, about.thoughts, "prompt:named", f"steps:{n}").tolist(), 2)
        for n in ("two", "one")
    )
    long, cut = (
        spread(answers.chance(BASE, s, "prompt:shots4").tolist(), 2) for s in (PLAIN, about.shorter)
    )
    return (
        f"The cache moves a behavior by {claims[0].estimate.value:.0e} at most; at {bits[few]} bits"
        f" rounding leaves a score of {rounded}, training for the grid {aware}; a scratchpad"
        f" changes right answers of named two-step functions by {two} and of one-step ones by"
        f" {one}; cutting contexts longer than any training document takes right answers from"
        f" {long} to {cut}: medians over seeds (lowest–highest)."
    )
