"""How a run was made: command, versions, commit, machine, digests, times."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from behaviordist.record.estimate import Part
from behaviordist.store.numbers import Number

LIBRARIES = ("behaviordist", "torch", "jax", "transformers", "tokenizers", "numpy")
# From the widest down; what a compiler such as XLA picks by itself.
INSTRUCTION_SETS = ("avx512f", "avx2", "avx", "sse4_2", "sve", "asimd")


class Cpu(Part):
    """The processor that numbers were made on; another may give others.

    Attributes
    ----------
    model
        As the system names it; empty where it does not say.
    instruction_set
        The widest of its vector instruction sets.
    max_isa
        What ``--xla_cpu_max_isa`` in ``XLA_FLAGS`` limited the lab's compiler to, if it did.
    """

    model: str = ""
    instruction_set: str = ""
    max_isa: str = ""

    def __str__(self) -> str:
        limit = f"limited to {self.max_isa}" if self.max_isa else ""
        known = [part for part in (self.model, self.instruction_set.upper(), limit) if part]
        return ", ".join(known) or "unknown"


class Provenance(Part):
    """How a run was made.

    Attributes
    ----------
    command
        Run again, it continues.
    seed, jobs
        Of all random draws; processes. None where there is none.
    versions
        Of Python and the libraries that numbers depend on.
    commit
        Of the package's source where it is run from a checkout; else empty.
    cpu
        None in records that do not keep it.
    digests
        sha256 of what was read: probes, the resolved study.
    times_s
        Seconds a stage took.
    """

    command: str = ""
    seed: int | None = None
    jobs: int | None = None
    versions: dict[str, str] = {}
    commit: str = ""
    cpu: Cpu | None = None
    digests: dict[str, str] = {}
    times_s: dict[str, Number] = {}


def library_versions(names: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Return the versions of Python and of those libraries that are installed."""
    versions = {"python": platform.python_version()}
    for name in names:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def this_cpu() -> Cpu:
    """Return the processor of this process."""
    limit = re.search(r"--xla_cpu_max_isa=(\w+)", os.environ.get("XLA_FLAGS", ""))
    model, flags = _processor()
    widest = next((name for name in INSTRUCTION_SETS if name in flags), "")
    return Cpu(
        model=model or platform.processor() or platform.machine(),
        instruction_set=widest,
        max_isa=limit[1] if limit else "",
    )


def _processor() -> tuple[str, set[str]]:
    """Return name and flags as Linux tells them; elsewhere nothing."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "", set()
    fields = dict(re.findall(r"^([\w ]+?)\s*:[ ]?(.*)$", text, re.MULTILINE))
    flags = fields.get("flags") or fields.get("Features") or ""
    return fields.get("model name", "").strip(), set(flags.split())


def this_commit() -> str:
    """Return the commit of the source that is running; empty outside a checkout."""
    source = Path(__file__).parents[2]
    if not (source / ".git").exists():
        return ""
    command = ["git", "-C", str(source), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def made_now(command: str, **more: Any) -> Provenance:
    """Return how this process makes its numbers; `more` as in `Provenance`."""
    return Provenance(
        command=command, versions=library_versions(), commit=this_commit(), cpu=this_cpu(), **more
    )
