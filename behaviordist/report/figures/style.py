"""Colour and mark of a behavior: its algorithm's, or those of its role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.lines import Line2D

from behaviordist.drawing.panels import PALETTE, mark
from behaviordist.drawing.style import SOFT
from behaviordist.record import Behavior

ROLE_COLORS = {"base": "#000000", "random": "#8a8a8a"}
ROLE_MARKERS = {"base": "*", "random": "X"}
TASK_MARKERS = ("o", "s", "^", "D", "v", "P", "<", ">", "p", "h", "d", "H")

Behaviors = Mapping[str, Behavior]


def behavior_of(label: str, behaviors: Behaviors) -> Behavior:
    """Return what is known of a label; one that is called `base` or `random` is a reference."""
    role = label if label in ROLE_MARKERS else "behavior"
    return behaviors.get(label) or Behavior(label=label, role=role)


def algorithm_colors(behaviors: Sequence[Behavior]) -> dict[str, str]:
    """Return a colour for every algorithm of the behaviors under study, in order of appearance."""
    names = list(dict.fromkeys(row.algorithm for row in behaviors if not row.is_reference))
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}


def color_of(behavior: Behavior, colors: dict[str, str]) -> str:
    """Return the colour of a behavior: its algorithm's, or that of its role."""
    if behavior.is_reference:
        return ROLE_COLORS.get(behavior.role, SOFT)
    return colors.get(behavior.algorithm, PALETTE[0])


def legend_handles(behaviors: Sequence[Behavior], colors: dict[str, str]) -> list[Line2D]:
    """Return legend entries: a dot for each named algorithm, a mark for each reference role."""
    present = [name for name in colors if name]
    roles = list(dict.fromkeys(row.role for row in behaviors if row.is_reference))
    return [mark(name, colors[name], "o") for name in present] + [
        mark(role, ROLE_COLORS.get(role, SOFT), ROLE_MARKERS.get(role, "X")) for role in roles
    ]
