"""Which process a worker lives in, so that others on the same host can tell at once that it is gone (O4).

A process is named by the boot of its kernel, its pid namespace, its pid and its start time: a reused pid has another
start time, another container another namespace. Where any of these can't be read, nothing is concluded.
"""

import os
from pathlib import Path

from msgspec import DecodeError, Struct, json


class Process(Struct, frozen=True, kw_only=True):
    """A process on some host, as text in a worker's lease."""

    boot: str
    namespace: str
    pid: int
    started: str


def this_process() -> str:
    """This process, for a lease; empty where the system doesn't tell."""
    try:
        process = Process(boot=_boot(), namespace=_namespace(), pid=os.getpid(), started=_started(os.getpid()))
    except OSError:
        return ""
    return json.encode(process).decode()


def is_here(process: str) -> bool:
    """Whether the process is, or was, on this host, and in this container."""
    return _known_here(process) is not None


def pid_of(process: str) -> int | None:
    """Its number, on whatever host; None where it isn't told."""
    try:
        return json.decode(process, type=Process).pid
    except DecodeError:
        return None


def is_gone(process: str) -> bool:
    """True only if the process was on this host and exists no more."""
    known = _known_here(process)
    if known is None:
        return False
    try:
        return _started(known.pid) != known.started
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _known_here(process: str) -> Process | None:
    try:
        known = json.decode(process, type=Process)
        return known if known.boot == _boot() and known.namespace == _namespace() else None
    except (DecodeError, OSError):
        return None


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _namespace() -> str:
    return os.readlink("/proc/self/ns/pid")


def _started(pid: int) -> str:
    """The start time in clock ticks since boot: field 22 of proc(5); the second may hold spaces and parentheses.
    A zombie counts as gone: it will never run again."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return "zombie" if fields[0] == "Z" else fields[19]
