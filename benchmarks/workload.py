"""What a workload is: something that is measured, the figures that come of it, and the bars that perdure must clear.

Pure data: `benchmarks.table` does the sums, `benchmarks.measure` the measuring.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

SYSTEMS = ("floor", "perdure", "dbos")
Store = Literal["sqlite", "postgres"]
STORES: tuple[Store, ...] = ("sqlite", "postgres")
Figures = Mapping[str, float]
"""What one measurement found: a value for each metric's key."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Another value of the same table, on the same store, for a bar to be a multiple of."""

    system: str
    workload: str
    key: str
    text: str
    """As the table says it: `floor's commit`."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What perdure's median must be: at least or at most a number, or a multiple of another median."""

    sign: Literal["≥", "≤"]
    factor: float
    of: Reference | None = None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One line of the table."""

    key: str
    text: str
    unit: str
    bars: tuple[Bar, ...] = ()
    stores: tuple[Store, ...] = STORES


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One measurement: which system, where its store is (new and empty; a URL), and how much of the workload."""

    system: str
    place: str
    size: Mapping[str, int]
    warm_up_steps: int


@dataclass(frozen=True, kw_only=True)
class Workload:
    name: str
    text: str
    """Texts, the metrics' too, name sizes in braces: `{steps:,}`."""
    metrics: tuple[Metric, ...]
    measure: Callable[[Trial], Figures]
    """Runs in a process of its own."""
    size: Mapping[str, int] = field(default_factory=dict[str, int])
    quick: Mapping[str, int] = field(default_factory=dict[str, int])
    """The size for a first look: seconds, not minutes."""
    systems: tuple[str, ...] = SYSTEMS
    stores: tuple[Store, ...] = STORES
    needs: tuple[str, ...] = ()
    """Workloads whose floor the bars refer to."""


def times(sign: Literal["≥", "≤"], factor: float, system: str, workload: str, key: str, text: str) -> Bar:
    return Bar(sign=sign, factor=factor, of=Reference(system=system, workload=workload, key=key, text=text))
