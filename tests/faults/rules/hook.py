"""T5, L5, M, S6 and P5 of hooks: what takes their rules out."""

from typing import Any

from msgspec.structs import replace

from perdure.engine import seizure as seizing
from perdure.engine.answer import Answers
from perdure.engine.hook import find_hook, resume
from perdure.replay.body import Body
from perdure.replay.hook import BodyHook
from perdure.world import Append, HookRecord, Refusal
from perdure.worlds.memory import commit as writing
from perdure.worlds.memory import hook as hooking
from perdure.worlds.memory.state import Kept
from tests.faults.rules.patching import Patching, patch


def decided_at_once() -> Patching:
    """T5: a hook counts as registered as soon as it is asked for."""
    strict = BodyHook.__init__

    def init(hook: BodyHook, *args: Any) -> None:
        strict(hook, *args)
        hook.decide(None)

    return patch.object(BodyHook, "__init__", init)


def never_told() -> Patching:
    """T5: where nothing else comes, the body doesn't hear of what the World decided."""
    strict = Body._turn

    def turn(body: Body, number: int, events: Any, decisions: Any = ()) -> None:
        strict(body, number, events, decisions if events else ())

    return patch.object(Body, "_turn", turn)


def told_last() -> Patching:
    """T5: the body hears of what the World decided after the turn's deliveries."""
    strict = Body._turn

    def turn(body: Body, number: int, events: Any, decisions: Any = ()) -> None:
        if not events or not decisions:
            strict(body, number, events, decisions)
            return
        deciders = [(decision, body.hooks.get(decision.key)) for decision in decisions]
        settle = Body._settle
        with patch.object(Body, "_settle", lambda body: None):
            strict(body, number, events, ())
        for decision, hook in deciders:
            if hook is not None and body.end is None and body.divergence is None:
                hook.decide(decision.owner)
                body.loop.rest()
        settle(body)

    return patch.object(Body, "_turn", turn)


def steps_before_hooks() -> Patching:
    """L5: steps don't wait for the hooks of their run to be registered."""
    return patch.object(Answers, "unregistered", property(lambda answers: 0, lambda answers, value: None))


def nobody_decides() -> Patching:
    """L5: a token that another hook has is given to the next as well."""
    strict = hooking._register

    def register(*args: Any) -> Any:
        with patch.object(hooking, "_open_hook", lambda *_: None):
            return strict(*args)

    return patch.object(hooking, "_register", register)


def for_closed_hooks() -> Patching:
    """M1: a hook that was disposed accepts payloads."""
    strict = hooking.takes

    def takes(draft: Any, run_id: Any, key: str) -> bool:
        hook: HookRecord | None = draft.hooks.get(run_id, {}).get(key)
        return strict(draft, run_id, key) or (hook is not None and hook.closed)

    return patch.object(hooking, "takes", takes)


def for_expired_hooks() -> Patching:
    """M1: a hook that has expired accepts payloads until its run hears of that."""
    strict = hooking.takes

    def takes(draft: Any, run_id: Any, key: str) -> bool:
        with patch.object(hooking, "_expired", lambda hook, now_ms: False):
            return strict(draft, run_id, key)

    return patch.object(hooking, "takes", takes)


def resolved_anew() -> Patching:
    """M3: a second try looks for the hook of its token again."""

    async def again(engine: Any, found: Any, payload: bytes, key: str | None = None) -> Any:
        found = await find_hook(engine, found.created.token, closed_too=True)
        return await resume(engine, found, payload, key)

    return patch("perdure.testing.simulation.sender.resume", again)


def known_by_another_name() -> Patching:
    """M3: a step that is tried again gives its payload another id."""
    count = iter(range(1_000_000))
    return patch("perdure.engine.hook.answer_id", lambda *_: f"mail_again_{next(count)}")


def not_reopened() -> Patching:
    """S6: a retried run goes on without the hooks that its end closed."""
    return patch.object(seizing, "_open_again", lambda log, events, facts: [])


def expired_too_soon() -> Patching:
    """M2: a hook's end is not refused while payloads for it wait."""
    strict = writing._refusal

    def refusal(kept: Kept, append: Append, now_ms: int) -> Refusal | None:
        return strict(kept, replace(append, all_mail=False), now_ms)

    return patch.object(writing, "_refusal", refusal)


def expired_by_the_worker() -> Patching:
    """S1: a hook expires by the worker's clock, and its senders are told otherwise."""
    strict = writing._refusal

    def refusal(kept: Kept, append: Append, now_ms: int) -> Refusal | None:
        ends = any(row.type == "hook_expired" for row in append.rows)
        return strict(kept, replace(append, due_ms=0) if ends else append, now_ms)

    return patch.object(writing, "_refusal", refusal)
