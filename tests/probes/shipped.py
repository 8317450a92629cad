"""The shipped probe sets and what their tests share."""

from __future__ import annotations

import re
from collections import defaultdict

from behaviordist.probes import Probe, ProbeSet

NAMES = (
    "arithmetic",
    "code",
    "format",
    "general",
    "instruction",
    "long-context",
    "safety",
    "sycophancy",
)
SETS = {name: ProbeSet.load(name) for name in NAMES}


def tagged(probe: Probe, key: str) -> str | None:
    """Return what follows `key:` in the probe's tags, or None."""
    values = [tag.partition(":")[2] for tag in probe.tags if tag.startswith(key + ":")]
    assert len(values) <= 1, f"{probe.id} has several tags {key}:..."
    return values[0] if values else None


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"\w+(?:['’]\w+)*", text.lower())


def items(name: str, key: str) -> dict[str, dict[str, Probe]]:
    """Return the contrasts of a set: item -> value of the tag `key` -> probe."""
    found: dict[str, dict[str, Probe]] = defaultdict(dict)
    for probe in SETS[name]:
        item, value = tagged(probe, "item"), tagged(probe, key)
        if item is not None:
            assert value is not None, probe.id
            assert value not in found[item], probe.id
            found[item][value] = probe
    return found
