"""Toolsets that have to be asked what they offer: MCP servers, above all."""

from collections.abc import Awaitable, Callable

from perdure import PerdureError, register


class ToolsetDown(PerdureError):
    """A toolset doesn't say what tools it has, and without them no model is asked. Fields: `toolset` (its id), `reason`."""

    def __init__(self, toolset: str, reason: str) -> None:
        self.toolset, self.reason = toolset, reason
        super().__init__(
            f"the toolset {toolset!r} doesn't say what tools it has: {reason}; see that it is up, and ask again"
        )


register(ToolsetDown, name="perdure.agent:ToolsetDown")


def listing(toolset: str, body: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    """The body of a step that asks a toolset, which says of which one where it fails."""

    async def listed() -> object:
        try:
            return await body()
        except Exception as error:
            raise ToolsetDown(toolset, f"{type(error).__name__}: {error}") from error

    return listed
