"""Start-up: from nothing to a Python that has imported the package; the floor is a Python that imports nothing.

The best of several: anything above it is the machine's doing. What a program doesn't use must not be loaded behind its
back either: the second row counts modules of agents, HTTP and command line that `import perdure` brings.
"""

import subprocess
import sys
import time

from benchmarks.workload import Bar, Figures, Metric, Trial, Workload

STATEMENTS = {"floor": "pass", "perdure": "import perdure", "dbos": "import dbos"}
UNWANTED = (
    "asyncpg", "click", "httpx", "opentelemetry", "perdure.agent", "perdure.cli", "perdure.http", "perdure.inspector",
    "perdure.testing", "pydantic_ai", "rich", "starlette", "uvicorn",
)  # fmt: skip


def measure(trial: Trial) -> Figures:
    statement = STATEMENTS[trial.system]
    return {
        "ms": min(start_ms(statement) for _ in range(trial.size["starts"])),
        "unwanted": len(unwanted_modules(statement)),
    }


def start_ms(statement: str) -> float:
    begun_at_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, capture_output=True)
    return (time.perf_counter() - begun_at_s) * 1000


def unwanted_modules(statement: str) -> list[str]:
    """The modules among UNWANTED, and those inside them, that a fresh Python has loaded after the statement."""
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    return [name for name in loaded if any(f"{name}.".startswith(f"{package}.") for package in UNWANTED)]


WORKLOAD = Workload(
    name="start-up",
    text="import",
    metrics=(
        Metric(key="ms", text="python -c 'import …'", unit="ms", bars=(Bar(sign="≤", factor=120),)),
        Metric(key="unwanted", text="agent, HTTP, CLI modules", unit="", bars=(Bar(sign="≤", factor=0),)),
    ),
    measure=measure,
    size={"starts": 10},
    quick={"starts": 3},
    stores=("sqlite",),  # the World that a program has by itself; it isn't opened
)
