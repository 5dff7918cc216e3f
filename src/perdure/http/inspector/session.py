"""Who looks at which World, and what they may do. Here alone it is decided whose name an action has."""

from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response

from perdure.api.connect import CONNECTION
from perdure.api.options import check_by
from perdure.api.plain import plain_json
from perdure.api.records import moment
from perdure.errors import UsageError
from perdure.http.answer import answered
from perdure.http.authorization import Action, Target
from perdure.http.call import Call
from perdure.http.problem import Problem

WORLD = Target("world", "")
NOBODY = "web"


async def show_session(call: Call) -> Response:
    """200, with what the page has to know before it shows anything."""
    await call.check("inspect", WORLD)
    acts = await may_act(call)
    world = (await CONNECTION.engine()).world
    return answered(
        {
            "world": world.url,
            "version": version("perdure"),
            "mayAct": acts,
            "readOnly": not acts,
            "actor": actor_of(call.request),
            "now": plain_json(moment(world.now_ms())),
        }
    )


async def may_act(call: Call) -> bool:
    """Whether `authorize` lets this client act at all; it is asked again for each run and hook."""
    return await may(call, "act")


async def may(call: Call, action: Action) -> bool:
    """Whether `authorize` lets this client do such things at all."""
    try:
        await call.check(action, WORLD)
    except Problem:
        return False
    return True


def actor_of(request: Request) -> str:
    """What `authorize` has put into `request.state.actor`, who does this; "web" where it says nothing."""
    actor: object = getattr(request.state, "actor", None)
    try:
        check_by(actor if isinstance(actor, str) else None)
    except UsageError:
        return NOBODY
    return actor if isinstance(actor, str) else NOBODY
