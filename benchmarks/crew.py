"""W9's worker processes: `python -m benchmarks.crew SYSTEM PLACE` is one of them. They end when their stdin is closed."""

import subprocess
import sys
from pathlib import Path
from typing import IO

from benchmarks.system import load

ROOT = Path(__file__).parent.parent
READY = "ready"


class Crew:
    """So many processes, each ready to work."""

    def __init__(self, system: str, place: str, size: int) -> None:
        self.size = size
        command = [sys.executable, "-m", "benchmarks.crew", system, place]
        self._members = [
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(size)
        ]
        self._wait()

    def tell(self, line: str) -> None:
        """Each is told the line, and does what it means by it. Returns when all have."""
        for member in self._members:
            stdin = _pipe(member.stdin)
            stdin.write(f"{line}\n")
            stdin.flush()
        self._wait()

    def close(self) -> None:
        for member in self._members:
            _pipe(member.stdin).close()
        for member in self._members:
            _pipe(member.stdout).close()
            member.wait()

    def _wait(self) -> None:
        for member in self._members:
            if _pipe(member.stdout).readline().strip() != READY:
                self.close()
                raise RuntimeError(f"a worker process ended with {member.returncode}")


def ready() -> None:
    """What a member says when it waits for the next line."""
    print(READY, flush=True)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None, "they are pipes: see Popen"
    return pipe


if __name__ == "__main__":
    load(*sys.argv[1:]).member()
