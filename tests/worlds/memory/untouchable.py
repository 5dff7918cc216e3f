"""What belongs to other runs, and who looks at it."""

from typing import Any


class Untouchable(dict[str, Any]):
    """A run's hooks or streams that nobody may look into: with many runs, each would look at all."""

    def _touched(self, *_: Any) -> Any:
        raise RuntimeError("this belongs to another run")

    __getitem__ = __iter__ = __contains__ = get = keys = values = items = _touched
