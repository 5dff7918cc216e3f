"""What a shell completes: ids and names out of the world, or the inspector, that the words so far name.

It has to be quick, and quiet: it looks at a bounded part, writes and makes nothing, and where it can't look it has nothing.
"""

import os
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import redirect_stderr
from typing import NamedTuple

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

from perdure.cli.client import Client
from perdure.cli.remote import Remote
from perdure.cli.world import in_world
from perdure.engine.deployment import is_named
from perdure.engine.engine import Engine
from perdure.inspector.filter import Wanted
from perdure.inspector.hook import list_hooks
from perdure.inspector.page import Asked
from perdure.inspector.steps import list_steps
from perdure.inspector.worker import list_workers
from perdure.inspector.workflow import workflow_names

MOST = 50
LOOKED_AT = 500
"""Of hooks, steps and workers, so many."""
WITHIN_S = 2.0
SAFE = re.compile(r"[\w.,:@+/][\w.,:@+/%=-]*")
"""Nothing that a shell would take as more than a word: what others named something is put on a person's command line."""


class Found(NamedTuple):
    """`told`: what is said beside it, where the shell can."""

    value: str
    told: str | None = None


def run_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest that begin so."""
    if not (incomplete.startswith("wrun_") or "wrun_".startswith(incomplete)):
        return []
    wanted = Wanted(q=incomplete if incomplete.startswith("wrun_") else "")

    async def here(engine: Engine) -> list[Found]:
        page = await engine.world.list_runs(wanted.filter(limit=MOST))
        return [Found(run.run_id, f"{run.status} {run.workflow}") for run in page.runs]

    def there(remote: Remote) -> list[Found]:
        views = remote.runs(wanted, (), Asked(MOST)).items
        return [Found(view.info.run_id, f"{view.info.status} {view.info.workflow}") for view in views]

    return _items(incomplete, _found(ctx, here, there))


def step_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Those of the run that `--run` names; to find others all logs would have to be read."""
    run: str | None = ctx.params.get("run")
    if run is None:
        return []
    asked = Asked(LOOKED_AT)

    async def here(engine: Engine) -> list[Found]:
        steps = await list_steps(engine, run, Wanted(), (), asked)
        return [Found(step.info.step_id, f"{step.info.status} {step.info.name}") for step in steps.items]

    def there(remote: Remote) -> list[Found]:
        steps = remote.steps(run, Wanted(), (), asked)
        return [Found(step.info.step_id, f"{step.info.status} {step.info.name}") for step in steps.items]

    return _items(incomplete, _found(ctx, here, there))


def workflows(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of those that a live worker serves, or that ran lately."""

    async def here(engine: Engine) -> list[Found]:
        return [Found(name) for name in await workflow_names(engine)]

    def there(remote: Remote) -> list[Found]:
        return [Found(workflow.name) for workflow in remote.workflows(Asked(LOOKED_AT)).items]

    return _items(incomplete, _found(ctx, here, there))


def hook_tokens(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Those that a payload can be sent to: no webhooks."""

    async def here(engine: Engine) -> list[Found]:
        hooks = await list_hooks(engine, None, Asked(LOOKED_AT))
        return [Found(hook.info.token) for hook in hooks.items if not hook.info.webhook]

    return _items(incomplete, _found(ctx, here))


def queues(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Those that workers serve."""

    async def here(engine: Engine) -> list[Found]:
        workers = await list_workers(engine, Asked(LOOKED_AT))
        return [Found(queue) for queue in sorted({queue for worker in workers.items for queue in worker.queues})]

    return _items(incomplete, _found(ctx, here))


def deployments(*more: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Those that workers are of, and words that mean one."""

    async def here(engine: Engine) -> list[Found]:
        workers = await list_workers(engine, Asked(LOOKED_AT))
        names = sorted({worker.deployment for worker in workers.items if is_named(worker.deployment)})
        return [Found(name) for name in names]

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _items(incomplete, [*(Found(word) for word in more), *_found(ctx, here)])

    return complete


def _found(
    ctx: click.Context,
    here: Callable[[Engine], Awaitable[list[Found]]],
    there: Callable[[Remote], list[Found]] | None = None,
) -> list[Found]:
    """What one of the two gives; nothing, and not a word, where it fails or takes too long."""
    world, url = ctx.params.get("world"), ctx.params.get("url")
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        try:
            if there is not None and url is not None:
                return there(Remote(Client(url, WITHIN_S)))
            return in_world(world, here, within_s=WITHIN_S)
        except Exception:
            return []


def _items(incomplete: str, found: Iterable[Found]) -> list[CompletionItem]:
    fit = [each for each in found if each.value.startswith(incomplete) and SAFE.fullmatch(each.value)]
    return [CompletionItem(each.value, help=each.told and " ".join(each.told.split())) for each in fit[:MOST]]


@add_completion_class
class Bash(BashComplete):
    """As click's, for names with colons too: bash takes what is before one for a word of its own, and replaces what is
    behind the last."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n'
    local response type value
    response=$(env COMP_LINE="${COMP_LINE:0:$COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
%(complete_var)s=bash_complete "$1")
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        if [[ $type == 'dir' ]]; then
            COMPREPLY=()
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            COMPREPLY=()
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=("$value")
        fi
    done
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_LINE"]
        _, *words = split_arg_string(line)
        return (words, "") if line[-1:].isspace() or not words else (words[:-1], words[-1])

    def format_completion(self, item: CompletionItem) -> str:
        _, incomplete = self.get_completion_args()
        if incomplete.startswith("--"):
            incomplete = incomplete.partition("=")[2]
        before = incomplete[: incomplete.rfind(":") + 1] if ":" in os.environ.get("COMP_WORDBREAKS", ":") else ""
        return f"{item.type},{item.value.removeprefix(before)}"
