"""Hooks from code without a loop: looking at them, and sending."""

from dataclasses import dataclass
from typing import Any

import pytest

import perdure
from perdure import sync
from perdure.sync import (
    DuplicateName,
    HookDefinition,
    HookNotFound,
    NotInWorkflow,
    PayloadInvalid,
    Retry,
    UsageError,
    define_hook,
    get_hook,
    get_step_metadata,
    resume_hook,
    start,
    step,
    workflow,
)
from tests.sync.program import wait_until


@dataclass
class Approval:
    approved: bool
    by: str = ""


approvals = define_hook(Approval, prefix="sync-approval")


@workflow
async def asks(document: str) -> list[Any]:
    async with approvals.create(document, metadata={"document": document}) as approval:
        found = await approval
        return [found.approved, found.by, type(found).__name__]


def waits(run: sync.Run[Any]) -> bool:
    return any(hook.status == "waiting" for hook in run.hooks())


def test_a_hook_is_found_and_resumed() -> None:
    run = start(asks, "d1")
    wait_until(lambda: waits(run))
    token = approvals.token("d1")
    assert token == "sync-approval:d1"
    assert approvals.get("d1") == get_hook(token)
    assert get_hook(token).metadata == {"document": "d1"}
    sent = approvals.resume("d1", Approval(True, "ann"))
    assert (sent.run_id, sent.token) == (run.run_id, token)
    assert run.result() == [True, "ann", "Approval"]
    with pytest.raises(HookNotFound):
        approvals.get("d1")


def test_a_payload_that_does_not_fit_and_one_that_is_repeated() -> None:
    run = start(asks, "d2")
    wait_until(lambda: waits(run))
    with pytest.raises(PayloadInvalid):
        resume_hook("sync-approval:d2", {"approved": "perhaps"})
    for _ in range(2):
        resume_hook("sync-approval:d2", Approval(False), idempotency_key="once")
    assert run.result() == [False, "", "Approval"]
    [hook] = run.hooks()
    assert hook.received == 1


def test_a_definition_of_the_other_kind_can_be_wrapped() -> None:
    wrapped = HookDefinition(perdure.define_hook(Approval, prefix="sync-approval"))
    assert (wrapped.type, wrapped.prefix, repr(wrapped)) == (Approval, "sync-approval", repr(approvals))
    with pytest.raises(HookNotFound):
        wrapped.resume("nobody", Approval(True))


def test_what_is_refused() -> None:
    with pytest.raises(DuplicateName):
        define_hook(int, prefix="sync-approval")
    with pytest.raises(UsageError, match="empty key"):
        approvals.token("")
    with pytest.raises(NotInWorkflow):
        approvals.create("d3")
    with pytest.raises(HookNotFound):
        resume_hook("nobody waits for this")


@step(retry=Retry(delay=0.001))
def answers(document: str) -> int:
    approvals.resume(document, Approval(True, "a step"))
    attempt = get_step_metadata().attempt
    if attempt == 1:
        raise ValueError("after it was sent")
    return attempt


@workflow
async def delegates(document: str) -> list[Any]:
    async with approvals.create(document) as approval:
        attempt = await answers(document)
        return [attempt, (await approval).by]


def test_a_sync_step_sends_once_though_it_is_retried() -> None:
    run = start(delegates, "d4")
    assert run.result() == [2, "a step"]
    [hook] = run.hooks()
    assert hook.received == 1
