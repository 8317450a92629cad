"""The guard's table of system calls against the kernel's own headers, for both processors."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from behaviordist.regimes import verifiers

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),  # what 64-bit ARM takes its numbers from
}
OLDER = {  # calls that x86-64 alone has, each with the one that took its place
    "chmod": "fchmodat", "chown": "fchownat", "lchown": "fchownat", "creat": "openat",
    "fork": "clone", "vfork": "clone", "link": "linkat", "mkdir": "mkdirat", "mknod": "mknodat",
    "rename": "renameat", "rmdir": "unlinkat", "symlink": "symlinkat", "unlink": "unlinkat",
    "utime": "utimensat", "utimes": "utimensat", "futimesat": "utimensat",
}  # fmt: skip


def names_of(header):
    """Return the call of every number."""
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\n", header.read_text())
    return {int(number): name for name, number in found}


@pytest.mark.skipif(
    not all(header.exists() for header in HEADERS.values()),
    reason="the kernel's headers of x86-64 are not installed",
)
def test_both_processors_refuse_the_same_calls():
    calls = runpy.run_path(str(verifiers.GUARD))["SYSTEM_CALLS"]
    refused = {}
    for machine, header in HEADERS.items():
        names = names_of(header)
        # A kernel's headers may be older than the newest call: its number is one everywhere.
        names.setdefault(452, "fchmodat2")
        for name in ("clone", "clone3", "openat", "openat2"):
            assert names[calls[machine][name]] == name
        refused[machine] = {names[number] for number in calls[machine]["refused"]}
        assert len(refused[machine]) == len(calls[machine]["refused"])
    assert refused["x86_64"] - refused["aarch64"] == set(OLDER)
    assert not refused["aarch64"] - refused["x86_64"]
    modern = refused["aarch64"] | {"openat", "clone"}  # of these two only some uses are refused
    assert set(OLDER.values()) <= modern
    for family in ("setxattr", "removexattr"):
        assert {family, f"l{family}", f"f{family}"} <= modern
    assert {"socket", "execve", "kill", "ptrace", "unshare", "truncate", "bpf"} <= modern
