"""Items about agents, which don't apply where there is none; and about the tests of what people do."""

import ast

from perdure.testing.scorecard.card import Evidence, Found, Item, Section, found, nothing, share, unseen
from perdure.testing.scorecard.code import Call, Routine, is_none, keyword
from perdure.testing.scorecard.look import has_streams
from perdure.testing.scorecard.subject import Subject

_NO_AGENT = "there is no agent"
_NO_TOOLS = "the agents have no tools that could be seen"


def agents_in(subject: Subject) -> list[Call]:
    """Where an agent is made."""
    code = subject.code
    return [call for file in code.files for call in code.ours(file, "DurableAgent", "Durability")]


def tools_in(subject: Subject) -> list[tuple[Routine, bool]]:
    """The tools that agents have, and whether each may wait for an approval."""
    tools: list[tuple[Routine, bool]] = []
    for call, spot, _, _ in agents_in(subject):
        given = keyword(call, "tools")
        for each in given.elts if isinstance(given, ast.List | ast.Tuple) else []:
            asked = isinstance(each, ast.Call) and not is_none(keyword(each, "needs_approval"))
            inner = each.args[0] if isinstance(each, ast.Call) and each.args else each
            meaning = subject.code.meaning(inner, spot.scope)
            if isinstance(meaning, Routine):
                tools.append((meaning, asked))
    return tools


def runs_inside(subject: Subject) -> Found:
    agents = agents_in(subject)
    if not agents:
        return nothing(_NO_AGENT)
    names = {id(each.node) for body in subject.code.bodies for each in subject.code.spots(body)}
    used = any("stream" in ast.unparse(body.node) or ".run(" in ast.unparse(body.node) for body in subject.code.bodies)
    good = [Evidence("made in a workflow's body", call.place) for call in agents if id(call.node) in names]
    outside = [Evidence("made outside of a body", call.place) for call in agents if id(call.node) not in names]
    return found(2, *good, *outside) if good or used else found(0, *outside)


def tools_are_steps(subject: Subject) -> Found:
    tools = _tools(subject)
    if isinstance(tools, Found):
        return tools
    durable = {id(each.node) for each in (*subject.code.steps, *subject.code.workflows)}
    good = [
        Evidence(f"{tool.qualname} is a step or a workflow", tool.place)
        for tool, _ in tools
        if id(tool.node) in durable
    ]
    bad = [
        Evidence(f"{tool.qualname} is a plain function", tool.place)
        for tool, _ in tools
        if id(tool.node) not in durable
    ]
    return share(good, bad)


def tools_are_idempotent(subject: Subject) -> Found:
    tools = _tools(subject)
    if isinstance(tools, Found):
        return tools
    named = {id(tool.node) for tool, _ in tools}
    unsafe = [(step, effect) for step, effect in subject.unsafe if id(step.node) in named]
    if not unsafe:
        return found(2, Evidence("no tool was seen to do what would be worse twice"))
    good = [
        Evidence(f"{effect.what} in {step.qualname} has a {effect.key}", effect.place)
        for step, effect in unsafe
        if effect.key
    ]
    bad = [
        Evidence(f"{effect.what} in {step.qualname} has no key", effect.place)
        for step, effect in unsafe
        if not effect.key
    ]
    return share(good, bad)


def tools_are_approved(subject: Subject) -> Found:
    tools = _tools(subject)
    if isinstance(tools, Found):
        return tools
    acting = {id(step.node) for step, _ in subject.unsafe}
    good = [Evidence(f"{tool.qualname} needs an approval", tool.place) for tool, asked in tools if asked]
    bad = [
        Evidence(f"{tool.qualname} acts without one", tool.place)
        for tool, asked in tools
        if id(tool.node) in acting and not asked
    ]
    return share(good, bad) if good or bad else found(2, Evidence("no tool was seen to act"))


def tells_run(subject: Subject) -> Found:
    return _chat(
        subject, "x-workflow-run-id is sent", [route.place for route in subject.app.routes if route.run_header]
    )


