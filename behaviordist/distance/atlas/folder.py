"""An atlas: a folder of fingerprint files, and under ``matrices`` the distances of each kind.

A kind is what can be compared: one geometry, probe set, vocabulary, sketch and reference, and as
many positions. The files are all that counts: a matrix that does not go with them is made again,
and a file that is copied in is taken up by whoever comes next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from behaviordist.behaviors.states.files import FORMAT as STATES
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.pairwise import matrix_of
from behaviordist.errors import InputError
from behaviordist.innerproduct import recorded_geometry
from behaviordist.innerproduct.fingerprint import COMPARED, FORMAT, Fingerprint
from behaviordist.store import digest_of
from behaviordist.store.folders import exclusive
from behaviordist.store.sealed import kinds_in, sealed_header

MATRICES = "matrices"


@dataclass(frozen=True)
class Entry:
    """A fingerprint file, by its header.

    Parameters
    ----------
    path
        The file.
    texts
        What its header says, unchecked; `Fingerprint.load` checks.
    shape
        (positions, D).
    """

    path: Path
    texts: dict[str, str]
    shape: tuple[int, ...]

    @property
    def label(self) -> str:
        """What matrices call the behavior."""
        return self.texts["label"]

    @property
    def behavior(self) -> str:
        """Identity of the behavior."""
        return self.texts["behavior"]

    @property
    def geometry(self) -> str:
        """Name of the geometry."""
        return self.texts["geometry"]

    @property
    def probe_digest(self) -> str:
        """Digest of the probe set."""
        return self.texts["probe_digest"]

    @property
    def kept(self) -> str:
        """How its rows are kept: a sketch, exact features, or the type of hidden states."""
        return self.texts.get("sketch") or self.texts.get("dtype", "")

    @property
    def kind(self) -> tuple[str, ...]:
        """What must be the same in two that are compared."""
        return (*(self.texts[name] for name in COMPARED), str(self.shape))


def entries(folder: Path) -> list[Entry]:
    """Return the fingerprints of features in a folder, by file name."""
    found = []
    for path in kinds_in(folder, (FORMAT,)):
        texts, shapes = sealed_header(path)
        found.append(Entry(path, texts, shapes.get("features", ())))
    for entry in found:
        missing = {"label", "behavior", *COMPARED} - set(entry.texts)
        if missing:
            raise InputError(f"{entry.path}: its header has no {min(missing)}; make it again")
    return found


def listed(folder: Path) -> list[Entry]:
    """Return every fingerprint of a folder, of features and of states, by label.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"no atlas at {folder}; make one with `behaviordist fingerprint --out`")
    states = [Entry(path, sealed_header(path)[0], ()) for path in kinds_in(folder, (STATES,))]
    found = [*entries(folder), *(e for e in states if {"label", "geometry"} <= set(e.texts))]
    return sorted(found, key=lambda e: (e.label, e.geometry, e.path.name))


def matrix_path(folder: Path, entry: Entry) -> Path:
    """Return where the matrix of an entry's kind lies."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", entry.texts.get("probe_set", "")).strip("-.")[:40]
    name = f"{entry.geometry}-{slug or 'probes'}-{digest_of(entry.kind)[:8]}.npz"
    return folder / MATRICES / name


def grow(folder: Path) -> dict[Path, tuple[DistanceMatrix, int]]:
    """Bring the matrices of an atlas up to its files; cells that are there stay as they are.

    Returns
    -------
    Path of each matrix -> it, and how many behaviors are new in it. The bytes that tokenizers share
    change with every behavior, so that ``next-byte`` has no matrix that could grow.

    Raises
    ------
    InputError
        If a file is not whole, or one label stands for two behaviors.
    """
    kinds: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries(folder):
        if recorded_geometry(entry.geometry).unit != "byte":
            kinds.setdefault(entry.kind, []).append(entry)
    if not kinds:
        return {}
    with exclusive(folder / MATRICES, wait=True):
        return {matrix_path(folder, e[0]): _grown(folder, e) for e in kinds.values()}


def _grown(folder: Path, several: list[Entry]) -> tuple[DistanceMatrix, int]:
    path = matrix_path(folder, several[0])
    by_label = {entry.label: entry for entry in sorted(several, key=lambda e: str(e.label))}
    if len(by_label) < len(several):
        twice = next(e for e in several if by_label[e.label] is not e)
        raise InputError(
            f"{folder} has two fingerprints called '{twice.label}' ({twice.path.name},"
            f" {by_label[twice.label].path.name}): remove one, or make it again with --label"
        )
    old = _known(path, by_label)
    first = () if old is None else old.labels
    labels = [*first, *sorted(set(by_label) - set(first))]
    if old is not None and len(labels) == len(old):
        return old, 0
    prints = [Fingerprint.load(by_label[label].path) for label in labels]
    matrix = matrix_of(prints, limits=False, old=old, backend="numpy")
    matrix.save(path)
    return matrix, len(labels) - len(first)


def _known(path: Path, by_label: dict[str, Entry]) -> DistanceMatrix | None:
    """Return the matrix that is there, if all of it is of files that are there."""
    if not path.exists():
        return None
    try:
        matrix = DistanceMatrix.load(path)
    except InputError:
        return None
    told = matrix.metadata.get("behaviors", {})
    same = all(
        label in by_label and by_label[label].behavior == told.get(label) for label in matrix.labels
    )
    return matrix if same else None
