"""A process that fulfils orders: `python -m examples.fulfilment.worker`, with the world in PERDURE_WORLD.

It is what `perdure worker examples.fulfilment.workflows` does, and ends when its standard input closes, so that it
never outlives the demo. It announces itself with a line when it is ready.
"""

import asyncio
import sys

from examples.fulfilment import workflows
from perdure import worker

AT_ONCE = 40


async def main() -> None:
    """Works until standard input closes."""
    async with worker(workflows, concurrency=AT_ONCE):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
