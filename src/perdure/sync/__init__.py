"""perdure for code without an event loop: every name of `perdure`, blocking where that awaits.

    from perdure.sync import start

    print(start(hello, "Ann").result())

One background thread holds the loop that carries these calls, and its worker. It begins with the first call, and ends
with `close` or with the process, handing its runs back. In sync steps the loop of the step's worker carries them, and
`heartbeat` and `set_attributes` act in the step's own thread. Where a loop runs (a workflow's body, an async step) the
blocking names raise UsageError: there one awaits.

What awaits nothing is the same object as in `perdure`, and so is what only async code can use: `timeout`, and the hooks
and webhooks of a body. The classes that are made anew here (`Run`, `Writable`, `HookDefinition`, `WebhookRequest`) hold
their namesake of `perdure` as `as_async`, and are made from one.
"""
# ruff: noqa: F401 - the names are listed in `perdure.__all__`

import perdure
from perdure import *  # noqa: F403 # pyright: ignore[reportAssignmentType] - what blocks is defined anew below
from perdure.sync.background import close
from perdure.sync.blocking import blocking, blocking_block, immediate
from perdure.sync.hook import HookDefinition, define_hook
from perdure.sync.run import Run, find_run, get_run, list_runs, start
from perdure.sync.stream import Writable, get_writable
from perdure.sync.waiting import as_completed
from perdure.sync.webhook import WebhookRequest

__all__: list[str] = []
__all__ += perdure.__all__

get_hook = blocking(perdure.get_hook)
heartbeat = immediate(perdure.heartbeat)
race = blocking(perdure.race)
resume_hook = blocking(perdure.resume_hook)
set_attributes = immediate(perdure.set_attributes)
sleep = blocking(perdure.sleep)
wait = blocking(perdure.wait)
worker = blocking_block(perdure.worker)
