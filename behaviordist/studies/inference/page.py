"""The sections of study `inference`'s page: map, settings, rounding, temperature, contexts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from behaviordist.record import (
    AnyBlock,
    Claim,
    Distances,
    Estimate,
    Fact,
    Findings,
    Grid,
    Intervals,
    Lines,
    Number,
    Section,
    Series,
    Table,
)
from behaviordist.studies.estimates import estimate, words
from behaviordist.studies.inference.answers import Answers, predicted, temperature
from behaviordist.studies.inference.conclude import conclude, signed
from behaviordist.studies.inference.study import BASE, PLAIN

KINDS = {"hidden": "hidden", "named": "named", "shots1": "1 example", "shots2": "2 examples"}
KINDS["shots4"] = "4 examples"
STEPS = {"one": "one step", "two": "two steps"}
MOST = 5
"""Probes that a table of the most moved ones names."""


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
        sections=_sections(answers),
    )


def _sections(answers: Answers) -> tuple[Section, ...]:
    """Return the sections in reading order."""
    return (
        Section.of("The map", _MAP, Distances()),
        Section.of("How far each setting moves a behavior", *settings_blocks(answers)),
        Section.of("Rounding weights, and training for it", *rounding_blocks(answers)),
        Section.of("Temperature", *temperature_blocks(answers)),
        Section.of("Chain of thought", *thought_blocks(answers)),
        Section.of("Examples, windows and what they cut off", *context_blocks(answers)),
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
    found, study = answers.quantisation, answers.runs.study
    bits, task = found["bits"][0], study.quantisation.task
    away = np.sqrt(found["squared"].mean(axis=3))
    hidden = np.sqrt(found["squared"][..., answers.tagged("prompt:hidden")].mean(axis=3))
    labels = ("SFT, rounded afterwards", "QAT, rounded to its own grid")
    x = tuple(float(b) for b in bits)
    plain = float(found["plain"].mean())
    rows = tuple(
        (
            str(int(b)),
            *(_cell(found["scores"][:, k, i]) for k in (0, 1)),
            *(_cell(away[:, k, i]) for k in (0, 1)),
            *(_cell(hidden[:, k, i]) for k in (0, 1)),
        )
        for i, b in enumerate(bits)
    )
    return (
        f"SFT and QAT towards {task}: the same data, the same number of steps. SFT as it is scores"
        f" {plain:.3f}; int8 has one scale an output channel, fewer bits one a group of 32 inputs.",
        Lines(
            name="bits-score", title="Score of the rounded model", x="bits a weight",
            caption="Expected exact match on held-out strings; 95 % intervals over seeds.",
            y="score", x_scale="log",
            series=tuple(_series(labels[k], x, found["scores"][:, k].T) for k in (0, 1)),
        ),
        Lines(
            name="bits-distance", title="Distance of the rounded model from unrounded SFT",
            caption="All probes. QAT is another training run: at many bits, where rounding does"
            " nothing, it keeps the distance that another run has.",
            x="bits a weight", y="Hellinger distance", x_scale="log",
            series=tuple(_series(labels[k], x, away[:, k].T) for k in (0, 1)),
        ),
        Table(
            title="Rounded SFT against rounded QAT", rows=rows, align="rrrrrrr",
            header=("bits", "score, SFT", "score, QAT", "distance, SFT", "distance, QAT",
                    "on hidden prompts, SFT", "on hidden prompts, QAT"),
            note="95 % intervals over seeds. Hidden prompts without examples are what was trained.",
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
        _series(model, x, [answers.distance(model, name) for name in names])
        for model in answers.models
    ]
    right = [
        _series(f"{model}, named prompts", x, [answers.chance(model, n, "prompt:named")
                                               for n in names])
        for model in answers.models
    ]  # fmt: skip
    rows = tuple(
        (
            model,
            name,
            _cell(answers.distance(model, name), 4),
            _cell(predicted(answers, model, at[name]), 4),
            _cell(answers.distance(model, name) / predicted(answers, model, at[name])),
        )
        for model in answers.models
        for name in near
    )
    return (
        Lines(
            name="temperature", title="Distance from temperature 1", x="temperature",
            caption="All probes; 95 % intervals over seeds. A sure model moves little: temperature"
            " acts on what is undecided.",
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


def thought_blocks(answers: Answers) -> tuple[AnyBlock | str, ...]:
    """What scratchpads do, by checkpoint, kind of prompt and number of steps."""
    name = answers.runs.study.claims.thoughts
    groups = tuple(
        (
            model,
            tuple(
                _over(answers.change(model, name, f"prompt:{kind}", f"steps:{steps}")).named(
                    f"{KINDS[kind]}, {STEPS[steps]}"
                )
                for kind in ("named", "hidden", "shots2")
                for steps in STEPS
            ),
        )
        for model in answers.models
    )  # fmt: skip
    return (
        "Pre-training shows scratchpads on functions of two steps only, with the string after the"
        " first step written down. Here the model writes one itself before it answers; answers are"
        " averaged over what it writes. Post-training never shows a scratchpad.",
        Intervals(
            name="thoughts", title="What a scratchpad changes", unit="change of the probability of"
            " the right answer", groups=groups,
            main=(f"{KINDS['named']}, {STEPS['two']}",),
            caption="Against the same checkpoint without; 95 % intervals over seeds.",
        ),
        moved_table(answers, name),
    )  # fmt: skip


def context_blocks(answers: Answers) -> tuple[AnyBlock | str, ...]:
    """Right answers of the base under every context length and window, by number of examples."""
    study = answers.runs.study
    tables = [moved_table(answers, name) for name in (study.claims.shorter, study.claims.window)]
    return (
        "Every example takes 13 tokens: “keep n” cuts the beginning of a context so that n whole"
        " examples stay, “cut the end” cuts the question. Training documents had two. A cut"
        " context sees nothing else; a window of the attention passes on, from layer to layer"
        f" ({study.model.layers} here), what lies further back.",
        _context_lines(answers, "context", "Right answers of the base, its context cut"),
        _context_lines(answers, "window", "Right answers of the base, its attention windowed"),
        _bases_table(answers),
        *tables,
    )  # fmt: skip


def _bases_table(answers: Answers) -> Table:
    """What every base makes of examples: seeds differ in it, which is what makes intervals wide."""
    shorter = answers.runs.study.claims.shorter
    columns = [
        answers.chance(BASE, PLAIN, f"prompt:{kind}") for kind in ("named", "hidden", "shots2")
    ]
    columns += [answers.chance(BASE, name, "prompt:shots4") for name in (PLAIN, shorter)]
    rows = tuple(
        (str(seed), *(f"{column[seed]:.3f}" for column in columns))
        for seed in range(answers.runs.study.seeds)
    )
    return Table(
        title="Right answers of every base", rows=rows, align="lrrrrr",
        header=("seed", "named", "hidden", "2 examples", "4 examples", f"4 examples, {shorter}"),
        note="A base that answers after examples as it does without has not learned to use them.",
    )  # fmt: skip


def _context_lines(answers: Answers, family: str, title: str) -> Lines:
    names = (PLAIN, *answers.runs.study.settings.get(family, {}))
    series = tuple(
        _series(
            KINDS[kind],
            range(len(names)),
            [answers.chance(BASE, name, f"prompt:{kind}") for name in names],
        )
        for kind in ("hidden", "shots1", "shots2", "shots4")
    )
    return Lines(
        name=f"{family}s", title=title, x="setting", y="probability of the right answer",
        caption="Probability of the right answer to a hidden prompt after 0, 1, 2 or 4 solved"
        " examples; 95 % intervals over seeds.",
        series=series, x_names=names,
    )  # fmt: skip


def moved_table(answers: Answers, name: str) -> Table:
    """The probes of the base that a setting moved most, and what became of their answers."""
    table, at = answers.models[BASE], answers.names.index(name)
    far = np.sqrt(table["squared"][:, at].mean(axis=0))
    before, after = table["chance"][:, 0].mean(axis=0), table["chance"][:, at].mean(axis=0)
    order = np.argsort(-far, kind="stable")[:MOST]
    rows = tuple(
        (
            answers.probes.probes[i].id,
            _short(answers.probes.probes[i].prompt),
            answers.probes.probes[i].continuation.strip(),
            f"{far[i]:.2f}",
            f"{before[i]:.2f}",
            f"{after[i]:.2f}",
        )
        for i in order.tolist()
    )
    return Table(
        title=f"Probes that “{name}” moved most", rows=rows, align="lllrrr",
        header=("probe", "prompt", "answer", "distance", "p before", "p after"),
        note="The base; root mean squared distance and mean probability of the answer over seeds.",
    )  # fmt: skip


def _short(prompt: str) -> str:
    """Return the end of a long prompt: the question, and how much stands before it."""
    *examples, question = prompt.split(" ; ")
    return f"({len(examples)} examples ;) {question}" if len(examples) > 1 else prompt


def _series(label: str, x: Iterable[float], values: Iterable[NDArray[np.float64]]) -> Series:
    """One line: `values` has the seeds' numbers at every x."""
    return Series.over(label, x, (_over(each) for each in values))


def _cell(values: NDArray[np.float64], digits: int = 3) -> str:
    return words(_over(values), digits)


def _over(values: NDArray[np.float64]) -> Estimate:
    return estimate([float(value) for value in values])


def _headline(answers: Answers, claims: tuple[Claim, ...]) -> str:
    """Return the study's answer in a sentence of numbers."""
    about, bits = answers.runs.study.claims, answers.quantisation["bits"][0]
    few = int(np.argmin(bits))
    rounded, aware = answers.quantisation["scores"][:, :, few].mean(axis=0)
    two, one = (
        answers.change(BASE, about.thoughts, "prompt:named", f"steps:{n}").mean()
        for n in ("two", "one")
    )
    long, cut = (answers.chance(BASE, s, "prompt:shots4").mean() for s in (PLAIN, about.shorter))
    return (
        f"The cache moves nothing (at most {claims[0].estimate.value:.0e}); at {bits[few]} bits"
        f" rounding leaves a score of {rounded:.2f}, training for the grid {aware:.2f}; a"
        f" scratchpad changes right answers of named two-step functions by {signed(two, 2)} and of"
        f" one-step ones by {signed(one, 2)}; cutting contexts longer than any training document"
        f" takes right answers from {long:.2f} to {cut:.2f}."
    )
