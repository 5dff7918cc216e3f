"""Hooks for senders without a loop. Hooks themselves are for workflows, which await."""

from typing import Any, Generic, TypeVar, overload

from typing_extensions import TypeForm

import perdure
from perdure.api.hook import HookDefinition as AsyncDefinition
from perdure.model.duration import Duration
from perdure.sync.blocking import BlockingMethod

T = TypeVar("T")


class HookDefinition(Generic[T]):
    """A kind of hook: its type, and the prefix of its tokens. `create` is for workflows, the rest for everybody.

    `as_async` is the one for async code, and what this is made from.
    """

    def __init__(self, definition: AsyncDefinition[T]) -> None:
        self.type, self.prefix, self.as_async = definition.type, definition.prefix, definition

    def __repr__(self) -> str:
        return repr(self.as_async)

    def token(self, key: object) -> str:
        """The token of the hook for this key: `prefix:key`. Raises: UsageError for an empty key."""
        return self.as_async.token(key)

    def create(self, key: object = None, *, metadata: Any = None, expires: Duration | None = None) -> perdure.Hook[T]:
        """As `create_hook`, in a workflow, with the token for this key; without one the key is made of 192 random bits."""
        return self.as_async.create(key, metadata=metadata, expires=expires)

    get = BlockingMethod(AsyncDefinition[T].get)
    resume = BlockingMethod(AsyncDefinition[T].resume)


@overload
def define_hook(*, prefix: str) -> HookDefinition[Any]: ...
@overload
def define_hook(type: TypeForm[T], *, prefix: str) -> HookDefinition[T]: ...
def define_hook(type: Any = Any, *, prefix: str) -> HookDefinition[Any]:
    """`perdure.define_hook`; its `get` and `resume` block. Raises: UsageError, DuplicateName."""
    return HookDefinition(perdure.define_hook(type, prefix=prefix))
