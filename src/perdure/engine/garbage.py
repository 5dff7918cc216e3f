"""How often Python looks for circles of garbage, while a worker lives in this process.

Python looks each time that so many more objects are there than when it looked last: 700, as it comes. A live run is
some fifty objects, none of them garbage, so with a few thousand runs looking took a third of the worker's time.
"""

import gc
from weakref import WeakSet

YOUNG = 10_000
_Threshold = tuple[int, int, int]


class Seldom:
    """Makes it rarer from the first `begin` to the last `end`. Whoever has switched it off, or made it rarer still, or sets
    it anew meanwhile, has their way."""

    def __init__(self) -> None:
        self._workers: WeakSet[object] = WeakSet()
        self._before: _Threshold | None = None

    def begin(self, worker: object) -> None:
        """This worker starts."""
        self._workers.add(worker)
        before = gc.get_threshold()
        if self._before is None and gc.isenabled() and 0 < before[0] < YOUNG:
            self._before = before
            gc.set_threshold(*_rarer(before))

    def end(self, worker: object) -> None:
        """It has stopped. Harmless to repeat."""
        self._workers.discard(worker)
        if self._workers or self._before is None:
            return
        before, self._before = self._before, None
        if gc.get_threshold() == _rarer(before):
            gc.set_threshold(*before)


def _rarer(before: _Threshold) -> _Threshold:
    return (YOUNG, before[1], before[2])


SELDOM = Seldom()
"""The process's own."""
