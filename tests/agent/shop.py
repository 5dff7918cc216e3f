"""An MCP server: a shop. Run as a program it serves on its standard input, and writes into the file that is named first its
process id, then a line for each call, with the idempotency key that came along."""

import os
import sys
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("shop", instructions="Tea is sold out on Sundays.")
calls: list[str] = []
"""Of the server in this process."""


@server.tool()
async def stock(item: str, context: Context[Any, Any]) -> dict[str, int]:
    """How many there are."""
    meta: Any = context.request_context.meta or {}
    _note(f"{item} {meta.get('idempotency-key')}")
    if item == "fire":
        Path(__file__).unlink()
    if item == "nothing":
        raise ToolError("there is no such shelf")
    return {item: len(item)}


def _note(line: str) -> None:
    calls.append(line)
    if __name__ == "__main__":
        with Path(sys.argv[1]).open("a") as file:
            file.write(f"{line}\n")


if __name__ == "__main__":
    _note(str(os.getpid()))
    server.run("stdio")
