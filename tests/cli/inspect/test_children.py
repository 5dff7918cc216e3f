"""`perdure inspect children`."""

from perdure.engine.engine import Engine, NewRun
from perdure.model.ids import RunId
from tests.cli.shop import Shop, say
from tests.inspector.looking import look


def test_the_runs_that_a_run_started(shop: Shop) -> None:
    async def start(engine: Engine) -> str:
        new = NewRun(workflow="shop:child", input=b"{}", parent_id=RunId(shop.runs["asleep"]))
        return (await engine.start(new)).run_id

    child = look(start)
    done = say("inspect", "children", shop.runs["asleep"])
    assert [line.split("\t")[:3] for line in done.stdout.splitlines()] == [[child, "shop:child", "pending"]]
    assert say("inspect", "children", child).stderr == "nothing found\n"
    assert say("inspect", "children", "wrun_" + "0" * 26).exit_code == 3
