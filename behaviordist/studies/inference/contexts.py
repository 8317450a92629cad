"""The page of study `inference`, second half: scratchpads, examples, windows; and its words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from behaviordist.record import (
    AnyBlock,
    Intervals,
    Lines,
    Series,
    Table,
)
from behaviordist.studies.estimates import words
from behaviordist.studies.exact import median_over
from behaviordist.studies.inference.answers import Answers
from behaviordist.studies.inference.study import BASE, PLAIN

KINDS = {"hidden": "hidden", "named": "named", "shots1": "1 example", "shots2": "2 examples"}
KINDS["shots4"] = "4 examples"
STEPS = {"one": "one step", "two": "two steps"}
MOST = 5
"""Probes that a table of the most moved ones names."""


def thought_blocks(answers: Answers) -> tuple[AnyBlock | str, ...]:
    """What scratchpads do, by checkpoint, kind of prompt and number of steps."""
    name = answers.runs.study.claims.thoughts
    groups = tuple(
        (
            model,
            tuple(
                median_over(answers.change(model, name, f"prompt:{kind}", f"steps:{steps}")).named(
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
            caption="Against the same checkpoint without; median seed, exact 95 % intervals.",
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
        series_over(
            KINDS[kind],
            range(len(names)),
            [answers.chance(BASE, name, f"prompt:{kind}") for name in names],
        )
        for kind in ("hidden", "shots1", "shots2", "shots4")
    )
    return Lines(
        name=f"{family}s", title=title, x="setting", y="probability of the right answer",
        caption="Probability of the right answer to a hidden prompt after 0, 1, 2 or 4 solved"
        " examples; median seed, exact 95 % intervals.",
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


def series_over(label: str, x: Iterable[float], values: Iterable[NDArray[np.float64]]) -> Series:
    """One line: `values` has the seeds' numbers at every x."""
    return Series.over(label, x, map(median_over, values))


def cell(values: NDArray[np.float64], digits: int = 3) -> str:
    """Return a median over seeds with its interval, as a table shows it."""
    return words(median_over(values), digits)
