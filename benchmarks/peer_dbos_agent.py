"""DBOS's agents: pydantic-ai's own capability for it, in a workflow of DBOS; what is chosen of DBOS is `peer_dbos`'s."""

from dbos import DBOS
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability

from benchmarks.conversation import BARE, MODEL, ask, look_up
from benchmarks.peer_dbos import PeerDbos
from benchmarks.system import AnswerKind

agent = Agent(MODEL, name="agent", tools=[DBOS.step()(look_up)], capabilities=[DBOSDurability()])


@DBOS.workflow()
async def generates(calls: int) -> None:
    await ask(agent, calls)


async def _run(calls: int) -> None:
    await (await DBOS.start_workflow_async(generates, calls)).get_result()


class AgentPeerDbos(PeerDbos):
    """Keeps to `benchmarks.system.AgentSystem`, but for chats, which it doesn't have."""

    kinds: tuple[AnswerKind, ...] = ("whole",)

    def ask(self, kind: AnswerKind, calls: int, *, durable: bool) -> None:
        self._runner.run(_run(calls) if durable else ask(BARE, calls))

    def first_words(self, messages: int, *, session: bool) -> list[float]:
        raise AssertionError("W11 is not measured")


SYSTEM = AgentPeerDbos
