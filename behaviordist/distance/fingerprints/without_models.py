"""Behaviors whose model is not here: fingerprint files and folders of them.

What a fingerprint cannot give (log-probabilities, answers) is refused in one line when it is asked
for; what it can is the same as from the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from behaviordist.behaviors import Behavior, InferenceSettings, LogProbBlock, load_all
from behaviordist.behaviors.settings import parse_spec
from behaviordist.behaviors.states.behavior import StatesBehavior
from behaviordist.behaviors.states.files import FORMAT as STATES
from behaviordist.behaviors.states.files import is_states, load_states
from behaviordist.distance.fingerprints.headers import notes_in, probes_from_bytes
from behaviordist.errors import InputError
from behaviordist.innerproduct.fingerprint import FORMAT, Fingerprint
from behaviordist.probes import ProbeSet
from behaviordist.store.sealed import kinds_in, sealed_header, sealed_kind

CHECKPOINT = ("config.json", "adapter_config.json")


@dataclass(frozen=True, eq=False)
class FingerprintedBehavior:
    """A behavior known by its fingerprints alone.

    Parameters
    ----------
    label
        What matrices call it.
    prints
        Geometry -> its fingerprint, all on one probe set.
    path
        Where they lie, for messages.
    """

    label: str
    prints: dict[str, Fingerprint]
    path: Path

    @property
    def _any(self) -> Fingerprint:
        return next(iter(self.prints.values()))

    @property
    def settings(self) -> InferenceSettings:
        """Those it was run with."""
        text = self._any.about.get("settings", "")
        return parse_spec(f"model@{text}")[1] if text else InferenceSettings()

    @property
    def identity(self) -> str:
        """That of the behavior."""
        return self._any.identity.behavior

    forward_key = identity

    @property
    def vocabulary(self) -> str:
        """That of the behavior; empty where only geometries of bytes and texts are known."""
        known = (made.identity.vocabulary for made in self.prints.values())
        return next(filter(None, known), "")

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return int(self._any.about.get("vocabulary_size", "0"))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the behavior said of itself, and that it was not run."""
        return (*notes_in(dict(self._any.about)), "read from a fingerprint; the model was not run")

    @property
    def carried(self) -> ProbeSet | None:
        """The probe set in the file, if there is one."""
        first = self._any
        name = first.about.get("probe_set", "") or self.path.stem
        return probes_from_bytes(first.probes, name, first.identity.probe_digest, str(self.path))

    def check(self, probes: ProbeSet) -> None:
        """Refuse probes that it was not measured on."""
        mine = self._any.identity.probe_digest
        if mine != probes.digest:
            on = self._any.about.get("probe_set", "") or "others"
            raise InputError(
                f"'{self.label}' ({self.path}) was measured on other probes ('{on}', {mine[:12]})"
                f" than '{probes.name}' ({probes.digest[:12]}): leave out --probes, or make its"
                " fingerprint again on these"
            )

    def fingerprint_in(self, geometry: str) -> Fingerprint:
        """Return its fingerprint in a geometry.

        Raises
        ------
        InputError
            If there is none.
        """
        if geometry not in self.prints:
            self._refuse(f"and has no features in the {geometry} geometry")
        known = self.prints[geometry]
        return replace(known, identity=replace(known.identity, label=self.label))

    def boundaries(self, probes: ProbeSet) -> list[list[int]]:
        """Return the byte of every continuation at which each scored token begins."""
        made = self.fingerprint_in("next-byte")
        return [made.starts[made.probe == k].tolist() for k in range(len(probes))]

    def first_bytes(self) -> NoReturn:
        """Refuse: tokens are not known."""
        self._refuse("and knows no tokens")

    def token_text(self, token: int) -> str:
        """Return the token's number: features know no texts."""
        return f"#{token}"

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Refuse: there are no log-probabilities."""
        del probes
        self._refuse("and has no log-probabilities")

    def log_probs(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Refuse: there are no log-probabilities."""
        return self.forward(probes)

    def _refuse(self, what: str) -> NoReturn:
        known = ", ".join(self.prints)
        raise InputError(
            f"'{self.label}' ({self.path}) is a fingerprint ({known}) {what}: name the model, or"
            " make its fingerprint with that"
        )


