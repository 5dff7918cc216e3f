"""The routes of a chat: send messages, come back to the answer, stop it, decide on a tool call that waits."""

from typing import Any, cast

from starlette.responses import Response

from perdure.api.connect import CONNECTION
from perdure.api.launch import launch
from perdure.api.options import StartOptions
from perdure.api.run import get_run
from perdure.api.workflow import Workflow
from perdure.chat.approval import APPROVALS, Approval, approval_key
from perdure.chat.ending import epilogue
from perdure.chat.history import chat_history
from perdure.chat.session import SESSION, Answer, answer_of
from perdure.chat.turn import Word
from perdure.errors import HookNotFound, RunNotFound, UsageError
from perdure.http.answer import answered
from perdure.http.authorization import Action, Target
from perdure.http.body import read_json
from perdure.http.call import Call
from perdure.http.chat.message import read_chat
from perdure.http.chat.session import MESSAGE, SESSION_PARAMETER, reach, send_turn
from perdure.http.chat.stream import ChatResponse, chat_response, version_of
from perdure.http.problem import Problem
from perdure.http.rate import client_of
from perdure.http.run import cancel_options, input_of
from perdure.model.definition import WorkflowDefinition
from perdure.model.ids import is_run_id

MESSAGES = "messages"


class ChatRoutes:
    """Those of one workflow. Raises: UsageError where it can't be a chat."""

    def __init__(self, workflow: object) -> None:
        self._definition = _chat(workflow)

    async def send(self, call: Call) -> Response:
        """200, with the answer, whose id is in the header: the stream of a new run, or of a turn of the session's run."""
        await call.check("run:start", Target("workflow", self._definition.name))
        version_of(call.request)
        sent = await read_chat(call.scope, call.receive)
        if MESSAGE in self._definition.signature.parameters:
            return ChatResponse(await send_turn(self._definition, sent, call), call.request)
        arguments: dict[str, Any] = {MESSAGES: sent.messages}
        if SESSION_PARAMETER in self._definition.signature.parameters and sent.session is not None:
            arguments[SESSION_PARAMETER] = sent.session
        input = input_of(self._definition, arguments)
        attributes = {SESSION: sent.session} if sent.session is not None else {}
        options = StartOptions(idempotency_key=call.idempotency_key, attributes=attributes)
        engine = await CONNECTION.engine(work=True)
        run_id = await launch(engine, self._definition.name, input, options, epilogues=(epilogue(),))
        return chat_response(get_run(run_id), call.request)

    async def follow(self, call: Call) -> Response:
        """200, with the stream from `startIndex` on. The id is an answer's, a run's, or a session's: its present answer."""
        return ChatResponse(await self._answer(call, "stream:read"), call.request)

    async def messages(self, call: Call) -> Response:
        """200, with what was said in a session, or by one run: what a page begins with."""
        await self._answer(call, "stream:read")
        return answered((await chat_history(call.parameter)).as_json())

    async def cancel(self, call: Call) -> Response:
        """202; `accepted` false: the answer had ended before. A turn is stopped, and its run goes on."""
        answer = await self._answer(call, "run:cancel")
        asked = await read_json(call.scope, call.receive)
        options = cancel_options({} if asked is None else asked)
        if not answer.turn or is_run_id(call.parameter):
            accepted = await answer.run.cancel(**options)
        elif (await answer.run.stream_info(answer.stream)).closed:
            accepted = False
        else:
            accepted = await reach(answer.run, Word("stop", answer.turn))
        return answered({"runId": answer.run.run_id, "accepted": accepted}, 202)

    async def end(self, call: Call) -> Response:
        """202; `accepted` false: it had ended before. A chat of many turns ends, once all is answered."""
        answer = await self._answer(call, "run:cancel")
        if not answer.turn:
            raise Problem(409, "this chat has one turn for each run: each ends by itself", kind="chat-single-turn")
        return answered({"runId": answer.run.run_id, "accepted": await reach(answer.run, Word("end"))}, 202)

    async def decide(self, call: Call) -> Response:
        """202 once the decision is accepted. Another run's approval is as unknown as one that was decided."""
        client = client_of(call.scope)
        call.misses.admit(client)
        try:
            run = (await self._answer(call, "run:read")).run
            approval_id, approval = _decision(await read_json(call.scope, call.receive))
            key = approval_key(run.run_id, approval_id)
            await call.check("hook:resume", Target("hook", APPROVALS.token(key)))
            hook = await APPROVALS.resume(key, approval, idempotency_key=approval_id)
        except (HookNotFound, RunNotFound):
            call.misses.add(client)
            raise
        return answered({"runId": hook.run_id, "approvalId": approval_id}, 202)

    async def _answer(self, call: Call, action: Action) -> Answer:
        """What the path names; who may not ask doesn't learn whether it is there. Raises: RunNotFound, Problem."""
        try:
            answer = await answer_of(call.parameter)
        except RunNotFound:
            await call.check(action, Target("run", call.parameter))
            raise
        await call.check(action, Target("run", answer.run.run_id))
        return answer


def _chat(workflow: object) -> WorkflowDefinition:
    if not isinstance(workflow, Workflow):
        raise UsageError(f"chat={workflow!r} is no workflow: decorate it with @workflow")
    definition = cast(Workflow[..., Any], workflow).definition
    parameters = definition.signature.parameters
    needed = {name for name, one in parameters.items() if one.default is one.empty}
    single = MESSAGES in parameters and needed <= {MESSAGES, SESSION_PARAMETER}
    many = {MESSAGE, SESSION_PARAMETER} <= parameters.keys() and needed <= {MESSAGE, SESSION_PARAMETER}
    if single == many:
        raise UsageError(
            f"chat={definition.name} can't answer a chat: it takes messages: list[UIMessage], and session: str if it likes; "
            "or, for many turns, message: UIMessage and session: str"
        )
    return definition


def _decision(body: Any) -> tuple[str, Approval]:
    """Raises: Problem (422)."""
    match body:
        case {"approvalId": str(approval_id), "approved": bool(approved), **more} if approval_id:
            reason = more.pop("reason", None)
            if not more and isinstance(reason, str | None):
                return approval_id, Approval(approved, reason)
        case _:
            pass
    raise Problem(422, 'a decision is {"approvalId": …, "approved": true or false, "reason": …}', kind="value-invalid")
