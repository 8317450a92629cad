"""Which of an atlas's matrices is meant, and the fingerprints behind it."""

from __future__ import annotations

from pathlib import Path

from behaviordist.distance.atlas.folder import entries, grow
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError
from behaviordist.innerproduct import Fingerprint


def matrix_in(folder: Path, kind: str | None = None) -> DistanceMatrix:
    """Return the matrix of an atlas, brought up to its files.

    Parameters
    ----------
    folder
        The atlas.
    kind
        The beginning of the name of one of ``matrices``, such as ``hellinger-general``.

    Raises
    ------
    InputError
        If there is none, or several are meant.
    """
    if not folder.is_dir():
        raise InputError(f"no atlas at {folder}; make one with `behaviordist fingerprint --out`")
    known = {path.stem: matrix for path, (matrix, _) in grow(folder).items()}
    meant = sorted(name for name in known if kind is None or name.startswith(kind))
    if not known:
        raise InputError(
            f"{folder} holds no fingerprints; make some with `behaviordist fingerprint`"
        )
    if len(meant) != 1:
        said = "several kinds" if len(meant) > 1 else f"no kind '{kind}'"
        raise InputError(f"{folder} has {said}; name one with --kind: {', '.join(sorted(known))}")
    return known[meant[0]]


def prints_of(folder: Path, matrix: DistanceMatrix) -> list[Fingerprint]:
    """Return the fingerprints that a matrix of an atlas is of, in its order.

    Raises
    ------
    InputError
        If one is not whole.
    """
    told = matrix.metadata
    named = ("geometry", "sketch", "probe_digest", "reference")
    paths = {
        entry.label: entry.path
        for entry in entries(folder)
        if all(entry.texts[name] == told[name] for name in named)
        and told["behaviors"].get(entry.label) == entry.behavior
    }
    return [Fingerprint.load(paths[label]) for label in matrix.labels]
