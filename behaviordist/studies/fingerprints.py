"""The stage of a study that fingerprints its checkpoints, shown as it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from behaviordist.studies.stages import StageClock

if TYPE_CHECKING:
    import pandas as pd

    from behaviordist.behaviors import Behavior
    from behaviordist.innerproduct.fingerprint import Fingerprint
    from behaviordist.probes import ProbeSet

Fingerprints = Mapping[str, Sequence["Fingerprint"]]


def fingerprint_stage(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    geometries: Sequence[str],
    folder: Path,
    clock: StageClock,
    *,
    reference: Behavior | None = None,
    what: str = "checkpoints",
) -> Fingerprints:
    """Return the fingerprints of every behavior in every geometry, made once in a run's folder.

    Parameters
    ----------
    behaviors, probes, geometries, reference
        As `distances.fingerprinting.fingerprint` takes them.
    folder
        Of the run; its ``fingerprints/`` keeps them.
    clock
        Shows the stage; a behavior counts when its last probe is seen.
    what
        The behaviors, in the words of the stage.
    """
    from behaviordist.distance.fingerprints.fingerprinting import fingerprint

    def finished(label: str, seen: int, total: int) -> None:
        del label
        done(int(seen == total))

    with clock.stage("fingerprints", len(behaviors), f"Fingerprinting the {what}") as done:
        return fingerprint(
            behaviors,
            probes,
            geometries,
            folder=folder / "fingerprints",
            reference=reference,
            progress=finished,
        )


def symmetric_distances(
    places: Mapping[str, Path], probes: ProbeSet, geometry: str, folder: Path, clock: StageClock
) -> pd.DataFrame:
    """Return the distances of checkpoints by name, kept below ``geometries/`` of a run's folder."""
    from behaviordist.behaviors import load
    from behaviordist.distance import matrix_of

    behaviors = [load(str(place), label=name) for name, place in places.items()]
    prints = fingerprint_stage(behaviors, probes, (geometry,), folder, clock)
    matrix = matrix_of(prints[geometry])
    matrix.save(folder / "geometries" / geometry)
    return matrix.to_pandas()


def regime_matrices(labels: Sequence[str], prints: Fingerprints) -> dict[str, Any]:
    """Return regime-level distance matrices, one a geometry.

    Parameters
    ----------
    labels
        The regime that each fingerprint is a replicate of, in order.
    prints
        Geometry -> fingerprints.
    """
    from behaviordist.distance.regimes import regime_distances

    matrices = {}
    for geometry, members in prints.items():
        groups: dict[str, list[Fingerprint]] = {label: [] for label in labels}
        for label, member in zip(labels, members, strict=True):
            groups[label].append(member)
        matrices[geometry] = regime_distances(groups)
    return matrices
