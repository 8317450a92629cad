"""The stage of a study that fingerprints its checkpoints, shown as it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from behaviordist.probes import ProbeSet
from behaviordist.studies.stages import StageClock

if TYPE_CHECKING:
    from behaviordist.distance import DistanceMatrix
    from behaviordist.innerproduct.fingerprint import Fingerprint

Fingerprints = Mapping[str, Sequence["Fingerprint"]]


def fingerprint_stage(
    places: Mapping[str, Path],
    probes: ProbeSet,
    geometries: Sequence[str],
    folder: Path,
    clock: StageClock,
    *,
    reference: str | None = None,
    what: str = "checkpoints",
) -> Fingerprints:
    """Return the fingerprints of checkpoints in every geometry, made once in a run's folder.

    Parameters
    ----------
    places
        Label -> folder of a checkpoint.
    probes, geometries
        As `distances.fingerprinting.fingerprint` takes them.
    folder
        Of the run; its ``fingerprints/`` keeps them.
    clock
        Shows the stage; a behavior counts when its last probe is seen.
    reference
        The label of the behavior that some geometries refer to.
    what
        The behaviors, in the words of the stage.
    """
    from behaviordist.behaviors import load
    from behaviordist.distance.fingerprints.fingerprinting import fingerprint

    def finished(label: str, seen: int, total: int) -> None:
        del label
        done(int(seen == total))

    behaviors = {label: load(str(place), label=label) for label, place in places.items()}
    with clock.stage("fingerprints", len(behaviors), f"Fingerprinting the {what}") as done:
        return fingerprint(
            list(behaviors.values()),
            probes,
            geometries,
            folder=folder / "fingerprints",
            reference=None if reference is None else behaviors[reference],
            progress=finished,
        )


def symmetric_distances(
    places: Mapping[str, Path],
    probes: ProbeSet,
    geometry: str,
    folder: Path,
    clock: StageClock,
    what: str = "checkpoints",
) -> DistanceMatrix:
    """Return the distances of checkpoints by label; see `fingerprint_stage`."""
    from behaviordist.distance import matrix_of

    prints = fingerprint_stage(places, probes, (geometry,), folder, clock, what=what)
    return matrix_of(prints[geometry])


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
