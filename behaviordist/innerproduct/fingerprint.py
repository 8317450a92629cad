"""Fingerprints: a behavior's features on a probe set, in one safetensors file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import FloatArray, IntArray
from behaviordist.store.sealed import read_sealed, write_sealed

EXACT = "exact"
FORMAT = "behaviordist-fingerprint-2"
# What must agree between fingerprints, and what to do when it does not.
COMPARED = {
    "geometry": "make both with the same geometry",
    "probe_digest": "make both on the same probe set",
    "vocabulary": "compare behaviors that share a tokenizer",
    "sketch": "make both with the same sketch size",
    "reference": "make both with the same reference",
}


@dataclass(frozen=True)
class Identity:
    """What a fingerprint is of.

    Parameters
    ----------
    label
        What matrices call the behavior.
    behavior
        Digest of the checkpoint and its settings.
    vocabulary
        Digest of the token -> id map; empty where the geometry does not depend on it.
    probe_digest
        Digest of the probe set.
    geometry
        Name of the geometry.
    sketch
        ``"exact"`` or ``"countsketch-D"``.
    reference
        Identity of the reference distribution, empty where the geometry has none.
    """

    label: str
    behavior: str
    vocabulary: str
    probe_digest: str
    geometry: str
    sketch: str = EXACT
    reference: str = ""

    @property
    def inputs(self) -> dict[str, str]:
        """Everything the file depends on: its format, and all that it is of but the label."""
        known = {k: v for k, v in dataclasses.asdict(self).items() if k != "label"}
        return {"format": FORMAT, **known}


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Features of one behavior at every position of a probe set.

    Parameters
    ----------
    identity
        What it is of.
    features
        (n, D) float32 or float16, positions in canonical order (by probe, then position).
    probe
        (n,) index of the probe of each row, not decreasing, 0 .. n_probes - 1.
    group
        (n_probes,) probes with the same number are paraphrases of one another: dependent, and
        kept together wherever uncertainty is computed. Default: every probe on its own.
    about
        What else its file says: settings, notes, versions, licence, and the name of the probe set.
    probes
        The probe set as JSON lines, UTF-8 bytes; empty where it is not known.
    starts
        (n,) the byte of its continuation at which each token begins, where bytes are compared.
    """

    identity: Identity
    features: FloatArray
    probe: IntArray
    group: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    about: Mapping[str, str] = field(default_factory=dict)
    probes: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, dtype=np.uint8))
    starts: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if not len(self.group) and len(self.probe):
            object.__setattr__(self, "group", np.arange(int(self.probe[-1]) + 1))
        self._check()

    @property
    def label(self) -> str:
        """What matrices call the behavior."""
        return self.identity.label

    @property
    def n_probes(self) -> int:
        """Number of probes."""
        return len(self.group)

    def save(self, path: Path, inputs: Any = None) -> None:
        """Write one safetensors file atomically.

        Parameters
        ----------
        path
            The file. A manifest with digests lies beside it.
        inputs
            What the manifest says the file depends on; default the identity's.

        Raises
        ------
        InputError
            If it cannot be written, such as on a full disk; nothing is left behind.
        """
        integers = ("probe", "group", "starts")
        tensors = {
            "features": self.features,
            "probes": self.probes,
            **{name: np.asarray(getattr(self, name), dtype=np.int64) for name in integers},
        }
        texts = {**self.about, **dataclasses.asdict(self.identity)}
        depends = self.identity.inputs if inputs is None else inputs
        write_sealed(path, FORMAT, tensors, texts, depends)

    @staticmethod
    def load(path: Path) -> Fingerprint:
        """Read a fingerprint file; its features are memory-mapped.

        Raises
        ------
        InputError
            If the file is missing, truncated, altered or not a fingerprint.
        """
        file = read_sealed(path, FORMAT, "fingerprint")
        texts, tensors = dict(file.texts), file.tensors
        try:
            identity = Identity(**{f.name: texts.pop(f.name) for f in dataclasses.fields(Identity)})
            arrays = {name: tensors[name] for name in ("probe", "group", "starts")}
            return Fingerprint(
                identity,
                tensors["features"],
                **{name: np.array(array) for name, array in arrays.items()},
                about=texts,
                probes=tensors["probes"],
            )
        except KeyError as error:
            raise InputError(f"{path}: a fingerprint file without {error}; make it again") from None

    def _check(self) -> None:
        what = f"fingerprint '{self.label}'"
        if self.features.ndim != 2 or self.probe.shape != self.features.shape[:1]:
            raise InputError(
                f"{what}: features must be (n, D) and probe (n,),"
                f" not {self.features.shape} and {self.probe.shape}"
            )
        if self.features.dtype not in (np.float32, np.float16):
            raise InputError(f"{what}: features must be float32 or float16")
        counts = np.bincount(self.probe, minlength=self.n_probes)
        if not len(counts) or len(counts) != self.n_probes or np.min(counts) == 0:
            raise InputError(f"{what}: every probe needs at least one row, numbered from 0")
        if np.any(np.diff(self.probe) < 0):
            raise InputError(f"{what}: rows must be in the order of the probes")


def check_mixable(fingerprints: Sequence[Fingerprint]) -> None:
    """Refuse fingerprints whose inner products would mean nothing.

    Raises
    ------
    InputError
        On none at all, or naming the first two that differ, in what, and what to do.
    """
    if not fingerprints:
        raise InputError("no fingerprints given; at least one is needed")
    first = fingerprints[0]
    for other in fingerprints[1:]:
        for name, remedy in COMPARED.items():
            a, b = getattr(first.identity, name), getattr(other.identity, name)
            if a != b:
                raise InputError(
                    f"fingerprints '{first.label}' and '{other.label}' differ in"
                    f" {name.replace('_', ' ')} ({a[:16]!r} and {b[:16]!r}); {remedy}"
                )
        same_rows = np.array_equal(first.probe, other.probe)
        if not same_rows or first.features.shape != other.features.shape:
            raise InputError(
                f"fingerprints '{first.label}' and '{other.label}' have different positions;"
                " the tokenizers split the probes differently, or a file was altered"
            )
