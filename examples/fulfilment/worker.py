"""A process that fulfils orders: `python -m examples.fulfilment.worker`, with the world in PERDURE_WORLD.

It is what `perdure worker examples.fulfilment.workflows` does under a supervisor that starts it again while the world is
away; and it ends when its standard input closes, so that it never outlives the demo. It announces itself with a line.
"""

import asyncio
import sys

from examples.fulfilment import workflows
from perdure import WorldUnavailable, worker

AT_ONCE = 40
AGAIN_S = 0.2


async def main() -> None:
    """Works until standard input closes."""
    while True:
        try:
            async with worker(workflows, concurrency=AT_ONCE):
                print("ready", flush=True)
                await asyncio.to_thread(sys.stdin.read)
                return
        except WorldUnavailable as error:
            print(f"no start yet: {error}", file=sys.stderr)
            await asyncio.sleep(AGAIN_S)


if __name__ == "__main__":
    asyncio.run(main())
