"""Options of `start`, and the limits of attributes and of other texts that are recorded; which options there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from perdure.engine.deployment import ANY, LATEST, deployment_name
from perdure.errors import AttributeInvalid, UsageError
from perdure.model.duration import Duration

ATTRIBUTES_MAX = 64
KEY_MAX = 256
VALUE_MAX = 256
BY_CHARACTERS_MAX = 200


@dataclass(frozen=True, kw_only=True)
class StartOptions:
    """How a run is started.

    * `idempotency_key` belongs to the world, for as long as its run is kept. A second start with it finds the same run, or
      raises StartConflict (`on_conflict`: "fail"). With another workflow or other arguments it always does.
    * `delay` postpones the start; until then the run is `pending`.
    * `attributes` are small texts for people and filters; for their limits see `set_attributes`.
    * `deployment` pins the run: only workers of that deployment run it. A name; "latest": that of the youngest live worker
      that serves the workflow, if it has a name; "any": no pin. Without it a child is pinned as its parent is, any other
      run as `configure(deployment=…)` says. In a workflow's body a start with a deployment can't be delayed.

    Raises: AttributeInvalid, UsageError.
    """

    idempotency_key: str | None = None
    on_conflict: Literal["return", "fail"] = "return"
    delay: Duration | None = None
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    deployment: str | None = None

    def __post_init__(self) -> None:
        given = cast(Mapping[str, str | None], self.attributes)
        for key, value in given.items():
            if value is None:
                raise AttributeInvalid(key, "its value is None: a new run has nothing to remove")
        check_attributes(given)
        check_text("idempotency_key", self.idempotency_key)
        if self.on_conflict not in ("return", "fail"):
            raise UsageError(f"on_conflict={self.on_conflict!r} is neither 'return' nor 'fail'")
        if self.deployment not in (None, LATEST, ANY):
            deployment_name("deployment", self.deployment)


def check_keywords(function: str, given: Mapping[str, object], known: type) -> None:
    """Of a function whose keywords are those of a TypedDict. Raises: TypeError, as Python for any other's."""
    for unknown in given.keys() - known.__annotations__.keys():
        raise TypeError(f"{function}() got an unexpected keyword argument {unknown!r}")


def check_text(name: str, value: object) -> None:
    """Raises: UsageError for what is neither None nor a text that can be recorded."""
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{name}={value!r} is of type {type(value).__name__}: give a text, such as {str(value)!r}")
    if isinstance(value, str) and not _is_recordable(value):
        raise UsageError(f"{name}={value!r} holds half of a surrogate pair, which is no text: mend it first")


def check_by(by: str | None) -> None:
    """Who does something to a run, as it is recorded with it. Raises: UsageError."""
    check_text("by", by)
    if by is not None and not (0 < len(by) <= BY_CHARACTERS_MAX and by.isprintable()):
        raise UsageError(f"by={by[:40]!r} names nobody: give 1 to {BY_CHARACTERS_MAX} printable characters")


def check_attributes(changes: Mapping[str, str | None]) -> dict[str, str | None]:
    """The changes, if they keep to the limits. Raises: AttributeInvalid."""
    if len(changes) > ATTRIBUTES_MAX:
        raise AttributeInvalid(next(iter(changes)), f"there are {len(changes)} of them, {ATTRIBUTES_MAX} are allowed")
    for key, value in changes.items():
        if not isinstance(key, str) or not key:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise AttributeInvalid(str(key), "its key is not a text with at least one character")
        if len(key) > KEY_MAX:
            raise AttributeInvalid(key[:20] + "…", f"its key has {len(key)} characters, {KEY_MAX} are allowed")
        if value is not None and not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise AttributeInvalid(key, f"its value is of type {type(value).__name__}, not a text")
        if not _is_recordable(key) or not _is_recordable(value or ""):
            raise AttributeInvalid(key, "it holds half of a surrogate pair, which is no text")
        if value is not None and len(value.encode()) > VALUE_MAX:
            raise AttributeInvalid(key, f"its value is longer than {VALUE_MAX} bytes")
    return dict(changes)


def _is_recordable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
