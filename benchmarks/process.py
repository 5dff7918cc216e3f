"""What this process and the store's server have used: processor time and memory."""

import contextlib
import ctypes
import gc
import inspect
import os
import resource
import sys
from pathlib import Path


def cpu_s() -> float:
    """Processor time of all threads, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def tree_cpu_s(pid: int) -> float:
    """Processor time of another process and of its children, those that have ended included."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            after_name = (process / "stat").read_text().rpartition(")")[2].split()  # proc(5): state, parent, …
            if int(process.name) == pid:
                ticks += sum(map(int, after_name[11:15]))  # user, system, and both of children waited for
            elif int(after_name[1]) == pid:
                ticks += sum(map(int, after_name[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_bytes() -> int:
    """Resident memory, after what is free has been given back to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def live_blocks() -> int:
    """Pieces of memory that Python objects hold. What is resident beyond them was freed, and is kept for reuse."""
    gc.collect()
    return sys.getallocatedblocks()


def live_coroutines() -> int:
    """Coroutines in memory, those of tasks included."""
    return sum(1 for thing in gc.get_objects() if inspect.iscoroutine(thing))
