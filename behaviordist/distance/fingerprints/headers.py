"""What a fingerprint's file says beside its features: settings, versions, licence, the probes."""

from __future__ import annotations

import json
import re
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist import __version__
from behaviordist.behaviors import Behavior, InferenceSettings
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of

LIBRARIES = ("numpy", "torch", "transformers", "jax")


def about(behavior: Behavior, probes: ProbeSet, licence: str = "") -> dict[str, str]:
    """Return the texts of a header: all that does not decide which behavior it is of.

    A user's own behavior may say less of itself than `Behavior` asks.
    """
    versions = {name: metadata.version(name) for name in LIBRARIES}
    return {
        "settings": getattr(behavior, "settings", InferenceSettings()).canonical,
        "vocabulary_size": str(getattr(behavior, "vocabulary_size", 0)),
        "notes": json.dumps(list(getattr(behavior, "notes", ())), ensure_ascii=False),
        "probe_set": probes.name,
        "versions": json.dumps({"behaviordist": __version__, **versions}, sort_keys=True),
        "licence": licence,
    }


def file_name(label: str, kind: str, inputs: Any, suffix: str = "safetensors") -> str:
    """Return the name of a file of one behavior, by what it depends on."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.")[:60] or "behavior"
    return f"{slug}-{kind}-{digest_of(inputs)[:12]}.{suffix}"


def probes_to_bytes(probes: ProbeSet) -> NDArray[np.uint8]:
    """Return a probe set as the bytes of its JSON lines."""
    return np.frombuffer(probes.as_bytes(), dtype=np.uint8)


def probes_from_bytes(
    data: NDArray[np.uint8], name: str, digest: str, where: str
) -> ProbeSet | None:
    """Return the probe set that a file carries, None if it carries none.

    Raises
    ------
    InputError
        If it is not the one that the file names.
    """
    if not len(data):
        return None
    probes = ProbeSet.parse(data.tobytes(), name, where)
    if probes.digest != digest:
        raise InputError(f"{where}: the probes in it are not those that it names; make it again")
    return probes


def notes_in(texts: dict[str, Any]) -> tuple[str, ...]:
    """Return the notes of a header."""
    try:
        notes = json.loads(texts.get("notes", "[]"))
    except ValueError:
        return ()
    return tuple(map(str, notes)) if isinstance(notes, list) else ()