def reconnects(subject: Subject) -> Found:
    places = [route.place for route in subject.app.routes if route.streams and route.from_index]
    return _chat(subject, "the stream goes on from an index", places)


def keeps_history(subject: Subject) -> Found:
    if not agents_in(subject):
        return nothing(_NO_AGENT)
    code = subject.code
    kept = [
        Evidence("messages are read from the runs", call.place)
        for file in code.files
        for call in code.ours(file, "chat_history")
    ]
    if kept:
        return found(2, *kept)
    chat = [
        Evidence("the messages are a run's input, and its stream is kept with it", wrap.place)
        for wrap in (subject.app.chat,)
        if wrap
    ]
    return (
        found(1, *chat, Evidence("beyond the runs, which go after the retention, is for you to answer"))
        if chat
        else unseen("where messages are kept wasn't found")
    )


def is_tested(subject: Subject) -> Found:
    ways: list[str] = []
    if subject.hooks or any(asked for _, asked in tools_in(subject)):
        ways += ["approval", "rejection", "timeout"]
    if has_streams(subject) and subject.app.there:
        ways.append("reconnect")
    if not ways:
        return nothing("nobody is waited for, and nothing is streamed")
    good: list[Evidence] = []
    bad: list[Evidence] = []
    for way in ways:
        tests = subject.repository.tests_of(way)
        if tests:
            good.append(Evidence(f"{way}, by its words: {tests[0].name}", tests[0].place))
        else:
            bad.append(Evidence(f"no test of these workflows speaks of {way}"))
    return share(good, bad)


def _tools(subject: Subject) -> "list[tuple[Routine, bool]] | Found":
    if not agents_in(subject):
        return nothing(_NO_AGENT)
    return tools_in(subject) or unseen(_NO_TOOLS)


def _chat(subject: Subject, what: str, places: list[str]) -> Found:
    if not agents_in(subject):
        return nothing(_NO_AGENT)
    places += [wrap.place for wrap in (subject.app.chat,) if wrap]
    if places:
        return found(2, *(Evidence(what, place) for place in places))
    return (
        found(0, Evidence(f"no route was found: {what}"))
        if subject.app.there
        else unseen("no app was found beside the agent")
    )


SECTION = Section(
    "Agents, and tests",
    (
        Item(
            id="agent-in-workflow",
            text="Agent runs inside a workflow.",
            check=runs_inside,
            risk=1,
            fix="await agent.run() or .stream() in a workflow's body: its calls are then steps",
        ),
        Item(
            id="tools-are-steps",
            text="Tool side effects are steps.",
            check=tools_are_steps,
            risk=1,
            fix="decorate each tool with @step, or with @workflow where it waits",
        ),
        Item(
            id="tools-idempotent",
            text="Tool side effects are idempotent.",
            check=tools_are_idempotent,
            risk=1,
            fix="give get_step_metadata().step_id to the provider, as in any other step",
        ),
        Item(
            id="tools-approved",
            text="Destructive/costly tools require human approval or policy checks.",
            check=tools_are_approved,
            risk=1,
            fix="tool(refund, needs_approval=True), or a function of its arguments",
        ),
        Item(
            id="chat-run-id",
            text="Chat route returns `x-workflow-run-id`.",
            check=tells_run,
            risk=2,
            fix="wrap(app, chat=workflow), or chat_response()",
        ),
        Item(
            id="chat-reconnect",
            text="Stream reconnect route exists.",
            check=reconnects,
            risk=2,
            fix="wrap(app, chat=workflow) has one; else chat_response() or stream_response() in a route",
        ),
        Item(
            id="chat-history",
            text="Chat history is persisted outside the transient UI stream.",
            check=keeps_history,
            risk=2,
            fix="read them from the runs with chat_history(), or keep them in a table of one's own, written in a step",
        ),
        Item(
            id="tested",
            text="Integration tests cover approval, rejection, timeout, and reconnect.",
            check=is_tested,
            risk=2,
            fix="a test of each in a lab, where a day takes no time: docs/how-to/test.md",
        ),
    ),
)
