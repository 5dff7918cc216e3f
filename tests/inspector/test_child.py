"""The runs that a run has started."""

from perdure.engine.engine import Engine, NewRun
from perdure.inspector.child import LISTED
from perdure.inspector.run import show_run
from perdure.inspector.runs import list_children
from perdure.model.ids import RunId
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, look, paged


def test_the_newest_first(shop: Shop) -> None:
    parent = RunId(shop.runs["asleep"])

    async def start(engine: Engine) -> list[str]:
        started = [
            await engine.start(NewRun(workflow=name, input=b"{}", parent_id=parent))
            for name in ("shop:child", "queue:gpu/shop:embed", *(["shop:other"] * LISTED))
        ]
        return [each.run_id for each in started]

    first, _, *others = look(start)
    expected = sorted((first, *others), reverse=True)
    assert [view.info.run_id for view in look(list_children, parent, ALL).items] == expected
    assert [shown["runId"] for shown in paged(list_children, parent, limit=7)] == expected
    children = look(show_run, parent, with_data=False).as_json()["children"]
    assert [child["runId"] for child in children] == expected[:LISTED]
    assert children[0].keys() == {"runId", "workflow", "status", "createdAt"}
    assert look(list_children, shop.runs["done"], ALL).items == ()
