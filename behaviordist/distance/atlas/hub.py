"""Atlases on a hub: pushed whole, and pulled only if every byte is what was pushed."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from behaviordist.behaviors.states.files import FORMAT as STATES
from behaviordist.behaviors.states.files import HEAD, HEADS
from behaviordist.distance.atlas.folder import entries, listed
from behaviordist.errors import InputError
from behaviordist.innerproduct.fingerprint import FORMAT
from behaviordist.store import file_digest, write_json
from behaviordist.store.folders import check_folder, exclusive
from behaviordist.store.sealed import kinds_in, read_sealed, sealed_kind

CONTENTS = "atlas.json"
"""The file that says what an atlas on a hub holds: name -> sha256."""
NAME = re.compile(rf"({HEADS}/)?[A-Za-z0-9_][A-Za-z0-9._-]*\.safetensors(\.manifest\.json)?")
REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*")


def push(atlas: Path, repository: str, private: bool = False) -> str:
    """Put the fingerprints of an atlas on a hub, as one commit to a data set's repository.

    Parameters
    ----------
    atlas
        The folder. Whoever reads the repository reads the texts of the probes.
    repository
        ``OWNER/NAME``; made if it is not there.
    private
        Make it private, where it is made.

    Returns
    -------
    Digest of the commit.

    Raises
    ------
    InputError
        If a file is not whole, or the hub refuses. The token is that of ``HF_TOKEN``.
    """
    _check(repository)
    listed(atlas)
    files = [*kinds_in(atlas, (FORMAT, STATES)), *kinds_in(atlas / HEADS, (HEAD,))]
    if not files:
        raise InputError(
            f"{atlas} holds no fingerprints; make some with `behaviordist fingerprint`"
        )
    for path in files:
        read_sealed(path, sealed_kind(path), "fingerprint")
    besides = [path.with_name(f"{path.name}.manifest.json") for path in files]
    kept = [*files, *(path for path in besides if path.is_file())]
    digests = {path.relative_to(atlas).as_posix(): file_digest(path) for path in kept}
    with tempfile.TemporaryDirectory() as place, _answered(f"push to {repository}") as api:
        from huggingface_hub import CommitOperationAdd

        write_json(Path(place) / CONTENTS, {"schema": 1, "files": digests})
        adds = [CommitOperationAdd(name, str(atlas / name)) for name in digests]
        adds.append(CommitOperationAdd(CONTENTS, str(Path(place) / CONTENTS)))
        api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        made = api.create_commit(
            repository, adds, commit_message=f"{len(files)} fingerprints", repo_type="dataset"
        )
    return str(made.oid)


def pull(repository: str, out: Path, revision: str | None = None) -> int:
    """Bring the fingerprints of a hub's repository into an atlas, all of them or none.

    Parameters
    ----------
    repository
        ``OWNER/NAME``, as `push` made it.
    out
        The atlas; it may hold others already.
    revision
        A branch, tag or commit; default the newest.

    Returns
    -------
    How many files of fingerprints were new.

    Raises
    ------
    InputError
        If the hub does not give it, a file is missing or not what was pushed, or a label stands for
        another behavior here. Then nothing is written.
    """
    _check(repository)
    check_folder(out)
    with exclusive(out, wait=True), _beside(out) as place:
        with _answered(f"pull of {repository}") as api:
            commit = api.repo_info(repository, repo_type="dataset", revision=revision).sha
            told = _contents(_download(api, repository, commit, CONTENTS, place), repository)
            for name in told:
                _download(api, repository, commit, name, place)
        for name, digest in told.items():
            if file_digest(place / name) != digest:
                raise InputError(
                    f"{repository}: {name} is not what was pushed: altered, or uploaded in part;"
                    " ask for it to be pushed again"
                )
            if name.endswith(".safetensors"):
                kinds = (HEAD,) if name.startswith(HEADS) else (FORMAT, STATES)
                kind = sealed_kind(place / name)
                read_sealed(place / name, kind if kind in kinds else kinds[0], "fingerprint")
        _check_labels(place, out)
        return _moved(place, out, list(told))


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Yield a folder on the same disk, which the next run clears if this one is killed."""
    with tempfile.TemporaryDirectory(prefix=".pull-", suffix=".tmp", dir=out) as place:
        yield Path(place)


def _moved(place: Path, out: Path, names: list[str]) -> int:
    """Move files to their places, those that others need first; return how many were not there."""
    new = 0
    for name in sorted(names, key=lambda n: (not n.startswith(HEADS), n.endswith(".safetensors"))):
        to = out / name
        new += name.endswith(".safetensors") and not name.startswith(HEADS) and not to.exists()
        to.parent.mkdir(exist_ok=True)
        os.replace(place / name, to)
    return new


def _check(repository: str) -> None:
    if not REPOSITORY.fullmatch(repository):
        raise InputError(f"'{repository}' is no repository of a hub: give OWNER/NAME")


def _download(api: Any, repository: str, commit: str, name: str, place: Path) -> Path:
    return Path(
        api.hf_hub_download(repository, name, repo_type="dataset", revision=commit, local_dir=place)
    )


def _contents(path: Path, repository: str) -> dict[str, str]:
    """Return name -> sha256 of what a repository holds; no name leads out of the folder."""
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        if not files or not all(NAME.fullmatch(n) and isinstance(files[n], str) for n in files):
            raise ValueError
        return dict(files)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"{repository}: its {CONTENTS} is damaged; ask for it to be pushed again"
        ) from None


def _check_labels(place: Path, out: Path) -> None:
    """Refuse a label that stands for another behavior in the atlas."""
    here = {(e.label, *e.kind): e for e in entries(out)}
    for entry in entries(place):
        other = here.get((entry.label, *entry.kind))
        if other is not None and other.behavior != entry.behavior:
            raise InputError(
                f"{out} has another behavior called '{entry.label}' ({other.path.name}): pull into"
                " another --out"
            )


@contextmanager
def _answered(what: str) -> Iterator[Any]:
    """Yield the hub's client; whatever it says becomes one line, without the token."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    token = os.environ.get("HF_TOKEN", "").strip()
    try:
        disable_progress_bars()
        # False: no token that a login left in a file.
        yield HfApi(token=token or False, library_name="behaviordist")
    except InputError:
        raise
    except Exception as error:  # the client raises a dozen kinds, network errors among them
        said = " ".join(str(error).split())
        said = (said.replace(token, "...") if token else said)[:160]
        if type(error).__name__ == "RemoteEntryNotFoundError":
            raise InputError(
                f"{what} failed: what was pushed is not there whole ({said}); ask for it to be"
                " pushed again"
            ) from None
        code = getattr(getattr(error, "response", None), "status_code", None)
        known = {401: "set HF_TOKEN", 403: "HF_TOKEN may not do that", 404: "no such repository"}
        remedy = known.get(code or 0, "check the name, the network and HF_TOKEN")
        raise InputError(f"{what} failed: {remedy} ({type(error).__name__}: {said})") from None
