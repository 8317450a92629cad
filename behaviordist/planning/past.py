"""Past transfers that the law is fitted on: nats, costs, which were late, kinds of sources.

A run of a study of the law holds all of it; a run of `behaviordist transfer` holds the costs, and
`behaviordist distance --geometry kl` measures the nats that belong to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from behaviordist.errors import InputError
from behaviordist.store.tables import read_matrix

NATS = "divergences.csv"
COSTS = ("costs.csv", "censored.csv")
SOURCES = "sources.csv"
BASE = "A"


@dataclass(frozen=True)
class Past:
    """Tables of sources by targets, and what kind each source is."""

    folder: Path
    nats: pd.DataFrame
    costs: pd.DataFrame
    late: pd.DataFrame
    kind: pd.Series[str]
    fitted: pd.Series[bool] | None = None

    @property
    def algorithms(self) -> list[str]:
        """How its targets were reached."""
        return list(dict.fromkeys(str(t).split("-")[0] for t in self.costs))

    def of(self, algorithm: str) -> list[str]:
        """Return the targets of one algorithm."""
        return [str(t) for t in self.costs if str(t).split("-")[0] == algorithm]

    @property
    def units(self) -> dict[str, str]:
        """Targets of one function are one unit."""
        return {str(t): str(t).partition("-")[2] for t in self.costs}

    @property
    def coherent(self) -> list[str]:
        """Sources that the line is fitted on: those that the run says, else all coherent ones."""
        if self.fitted is not None:
            return [str(s) for s, its in self.fitted.items() if its]
        return [str(s) for s, k in self.kind.items() if k not in ("hard", "snapshot")]

    @property
    def base(self) -> str:
        """The first of its bases."""
        return next((str(s) for s, k in self.kind.items() if k == "base"), BASE)

    def place(self, name: str) -> str:
        """Return where a source lies in the folder, or the name of any other model."""
        places = [self.folder / folder / name for folder in ("checkpoints", "behaviors")]
        return next((str(place) for place in places if place.is_dir()), name)


def has_law(study: Path, nats: Path | None = None) -> bool:
    """Whether a folder, and nats beside it, hold what the law is fitted on."""
    rest = (study / NATS, study / SOURCES) if nats is None else (nats,)
    return all(place.is_file() for place in (*_costs(study), *rest))


def without_law(study: Path | None, nats: Path | None = None) -> InputError:
    """Return what to say where `has_law` says no."""
    if study is None:
        return InputError("the law is fitted on past transfers: give their folder (--study)")
    missing = next((place for place in _costs(study) if not place.is_file()), None)
    if missing is not None:
        return InputError(
            f"{missing}: no such file; the law is fitted on a finished `behaviordist transfer`, or"
            " on a finished run of study transfer or smollm2"
        )
    if nats is not None:
        return InputError(f"{nats}: no such file; --distances is a {NATS}")
    tuned = study / "behaviors"
    return InputError(
        f"{study} has costs and no nats: measure them (`behaviordist distance {tuned}/SOURCE..."
        f" --targets {tuned}/TARGET --targets ... --geometry kl --out OUT`), then add --distances"
        f" OUT/{NATS}"
    )


def _costs(study: Path) -> tuple[Path, Path]:
    return study / COSTS[0], study / COSTS[1]


def read_past(study: Path, given: Path | None = None) -> Past:
    """Read a folder; `given` is the file of the nats that it does not hold.

    Raises
    ------
    InputError
        For tables that cannot be read, or nats of none of the costs.
    """
    place = study / NATS if given is None else given
    nats, costs, late = (read_matrix(path) for path in (place, *_costs(study)))
    if given is None:
        try:
            sources = pd.read_csv(study / SOURCES, index_col=0)
            kind, fitted = sources["kind"], sources.get("fitted")
        except (OSError, ValueError, KeyError):
            raise InputError(f"{study / SOURCES}: no column 'kind'; run it again") from None
        return Past(study, nats.loc[costs.index, costs.columns], costs, late, kind, fitted)
    known = costs.dropna(axis=0, how="all").dropna(axis=1, how="all")
    rows, columns = (
        [label for label in its if label in other]
        for its, other in ((known.index, nats.index), (known.columns, nats.columns))
    )
    if not rows or not columns:
        raise InputError(
            f"{given}: no source and target of {study / COSTS[0]} in it; costs are of"
            f" {', '.join(map(str, known.index))} into {', '.join(map(str, known.columns))}"
        )
    kind = pd.Series({label: "base" if label == "base" else "source" for label in rows})
    of = (rows, columns)
    return Past(study, nats.loc[of], known.loc[of], late.loc[of], kind)
