"""Options: what one conversation asks for goes before what the agent was made with."""

from perdure import start, workflow
from tests.agent.test_agent import MODEL, agent_of, look_up
from tests.api.ways import once


@workflow(name="options:flow")
async def flow(limit: int | None) -> int:
    agent = agent_of(*[[("look_up", {"order": "1"})]] * 9, max_steps=4)
    return len((await agent.generate("go", **({} if limit is None else {"max_steps": limit}))).steps)


def test_the_conversations_own_go_first() -> None:
    async def act() -> list[int]:
        return [await (await start(flow, limit)).result() for limit in (None, 2, 6)]

    assert once(act, flow, look_up, MODEL)[0] == [4, 2, 6]
