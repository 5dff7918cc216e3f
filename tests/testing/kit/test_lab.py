"""A lab as tests see it: its time, what it waits for, what it says of runs that wait in vain."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from perdure import RunBlocked, RunFailed, StartOptions, StepNotRegistered, UsageError, configure, resume_hook, start
from perdure.api.connect import CONNECTION
from perdure.testing import Lab, LabStuck, lab
from tests.testing.kit.refunds import (
    Approval,
    Refund,
    approvals,
    ask_manager,
    collect,
    fails,
    family,
    limited,
    nap,
    pay,
    refund,
    refund_payment,
    shout,
    threaded,
)

pytestmark = pytest.mark.anyio


async def test_nobody_answers(lab: Lab) -> None:
    run = await start(refund, "o-1")
    assert (await lab.wait_for_sleep(run)).due_at == lab.now() + timedelta(hours=24)
    await lab.advance("23h59m")
    assert await run.status() == "running"
    await lab.advance("1m")
    assert await run.result() == Refund("refused")
    assert lab.calls(refund_payment) == []


async def test_a_crash_while_it_waits_asks_once_and_refunds_once(lab: Lab) -> None:
    run = await start(refund, "o-1")
    hook = await lab.wait_for_hook(run)
    assert (hook.token, hook.metadata) == ("lab-approval:o-1", {"order": "o-1"})
    await lab.crash()
    await approvals.resume("o-1", Approval(True, by="ann"))
    assert await run.result() == Refund("refunded", "re-o-1")
    [asked], [paid] = lab.calls(ask_manager), lab.calls(refund_payment)
    assert asked.arguments == {"order": "o-1", "token": hook.token}
    assert (paid.run_id, paid.attempt, paid.arguments) == (run.run_id, 1, {"order": "o-1"})
    await lab.replay(run)


async def test_years_take_no_time(lab: Lab) -> None:
    began = time.monotonic()
    runs = [await start(nap, "7d"), await start(nap, "3650d"), await start(limited)]
    await lab.advance("3650d")
    assert [await run.result() for run in runs[:2]] == ["woken", "woken"]
    assert await runs[2].result() == f"given up on {lab.now() - timedelta(days=3650 - 14):%d}"
    assert time.monotonic() - began < 5


async def test_what_is_due_happens_in_order_each_at_its_own_time() -> None:
    async with lab(at=datetime(2026, 1, 1, tzinfo=UTC)) as own:
        runs = [await start(nap, duration) for duration in ("3h", "1h", "2h")]
        await own.advance("3h")
        ends = [(await run.info()).completed_at for run in runs]
        assert ends == [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (3, 1, 2)]
        assert own.now() == datetime(2026, 1, 1, 3, tzinfo=UTC)


async def test_a_delayed_start_waits_for_time(lab: Lab) -> None:
    run = await start(pay, "o-1", options=StartOptions(delay="10m"))
    await lab.advance("9m")
    assert await run.status() == "pending"
    await lab.advance("1m")
    assert await run.status() == "completed"


async def test_back_off_has_no_jitter_and_needs_time(lab: Lab) -> None:
    def down(order: str) -> str:
        raise ConnectionError("down")

    with lab.replace(refund_payment, down):
        run = await start(pay, "o-1")
        await lab.rest()
        assert [call.attempt for call in lab.calls(refund_payment)] == [1]
        await lab.advance("1s")
        assert [call.attempt for call in lab.calls(refund_payment)] == [1, 2]
    await lab.advance("1s")
    assert len(lab.calls(refund_payment)) == 2
    await lab.advance("1s")
    assert await run.result() == "re-o-1"
    assert len({call.step_id for call in lab.calls(refund_payment)}) == 1


async def test_a_step_that_hangs_ends_by_its_timeout() -> None:
    async def hangs(order: str) -> str:
        await asyncio.Event().wait()
        return order

    async with lab(patience="50ms") as own:
        own.replace(refund_payment, hangs)
        run = await start(pay, "o-1")
        await own.advance("29s")
        assert len(own.calls(refund_payment)) == 1
        await own.advance("10m")
        with pytest.raises(RunFailed, match="took longer than 30 s"):
            await run.result()
        assert len(own.calls(refund_payment)) == 3


async def test_a_step_that_really_takes_a_moment_is_waited_for(lab: Lab) -> None:
    async def slow(order: str) -> str:
        await asyncio.sleep(0.1)
        return order

    lab.replace(refund_payment, slow)
    run = await start(pay, "o-1")
    await lab.advance("1h")
    assert await run.result() == "o-1"


async def test_sync_steps_run_in_their_threads(lab: Lab) -> None:
    run = await start(shout, "hey")
    await lab.rest()
    assert await run.status() == "completed"
    assert lab.calls("lab:threaded")[0].arguments == {"text": "hey"}
    lab.replace(threaded, lambda text: text * 2)
    assert await (await start(shout, "hey")).result() == "heyhey"


async def test_children_and_hooks_in_a_loop(lab: Lab) -> None:
    assert await (await start(family, "o")).result() == ["re-o-0", "re-o-1"]
    run = await start(collect, 2)
    for word in ("a", "b"):
        await lab.wait_for_hook(run, token="lab-collect")
        await resume_hook("lab-collect", word)
    assert await run.result() == ["a", "b"]


class TestInVain:
    """Nothing hangs: whoever waits for what doesn't come is told what the run does."""

    async def test_a_hook_that_never_comes(self) -> None:
        async with lab(at=datetime(2026, 1, 1, tzinfo=UTC), patience="50ms") as own:
            run = await start(nap, "7d")
            with pytest.raises(LabStuck) as stuck:
                await own.wait_for_hook(run)
        assert (stuck.value.run_id, stuck.value.awaited) == (run.run_id, "a hook")
        assert stuck.value.standing.startswith(
            "it is waiting for a sleep, until 2026-01-08 00:00:00 UTC; now is 2026-01-01"
        )

    async def test_with_keys_of_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PERDURE_KEYS", f"k1:{'00' * 32}")
        async with lab(patience="50ms") as own:
            run = await start(nap, "7d")
            with pytest.raises(LabStuck, match="waiting for a sleep"):
                await own.wait_for_hook(run)

    async def test_another_hook(self) -> None:
        async with lab(patience="50ms") as own:
            run = await start(collect, 1)
            with pytest.raises(
                LabStuck, match=r"the hook 'other' of run .* waiting for a payload for hook lab-collect"
            ):
                await own.wait_for_hook(run, token="other")

    async def test_a_run_that_has_ended(self) -> None:
        async with lab(patience="50ms") as own:
            done, failed = await start(pay, "o-1"), await start(fails)
            with pytest.raises(LabStuck, match=r"a sleep of run .* it has completed"):
                await own.wait_for_sleep(done)
            await own.advance("1m")
            with pytest.raises(LabStuck, match="it has failed with FatalError: no such order"):
                await own.wait_for_hook(failed)

    async def test_a_result_that_needs_time(self) -> None:
        async with lab(patience="50ms") as own:
            run = await start(nap, "7d")
            with pytest.raises(LabStuck, match=r"the end of run .* it is waiting for a sleep"):
                await run.result()
            await own.advance("7d")
            assert await run.result() == "woken"

    async def test_who_waits_while_a_test_lets_time_pass_is_not_disturbed(self, lab: Lab) -> None:
        run = await start(nap, "7d")
        waiting = asyncio.create_task(run.result())
        await asyncio.sleep(0)
        await lab.advance("7d")
        assert await waiting == "woken"


