"""Hooks that answer themselves, as soon as they wait."""

import asyncio
import inspect
from fnmatch import fnmatchcase
from typing import Any

from perdure.api.hook import list_hooks, resume_hook
from perdure.api.records import HookInfo


class Answers:
    """Payloads by pattern of token; the last that was given for a token counts. Each hook is answered once."""

    def __init__(self) -> None:
        self._payloads: list[tuple[str, Any]] = []
        self._answered: set[str] = set()
        self._looking: set[asyncio.Task[None]] = set()
        self._failed: BaseException | None = None

    @property
    def busy(self) -> bool:
        return bool(self._looking)

    def give(self, pattern: str, payload: Any) -> None:
        """To those that wait already, too. On a running loop."""
        self._payloads.append((pattern, payload))
        self.look()

    def look(self) -> None:
        """There may be hooks to answer. On a running loop."""
        if self._payloads:
            task = asyncio.get_running_loop().create_task(self._look())
            self._looking.add(task)
            task.add_done_callback(self._looked)

    def check(self) -> None:
        """Raises: what kept a hook from being answered."""
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    def _looked(self, task: "asyncio.Task[None]") -> None:
        self._looking.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failed = task.exception()

    async def _look(self) -> None:
        async for hook in list_hooks():
            for pattern, payload in reversed(self._payloads):
                if not hook.webhook and hook.hook_id not in self._answered and fnmatchcase(hook.token, pattern):
                    self._answered.add(hook.hook_id)
                    await resume_hook(hook.token, await _made(payload, hook))


async def _made(payload: Any, hook: HookInfo) -> Any:
    """A function, sync or async, is asked for it."""
    made = payload(hook) if inspect.isroutine(payload) else payload
    return await made if inspect.isawaitable(made) else made
