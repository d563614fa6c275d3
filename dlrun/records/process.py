"""Which process: a name for this one that no other has, and whether the one of a name is still there."""

from __future__ import annotations

import os
from pathlib import Path


def this_process() -> str:
    """Name this process: its system and when it started there; empty where the system does not tell."""
    system = _system()
    return f"{system} {_start(os.getpid())}" if system else ""


def is_there(name: str, pid: int) -> bool | None:
    """Tell whether a process is still there.

    Args:
        name: What `this_process` returned in it.
        pid: Its number.

    Returns:
        None if it belongs to another machine, container or start of this machine, of which nothing is known here.
    """
    system, _, start = name.rpartition(" ")
    if not system or system != _system():
        return None
    return _start(pid) == start


def _system() -> str:
    """Name the kernel's present run and its set of process numbers, or nothing where /proc does not tell them.

    A host name would not do: containers may share one and still count their processes apart.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - the link names no path
    except (OSError, ValueError):
        return ""


def _start(pid: int) -> str:
    """Return when a process started, in clock ticks since boot; empty if there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    after_name = stat[stat.rfind(b")") + 1 :].split()
    return "" if after_name[0] in {b"Z", b"X"} else after_name[19].decode()