class TestReplay:
    async def test_the_same_code_fits(self, lab: Lab) -> None:
        run = await start(refund, "o-1")
        await lab.replay(run)
        await lab.advance("24h")
        await lab.replay(run.run_id)
        assert lab.calls(ask_manager) != [] and len(lab.calls(ask_manager)) == 1

    async def test_other_code_does_not(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        run = await start(pay, "o-1")
        assert await run.result() == "re-o-1"

        async def changed(order: str) -> str:
            return await refund_payment(order + "!")

        monkeypatch.setitem(vars(pay.definition), "function", changed)
        with pytest.raises(RunBlocked) as blocked:
            await lab.replay(run)
        assert 'recorded is step lab:refund_payment({"order":"o-1"})' in blocked.value.reason
        assert 'is step lab:refund_payment({"order":"o-1!"})' in blocked.value.reason
        assert f"attempted at {__file__}" in blocked.value.reason

    async def test_nor_does_code_that_goes_on_or_ends_otherwise(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = await start(pay, "o-1")
        await run.result()

        async def longer(order: str) -> str:
            await refund_payment(order)
            return await threaded(order)

        async def other(order: str) -> str:
            return "other" + await refund_payment(order)

        for code, reason in (
            (longer, "the end of the workflow, attempted is step lab:threaded"),
            (other, "otherre-o-1"),
        ):
            monkeypatch.setitem(vars(pay.definition), "function", code)
            with pytest.raises(RunBlocked, match=reason):
                await lab.replay(run)


async def test_hooks_answer_themselves(lab: Lab) -> None:
    lab.answer("lab-approval:*", lambda hook: Approval(hook.metadata["order"] == "good"))
    good, bad = await start(refund, "good"), await start(refund, "bad")
    assert (await good.result()).outcome == "refunded"
    assert (await bad.result()).outcome == "refused"


async def test_what_an_answer_raises_reaches_the_test(lab: Lab) -> None:
    def broken(hook: object) -> Approval:
        raise ZeroDivisionError("in the answer")

    lab.answer("lab-approval:*", broken)
    await start(refund, "o-1")
    with pytest.raises(ZeroDivisionError, match="in the answer"):
        await lab.rest()


class TestIsolation:
    async def test_each_has_a_world_of_its_own(self) -> None:
        async with lab() as first:
            run = await start(nap, "7d")
            await first.wait_for_sleep(run)
        async with lab() as second:
            await second.advance("8d")
            again = await start(pay, "o-1")
            assert await again.result() == "re-o-1"
            assert len(second.calls(refund_payment)) == 1

    async def test_what_was_configured_comes_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(CONNECTION, "url", "sqlite:///nowhere/at/all.db")
        before = dict(vars(CONNECTION))
        async with lab():
            assert await (await start(pay, "o-1")).result() == "re-o-1"
        assert dict(vars(CONNECTION)) == before

    async def test_a_closed_one_says_so(self) -> None:
        async with lab() as closed:
            pass
        with pytest.raises(UsageError, match="this lab isn't open"):
            await closed.advance("1s")

    async def test_code_that_configures_a_world_gets_the_labs(self, lab: Lab) -> None:
        configure(world="sqlite:///nowhere/at/all.db", work=False)
        assert await (await start(pay, "o-1")).result() == "re-o-1"


async def test_bad_input(lab: Lab) -> None:
    with pytest.raises(UsageError, match="can't be replaced by 7"):
        lab.replace(refund_payment, 7)  # type: ignore[arg-type]
    with pytest.raises(StepNotRegistered):
        lab.calls("lab:unknown")
    with pytest.raises(UsageError, match="is no step"):
        lab.calls(pay)  # type: ignore[arg-type]


async def test_a_story_reads_well_and_is_the_same_each_time(lab: Lab) -> None:
    run = await start(refund, "o-1")
    await lab.advance("24h")
    assert (await lab.story(run)).splitlines() == [
        '+0s        run_created      refund {"order":"o-1"}',
        "+0s        hook_created     lab-approval:o-1",
        '+0s        step_created     ask_manager {"order":"o-1","token":"lab-approval:o-1"}',
        "+0s        step_completed   ask_manager null",
        "+0s        wait_created     sleep 1d",
        "+1d        wait_completed   sleep 1d",
        "+1d        hook_disposed    lab-approval:o-1",
        '+1d        run_completed    refund {"$":"obj","type":"tests.testing.kit.refunds:Refund","v":'
        '{"outcome":"refused","refund_id":""}}',
    ]
