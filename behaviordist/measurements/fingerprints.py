"""What `behaviordist fingerprint` does: measure models once, into a folder of files that travel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from behaviordist.behaviors import Behavior, short_labels
from behaviordist.behaviors.huggingface.kept import kept_open
from behaviordist.behaviors.states.files import FORMAT as STATES
from behaviordist.behaviors.states.files import save_states
from behaviordist.behaviors.states.recording import Recorded
from behaviordist.distance.atlas.folder import entries, grow
from behaviordist.distance.fingerprints.fingerprinting import fingerprint as of_behaviors
from behaviordist.distance.fingerprints.headers import about, file_name
from behaviordist.distance.fingerprints.texts import text_fingerprints
from behaviordist.errors import InputError
from behaviordist.innerproduct import Fingerprint, get_geometry
from behaviordist.innerproduct.fingerprint import COMPARED, Identity
from behaviordist.measurements.inputs import check_geometry, open_inputs
from behaviordist.probes import ProbeSet
from behaviordist.store import is_finished
from behaviordist.store.bars import Progress, told
from behaviordist.store.cluster import workers
from behaviordist.store.folders import check_folder
from behaviordist.store.spread import spread


def fingerprint(
    models: Sequence[Behavior | str],
    out: Path | str,
    probes: ProbeSet | str | None = None,
    geometry: str = "hellinger",
    *,
    states: str | None = None,
    labels: Sequence[str] = (),
    licence: str = "",
    probes_limit: int | None = None,
    device: str | None = None,
    sketch: float | str | None = "auto",
    dtype: str = "float32",
    backend: str | None = None,
    jobs: int | None = None,
    progress: Progress | bool | None = None,
) -> list[Fingerprint]:
    """Measure behaviors once, into files that stand for them wherever a model is named.

    Called again it computes nothing that is there. In the folder, the distances of each kind grow
    by a row a new behavior; cells that are there stay as they are.

    Parameters
    ----------
    models
        N behaviors, or what `load` opens; of any vocabularies.
    out
        The atlas: a folder of files, ``NAME-GEOMETRY-DIGEST.safetensors``, and ``matrices``.
    probes, probes_limit
        As in `write_distances`; default the atlas's own set, if it has one.
    geometry
        Of the features: all but ``samples``, whose answers have none. ``fisher`` is taken around
        the uniform distribution, which no other model decides.
    states
        Keep the hidden states of the same pass too, as ``"float16"``, ``"bfloat16"`` or
        ``"float32"``: a file that stands for the model in everything that asks for next-token
        distributions. None: features alone. Vocabularies up to 1,024 are kept as log-probabilities.
    labels
        What matrices call the behaviors, N; default their names.
    licence
        What the files say they may be used under. They hold the texts of the probes.
    device, sketch
        As in `write_distances`.
    dtype
        ``"float32"`` or ``"float16"``, in which features are kept.
    backend, jobs
        Measure each model in a process of its own, as a job of ``"loky"``, ``"ray"`` or ``"dask"``
        (`store.cluster.workers`), so many at a time. None and None: one after another, here.
    progress
        Called with (label, probes done, probes in all); True shows a bar a behavior.

    Returns
    -------
    N fingerprints, in the order of `models`.

    Raises
    ------
    InputError
        If something cannot be opened or measured, or a label stands for another behavior already.

    Examples
    --------
    >>> import numpy as np, tempfile, behaviordist as bd
    >>> from behaviordist.behaviors import ArrayBehavior
    >>> probes = bd.ProbeSet("two", tuple(bd.Probe(f"p{i}", "x", "y") for i in range(2)))
    >>> fair = ArrayBehavior("fair", [0, 1], np.log([[0.5, 0.5]] * 2))
    >>> biased = ArrayBehavior("biased", [0, 1], np.log([[0.9, 0.1]] * 2))
    >>> atlas = tempfile.TemporaryDirectory()
    >>> _ = bd.fingerprint([fair], atlas.name, probes)
    >>> _ = bd.fingerprint([biased], atlas.name)  # on the same probes
    >>> round(float(bd.distances([atlas.name], probes).distances[0, 1]), 2)
    0.46
    >>> atlas.cleanup()
    """
    out, progress = Path(out), told(progress)
    if labels and len(labels) != len(models):
        raise InputError(f"{len(labels)} labels for {len(models)} models: give one a model")
    if get_geometry(geometry).unit == "answers":
        raise InputError(f"the {geometry} geometry takes sampled answers: it has no fingerprint")
    check_folder(out)
    wanted = _own(out) if probes is None else probes
    if backend is not None or jobs is not None:
        with workers(backend, jobs, gpus=True) as at_once:
            tasks = list(zip(models, list(labels) or _labels(models), strict=True))
            _, chosen = open_inputs(models[:1], wanted, probes_limit, device=device)
            work = partial(
                _measure_one, out=out, probes=chosen, geometry=geometry, states=states,
                licence=licence, device=device, sketch=sketch, dtype=dtype,
            )  # fmt: skip
            return _spread(work, tasks, out, at_once, len(chosen), progress)
    behaviors, chosen = open_inputs(
        models, wanted, probes_limit, one_vocabulary=False, device=device
    )
    made = _measure(
        behaviors, chosen, out, geometry, states, labels, licence, sketch, dtype, progress
    )
    grow(out)
    return made


def _measure(
    behaviors: list[Behavior],
    chosen: ProbeSet,
    out: Path,
    geometry: str,
    states: str | None,
    labels: Sequence[str],
    licence: str,
    sketch: float | str | None,
    dtype: str,
    progress: Progress | None,
) -> list[Fingerprint]:
    """Measure what is not there; matrices stay as they are."""
    chosen_geometry = get_geometry(geometry)
    if labels:
        behaviors = [_called(b, label) for b, label in zip(behaviors, labels, strict=True)]
    check_geometry(geometry, behaviors)
    _check_labels(behaviors, chosen, out)
    if progress is not None:
        for behavior in behaviors:
            progress(behavior.label, 0, len(chosen))
    options: dict[str, Any] = {"folder": out, "licence": licence, "progress": progress}
    made: dict[str, Fingerprint] = {}
    to_keep = [] if states is None else _to_keep(behaviors, chosen, out, states, licence)
    recorded: dict[str, Any] = {one.label: one for _, one, _ in to_keep}
    behaviors = [recorded.get(b.label, b) for b in behaviors]
    with kept_open():
        if chosen_geometry.unit == "text":
            made |= {f.label: f for f in text_fingerprints(behaviors, chosen, **options)}
        else:
            options |= {"sketch": sketch, "dtype": dtype, "reference": "uniform"}
            for several in _by_vocabulary(behaviors):
                prints = of_behaviors(several, chosen, (geometry,), **options)[geometry]
                made |= {f.label: f for f in prints}
        for path, one, inputs in to_keep:
            if not one.done:  # its features were there
                for _ in one.forward(chosen):
                    pass
            save_states(path, one, chosen, about(one.behavior, chosen, licence), inputs)
    return [made[behavior.label] for behavior in behaviors]


def _measure_one(
    task: tuple[Behavior | str, str],
    *,
    out: Path,
    probes: ProbeSet,
    device: str | None,
    **options: Any,
) -> Identity:
    """Measure one model under a label, in whatever process this is; return what was measured."""
    model, label = task
    behaviors, chosen = open_inputs([model], probes, device=device)
    (made,) = _measure(behaviors, chosen, out, labels=[label], progress=None, **options)
    return made.identity


def _spread(
    work: Callable[[tuple[Behavior | str, str]], Identity],
    tasks: list[tuple[Behavior | str, str]],
    out: Path,
    processes: int,
    probes: int,
    progress: Progress | None,
) -> list[Fingerprint]:
    """Measure a model a job; what was there costs its opening alone."""
    tell = (lambda *_: None) if progress is None else progress
    for _, label in tasks:
        tell(label, 0, probes)
    measured = spread(work, tasks, processes, lambda k: tell(tasks[k][1], probes, probes), out)
    grow(out)
    places = {(e.label, *e.kind[:-1]): e.path for e in entries(out)}
    return [Fingerprint.load(places[_key(identity)]) for identity in measured]


def _key(identity: Identity) -> tuple[str, ...]:
    return (identity.label, *(getattr(identity, name) for name in COMPARED))


def _to_keep(
    behaviors: Sequence[Behavior], probes: ProbeSet, out: Path, dtype: str, licence: str
) -> list[tuple[Path, Recorded, dict[str, str]]]:
    """Return path, behavior to record and inputs of every file of states that is not there."""
    missing = []
    for behavior in behaviors:
        inputs = {"format": STATES, "behavior": behavior.identity, "dtype": dtype}
        inputs |= {"probe_digest": probes.digest, "licence": licence}
        path = out / file_name(behavior.label, "states", inputs)
        one = Recorded(behavior, dtype)
        if not is_finished(path, inputs):
            missing.append((path, one, inputs))
    return missing


def _own(out: Path) -> ProbeSet | None:
    """Return the probe set of an atlas, None if it has none.

    Raises
    ------
    InputError
        If it has several.
    """
    known = {entry.probe_digest: entry for entry in (entries(out) if out.is_dir() else ())}
    if len(known) > 1:
        names = ", ".join(sorted(entry.texts.get("probe_set", "") for entry in known.values()))
        raise InputError(f"{out} has fingerprints on {len(known)} probe sets ({names}): --probes")
    if not known:
        return None
    from behaviordist.distance.fingerprints.without_models import of_files

    (one,) = known.values()
    return getattr(of_files([one.path], one.path, None)[0], "carried", None)


def _labels(models: Sequence[Behavior | str]) -> list[str]:
    specs = [model for model in models if isinstance(model, str)]
    short = iter(short_labels(specs))
    return [next(short) if isinstance(model, str) else model.label for model in models]


def _called(behavior: Behavior, label: str) -> Behavior:
    renamed: Any = replace(behavior, label=label)  # type: ignore[type-var]
    return renamed  # type: ignore[no-any-return]


def _check_labels(behaviors: Sequence[Behavior], probes: ProbeSet, out: Path) -> None:
    """Refuse a label that stands for another behavior, here or in the atlas."""
    labels = [behavior.label for behavior in behaviors]
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"two behaviors are called '{label}'; give every one its --label")
    for entry in entries(out) if out.is_dir() else ():
        for behavior in behaviors:
            same = entry.label == behavior.label and entry.probe_digest == probes.digest
            if same and entry.behavior != behavior.identity:
                raise InputError(
                    f"{out} has another behavior called '{behavior.label}' ({entry.path.name}):"
                    " give this one a --label of its own, or another --out"
                )


def _by_vocabulary(behaviors: Sequence[Behavior]) -> list[list[Behavior]]:
    """Return behaviors that share their tokens together: what is measured depends on no other."""
    groups: dict[tuple[str, int], list[Behavior]] = {}
    for behavior in behaviors:
        key = (behavior.vocabulary, behavior.vocabulary_size)
        groups.setdefault(key, []).append(behavior)
    return list(groups.values())
