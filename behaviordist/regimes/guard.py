"""Runs a model's code and then its tests in a process of its own: a script of `verifiers`.

It stands alone: it is run by path in an isolated interpreter and imports the standard library only.
The secret that says "the tests ran to their end" lives in one frame, and the ways to a frame that
Python has (tracing, `gc`, tracebacks, signal handlers) are refused while foreign code runs. Limits
are the kernel's; files, processes, signals and sockets are refused by seccomp and Landlock where
the system has them, and by an audit hook, which code cannot remove, everywhere.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import importlib
import json
import os
import platform
import struct
import sys
import types
from typing import Any, NoReturn

REFUSED = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
    "os.kill", "signal.pthread_kill", "ctypes.", "pty.", "os.putenv", "shutil.", "os.remove",
    "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "os.link",
    "os.symlink", "os.utime", "os.setxattr", "fcntl.", "sys._getframe", "sys._current_",
    "sys.settrace", "sys.setprofile", "sys.monitoring", "gc.get_", "cpython._PySys_ClearAuditHooks",
)  # fmt: skip
UNSEEN = {
    "_posixsubprocess": ("fork_exec",),
    "_signal": ("signal", "setitimer", "pidfd_send_signal"),
}
"""Functions that no audit hook is told of."""
FRAMES = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# Numbers of system calls: refused as a whole, and those of which only some uses are.
SYSTEM_CALLS = {
    "x86_64": {
        "arch": 0xC000003E, "clone": 56, "clone3": 435, "open": 2, "openat": 257, "openat2": 437,
        "refused": (
            41, 57, 58, 59, 62, 76, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 94, 101, 129, 132,
            133, 155, 161, 165, 166, 188, 189, 190, 197, 198, 199, 200, 234, 235, 250, 258, 259,
            260, 261, 263, 264, 265, 266, 268, 272, 280, 297, 298, 304, 308, 310, 311, 316, 321,
            322, 323, 424, 425, 434, 452,
        ),
    },
    "aarch64": {
        "arch": 0xC00000B7, "clone": 220, "clone3": 435, "open": None, "openat": 56, "openat2": 437,
        "refused": (
            5, 6, 7, 14, 15, 16, 33, 34, 35, 36, 37, 38, 39, 40, 41, 45, 51, 52, 53, 54, 55, 88, 97,
            117, 129, 130, 131, 138, 198, 219, 221, 240, 241, 265, 268, 270, 271, 276, 280, 281,
            282, 424, 425, 434, 452,
        ),
    },
}  # fmt: skip


class Refused(PermissionError, ValueError, RuntimeError):
    """What foreign code may not do; libraries that only try (`namedtuple`, `logging`) go on."""


def limit(seconds: int, memory: int, output: int) -> None:
    """Set the kernel's limits: processor time, address space, size of files, open files."""
    import resource

    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: output,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
    }
    for what, value in limits.items():
        hard = resource.getrlimit(what)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (value, value))


def confine() -> None:
    """Give up, for good, what the kernel can take: see `landlock` and `seccomp`."""
    system = ctypes.CDLL(None, use_errno=True)
    system.prctl(38, 1, 0, 0, 0)  # no new privileges: both need it
    with contextlib.suppress(OSError, AttributeError):
        landlock(system)
    calls = SYSTEM_CALLS.get(platform.machine())
    if calls is not None and sys.platform == "linux":
        seccomp(system, calls)


def landlock(system: Any) -> None:
    """Allow reading below Python's and the system's folders, and nothing else with files."""
    every, reading = (1 << 13) - 1, 0b1101  # execute, read a file, read a folder
    version = system.syscall(444, None, 0, 1)
    if version < 1:
        return
    handled = ctypes.create_string_buffer(struct.pack("=Q", every))
    ruleset = system.syscall(444, handled, 8, 0)
    roots = {sys.prefix, sys.base_prefix, os.getcwd(), "/usr", "/lib", "/lib64", "/etc"}
    for root in filter(os.path.isdir, roots):
        folder = os.open(root, os.O_PATH)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", reading, folder))
        system.syscall(445, ruleset, 1, rule, 0)
        os.close(folder)
    system.syscall(446, ruleset, 0)
    os.close(ruleset)


def seccomp(system: Any, calls: Any) -> None:
    """Refuse system calls that change files, start processes, send signals or open sockets."""
    deny, missing, allow = 0x00050000 | 1, 0x00050000 | 38, 0x7FFF0000
    load, equal, above, bits, give = 0x20, 0x15, 0x35, 0x45, 0x06
    program = [(load, 0, 0, 4), (equal, 1, 0, calls["arch"]), (give, 0, 0, deny), (load, 0, 0, 0)]
    program += [(above, 0, 1, 0x40000000), (give, 0, 0, deny)]  # another numbering of calls
    for number in calls["refused"]:
        program += [(equal, 0, 1, number), (give, 0, 0, deny)]
    for number in (calls["clone3"], calls["openat2"]):  # libraries fall back to the older ones
        program += [(equal, 0, 1, number), (give, 0, 0, missing)]
    for number, argument in ((calls["open"], 1), (calls["openat"], 2)):
        if number is not None:
            program += [(equal, 0, 4, number), (load, 0, 0, 16 + 8 * argument)]
            program += [(bits, 0, 1, WRITING), (give, 0, 0, deny), (give, 0, 0, allow)]
    thread = 0x00010000
    program += [(equal, 0, 3, calls["clone"]), (load, 0, 0, 16), (bits, 1, 0, thread)]
    program += [(give, 0, 0, deny), (give, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    filter_ = struct.pack("@HP", len(program), ctypes.addressof(code))
    system.prctl(22, 2, ctypes.create_string_buffer(filter_), 0, 0)


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse, as an audit hook, what must not be done."""
    if event == "open":
        path, mode, flags = arguments
        writes = bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool(flags & WRITING)
        if writes:
            raise Refused("not allowed: writing files")
        if isinstance(path, str | bytes) and os.fsdecode(path).startswith(("/proc", "/sys")):
            raise Refused("not allowed: looking at processes")
    elif event.startswith(REFUSED) or (event == "object.__getattr__" and arguments[1] in FRAMES):
        raise Refused(f"not allowed: {event}")


def refuse(*_: Any, **__: Any) -> NoReturn:
    """Stand in the place of functions that no audit hook sees."""
    raise Refused("not allowed")


def main(channel: int, seconds: int, memory: int, output: int) -> None:
    """Run answer and tests, as standard input gives them; write the secret if all went well."""
    execute, write, leave = exec, os.write, os._exit  # whatever the answer makes of their names
    with os.fdopen(0, "rb") as stream:
        given = json.loads(stream.read())
    os.open(os.devnull, os.O_RDONLY)  # standard input again: there is nothing to be read
    secret, answer, tests = given["secret"].encode(), given["answer"], given["tests"]
    limit(seconds, memory, output)
    confine()
    for name, functions in UNSEEN.items():
        for function in functions:
            setattr(importlib.import_module(name), function, refuse)
    for name in ("ctypes", "_ctypes", "resource"):
        sys.modules.pop(name, None)
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    names, pristine = vars(module), dict(vars(builtins))
    given.clear()
    sys.argv[1:] = []
    sys.addaudithook(watch)
    try:
        names["__name__"] = "answer"  # a script's own `main` is not what is tested
        execute(compile(answer, "answer", "exec"), names)
        names.update(__name__="__main__", __builtins__=pristine)
        execute(compile(tests, "tests", "exec"), names)
    except BaseException:  # quitting is no passing
        leave(1)
    write(channel, secret)
    leave(0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