def open_behaviors(
    models: Sequence[Behavior | str], device: str | None = None, probes: ProbeSet | None = None
) -> list[Behavior]:
    """Open what is named: models, fingerprint files, folders of these; behaviors stay as they are.

    Parameters
    ----------
    models
        Behaviors, or what `load` opens, or fingerprint files or folders.
    device
        As in `load`.
    probes
        Of a folder, the fingerprints on these are taken; needed where it has several sets.

    Raises
    ------
    InputError
        If one cannot be opened, or a fingerprint is named twice.
    """
    opened = [
        [model] if not isinstance(model, str) else (_kept(model, probes) or model)
        for model in models
    ]
    specs = [one for one in opened if isinstance(one, str)]
    loaded = iter(load_all(specs, device) if specs else [])
    behaviors = [b for one in opened for b in ([next(loaded)] if isinstance(one, str) else one)]
    return _told_apart(behaviors)


def _told_apart(behaviors: list[Behavior]) -> list[Behavior]:
    """Put the folder before the labels of fingerprints that others have too."""
    labels = [behavior.label for behavior in behaviors]
    told: list[Behavior] = []
    for behavior in behaviors:
        if (
            isinstance(behavior, FingerprintedBehavior | StatesBehavior)
            and labels.count(behavior.label) > 1
        ):
            folder = behavior.path if behavior.path.is_dir() else behavior.path.parent
            behavior = replace(behavior, label=f"{folder.resolve().name}/{behavior.label}")
            if any(behavior.label == other.label for other in told):
                raise InputError(f"'{behavior.label}' is named twice; name every behavior once")
        told.append(behavior)
    return told


def _kept(spec: str, probes: ProbeSet | None) -> list[Behavior]:
    """Return the behaviors of a fingerprint file or a folder of them; none: it is a model."""
    name, _, settings = spec.partition("@")
    try:
        path = Path(name).expanduser()
        is_file, is_folder = path.is_file(), path.is_dir()
    except (RuntimeError, OSError, ValueError):
        return []  # `load` says what is wrong with it
    if is_file and is_states(path):
        return [load_states(path, parse_spec(spec)[1])]
    if is_file and sealed_kind(path).startswith(FORMAT.rpartition("-")[0]):
        files = [path]
    elif is_folder and not any((path / known).exists() for known in CHECKPOINT):
        files = kinds_in(path, (FORMAT, STATES))
    else:
        return []
    if settings and files:
        raise InputError(
            f"{path}: a fingerprint is of the settings it was made with; make one of"
            f" MODEL@{settings}"
        )
    return of_files(files, path, probes if is_folder else None)


def of_files(files: Sequence[Path], where: Path, probes: ProbeSet | None) -> list[Behavior]:
    """Return the behaviors of fingerprint files, by label; hidden states go before features.

    Raises
    ------
    InputError
        If a file is not whole, none or several probe sets are there, or a label means two things.
    """
    headers = {path: sealed_header(path)[0] for path in files}
    sets = {texts.get("probe_digest"): texts.get("probe_set", "") for texts in headers.values()}
    wanted = next(iter(sets), None) if probes is None else probes.digest
    names = ", ".join(sorted(set(sets.values())))
    if files and wanted not in sets:
        raise InputError(f"{where} has no fingerprints on '{probes and probes.name}', only {names}")
    if probes is None and len(sets) > 1:
        raise InputError(f"{where} has fingerprints on {len(sets)} probe sets ({names}): --probes")
    chosen = [path for path in files if headers[path].get("probe_digest") == wanted]
    whole = [load_states(path) for path in chosen if is_states(path)]
    known: dict[str, Behavior] = {}
    for behavior in whole:
        if behavior.label in known:
            raise InputError(
                f"{where} has two of '{behavior.label}' (states): name one of the files"
            )
        known[behavior.label] = behavior
    for path in chosen:
        if is_states(path) or headers[path].get("label") in {b.label for b in whole}:
            continue
        made = Fingerprint.load(path)
        place, geometry = where if len(files) > 1 else path, made.identity.geometry
        one = known.setdefault(made.label, FingerprintedBehavior(made.label, {}, place))
        assert isinstance(one, FingerprintedBehavior)  # states have labels of their own
        if geometry in one.prints or (one.prints and one.identity != made.identity.behavior):
            raise InputError(
                f"{where} has two fingerprints of '{made.label}' ({geometry}): name one of the"
                " files"
            )
        one.prints[geometry] = made
    return [known[label] for label in sorted(known)]
