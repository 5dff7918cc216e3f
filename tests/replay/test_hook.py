"""A hook as its body has it: logs in, payloads out; new, recorded, recorded and pending; and what the World decides."""

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

import pytest

from perdure import HookConflict, HookExpired, UsageError, create_hook, now, race, sleep, timeout
from perdure.codec.fact import pack
from perdure.model.event import AnyFact, CancelRequested, HookDisposed, WaitCompleted
from perdure.model.event import HookConflict as Conflict
from perdure.model.event import HookExpired as Expired
from tests.core.hooks import OTHER, got, hook, taken
from tests.core.logs import SECOND, done, failed, raw, step
from tests.replay.bodied import Line, act, body_of, ended, key
from tests.replay.hooked import HOOK, Recorded, asked, disposed, opened, registered, turn

MADE = hook("t")
NAP = WaitCompleted(due_ms=1)


async def one() -> Any:
    return await create_hook(token="t")


async def three() -> list[Any]:
    waiting = create_hook(token="t")
    return [await waiting, await waiting, await waiting]


async def block() -> Any:
    async with create_hook(token="t") as waiting:
        await act("a", waiting.token)
        return await waiting


class TestPayloads:
    def test_new(self) -> None:
        body = body_of(one)
        assert asked(body) == [(HOOK, MADE)]
        turn(body, 1, decided=(registered(),))
        assert ended(body) == ""
        turn(body, 2, (HOOK, got('"hello"')))
        assert ended(body) == 'run_completed "hello"'

    def test_recorded(self) -> None:
        body = body_of(one, (0, HOOK, MADE), (1, HOOK, got('"hello"')))
        assert (asked(body), ended(body)) == ([], 'run_completed "hello"')

    def test_recorded_and_pending(self) -> None:
        body = body_of(one, (0, HOOK, MADE))
        assert (asked(body), ended(body)) == ([], "")
        turn(body, 2, (HOOK, got("7")))
        assert ended(body) == "run_completed 7"

    def test_they_come_in_the_order_of_the_log(self) -> None:
        body = body_of(three)
        turn(body, 1, (HOOK, got("1")), (HOOK, got("2")), decided=(registered(),))
        turn(body, 2, (HOOK, got("3")))
        assert ended(body) == "run_completed [1,2,3]"

    def test_what_comes_before_the_body_waits_is_kept(self) -> None:
        async def late() -> list[Any]:
            waiting = create_hook(token="t")
            await act("a")
            return [await waiting, await waiting]

        body = body_of(late)
        turn(body, 1, (HOOK, got("1")), decided=(registered(),))
        turn(body, 2, (HOOK, got("2")))
        turn(body, 3, (key("a"), done()))
        assert ended(body) == "run_completed [1,2]"

    def test_two_hooks_keep_apart(self) -> None:
        async def both() -> list[Any]:
            first, second = create_hook(token="t"), create_hook(token="u")
            return [await second, await first]

        body = body_of(both)
        assert asked(body) == [(HOOK, MADE), ("0/hook#1", hook("u"))]
        turn(body, 1, (HOOK, got("1")), ("0/hook#1", got("2")))
        assert ended(body) == "run_completed [2,1]"

    def test_the_type_directs_what_the_body_gets(self) -> None:
        @dataclass
        class Approval:
            approved: bool

        async def typed() -> str:
            return repr(await create_hook(Approval, token="t"))

        body = body_of(typed, (0, HOOK, MADE), (1, HOOK, got('{"approved":true}')))
        assert ended(body).endswith('Approval(approved=True)"')

    def test_a_rejected_payload_wakes_nobody(self) -> None:
        body = body_of(one)
        turn(body, 1, (HOOK, got('"x"', "payload: no int")), decided=(registered(),))
        assert ended(body) == ""
        turn(body, 2, (HOOK, got("2")))
        assert ended(body) == "run_completed 2"

    def test_what_doesnt_fit_can_be_told_beforehand(self) -> None:
        async def typed() -> list[int]:
            return await create_hook(list[int], token="t")

        body = body_of(typed)
        assert body.hooks[HOOK].rejects(raw("[1,2]")) is None
        assert body.hooks[HOOK].rejects(raw('[1,"2"]')) == (
            "payload[1]: it is a str, where the annotation asks for int"
        )

    def test_what_a_type_says_can_always_be_recorded(self) -> None:
        """Its words may be anything; one payload must not park its run (P12)."""

        async def typed() -> Odd:
            return await create_hook(Odd, token="t")

        reason = body_of(typed).hooks[HOOK].rejects(raw('{"text":"' + "x" * 5000 + '"}'))
        assert reason is not None
        assert "\\udcffx" in reason
        assert pack(got(rejected=reason))
        assert len(reason) < 2100


@dataclass
class Odd:
    """Refuses every text, in words that are no UTF-8."""

    text: str

    def __post_init__(self) -> None:
        raise ValueError("\udcff" + self.text)


@dataclass
class Payload:
    n: int


class TestReaders:
    def test_each_payload_goes_to_the_reader_that_has_waited_longest(self) -> None:
        async def flow() -> list[Any]:
            waiting = create_hook(token="t")

            async def read() -> Any:
                return await waiting

            return list(await asyncio.gather(read(), read(), read()))

        body = body_of(flow)
        turn(body, 1, *((HOOK, got(str(n))) for n in (1, 2, 3)), decided=(registered(),))
        assert ended(body) == "run_completed [1,2,3]"

    def test_a_cancelled_reader_takes_nothing(self) -> None:
        async def flow() -> list[Any]:
            waiting = create_hook(token="t")
            reader = asyncio.ensure_future(_take(waiting))
            await act("a")
            reader.cancel()
            return [await waiting, reader.cancelled()]

        body = body_of(flow)
        turn(body, 1, (key("a"), done()), (HOOK, got("1")), decided=(registered(),))
        assert ended(body) == "run_completed [1,true]"

    @pytest.mark.parametrize("others", [0, 1])
    def test_one_that_is_cancelled_between_waking_and_taking_loses_no_payload(self, others: int) -> None:
        """A reader wakes and then takes: here both are made ready by one delivery, and the cancel comes in between."""
        seen: list[str] = []

        async def flow() -> list[Any]:
            waiting = create_hook(token="t")
            first = asyncio.ensure_future(_take(waiting))
            rest = [asyncio.ensure_future(_take(waiting)) for _ in range(others)]
            await asyncio.sleep(0)  # they wait

            await act("a")
            loop = asyncio.get_running_loop()
            loop.call_soon(waiting._hook.put, raw("1"))  # what a delivery does; and a cancel, before anybody runs
            loop.call_soon(first.cancel)
            for _ in range(3):
                await asyncio.sleep(0)
            seen.append("cancelled" if first.cancelled() else "took it")
            return [await task for task in rest] or [await waiting]

        body = body_of(flow)
        turn(body, 1, (key("a"), done()), decided=(registered(),))
        assert ended(body) == "run_completed [1]"
        assert seen == ["cancelled"]

    def test_a_newcomer_may_take_it_and_the_one_that_woke_waits_on(self) -> None:
        async def flow() -> list[Any]:
            waiting = create_hook(token="t")
            woken = asyncio.ensure_future(_take(waiting))
            await act("a")
            waiting._hook.put(raw("1"))
            mine = await waiting
            return [mine, await woken]

        body = body_of(flow)
        turn(body, 1, (key("a"), done()), decided=(registered(),))
        assert ended(body) == ""
        turn(body, 2, (HOOK, got("2")))
        assert ended(body) == "run_completed [1,2]"

    def test_the_loser_of_a_race_swallows_nothing(self) -> None:
        async def flow() -> list[Any]:
            waiting = create_hook(token="t")
            first = await race(waiting, sleep("1h", result="late"))
            return [first, await waiting]

        body = body_of(flow)
        asked(body)
        turn(body, 1, ("0.2/sleep#0", NAP), (HOOK, got("1")), decided=(registered(),))
        assert ended(body) == 'run_completed ["late",1]'

    def test_two_hooks_in_a_race_lose_nothing(self) -> None:
        async def flow() -> list[Any]:
            first, second = create_hook(token="t"), create_hook(token="u")
            return [await race(first, second), await race(first, second)]

        body = body_of(flow)
        turn(body, 1, (HOOK, got("1")), ("0/hook#1", got("2")))
        assert ended(body) == "run_completed [1,2]"

    def test_hooks_that_all_have_a_payload_lose_none_to_a_race(self) -> None:
        """They finish in the same pass of the loop: who loses has taken its payload, and puts it back."""

        async def flow() -> list[Any]:
            hooks = [create_hook(token=token) for token in "tuv"]
            await act("a")
            raced = [await race(*hooks) for _ in range(3)]
            return [raced, await hooks[0]]

        body = body_of(flow)
        turn(body, 1, *((f"0/hook#{n}", got(str(n))) for n in (2, 1, 0)))
        turn(body, 2, (key("a"), done()))
        assert ended(body) == ""
        turn(body, 3, (HOOK, got("9")))
        assert ended(body) == "run_completed [[0,1,2],9]"

    def test_what_was_put_back_comes_before_what_came_later(self) -> None:
        async def flow() -> list[Any]:
            first, second = create_hook(int, token="t"), create_hook(Payload, token="u")
            await act("a")
            return [await race(first, second), *[(await second).n for _ in range(2)]]

        body = body_of(flow)
        turn(body, 1, (HOOK, got("1")), ("0/hook#1", got('{"n":2}')), ("0/hook#1", got('{"n":3}')))
        turn(body, 2, (key("a"), done()))
        assert ended(body) == "run_completed [1,2,3]"

    def test_what_was_put_back_goes_to_who_waits(self) -> None:
        async def flow() -> list[Any]:
            first, second = create_hook(token="t"), create_hook(token="u")
            await act("a")
            racing = asyncio.ensure_future(race(first, second))
            await asyncio.sleep(0)
            reader = asyncio.ensure_future(_take(second))
            return [await racing, await reader]

        body = body_of(flow)
        turn(body, 1, (HOOK, got("1")), ("0/hook#1", got("2")))
        turn(body, 2, (key("a"), done()))
        assert ended(body) == "run_completed [1,2]"

    def test_a_race_that_is_cancelled_as_it_is_won_loses_nothing(self) -> None:
        async def flow() -> list[Any]:
            waiting = create_hook(token="t")
            await act("a")
            racing = asyncio.ensure_future(race(waiting, sleep("1h")))
            for _ in range(3):  # the payload is taken; whoever awaits the race doesn't know yet
                await asyncio.sleep(0)
            racing.cancel()
            for _ in range(9):
                await asyncio.sleep(0)
            return [racing.cancelled(), await waiting]

        body = body_of(flow)
        turn(body, 1, (HOOK, got("1")))
        turn(body, 2, (key("a"), done()))
        assert ended(body) == "run_completed [true,1]"

    def test_what_a_race_gave_is_not_put_back(self) -> None:
        async def flow() -> list[Any]:
            waiting = create_hook(token="t")
            return [await race(waiting), await race(waiting, waiting)]

        body = body_of(flow)
        turn(body, 1, (HOOK, got("1")), (HOOK, got("2")))
        assert ended(body) == "run_completed [1,2]"

    def test_a_timeout_around_it_loses_nothing(self) -> None:
        async def flow() -> list[Any]:
            waiting = create_hook(token="t")
            try:
                async with timeout("1h"):
                    await waiting
            except TimeoutError:
                return ["late", await waiting]
            return []

        body = body_of(flow)
        turn(body, 1, ("0/timeout#0", NAP), decided=(registered(),))
        turn(body, 2, (HOOK, got("1")))
        assert ended(body) == 'run_completed ["late",1]'


async def _take(waiting: Any) -> Any:
    return await waiting


class TestEnds:
    def test_payloads_before_the_end_are_still_there_then_it_is_told(self) -> None:
        async def flow() -> list[Any]:
            waiting = create_hook(token="t", expires="1h")
            await act("a")
            taken = [await waiting, await waiting]
            try:
                await waiting
            except HookExpired as error:
                taken.append(str(error))
            return taken

        body = body_of(flow)
        asked(body)
        turn(body, 1, (HOOK, got("1")), (HOOK, got("2")), (HOOK, Expired(due_ms=1)), decided=(registered(),))
        turn(body, 2, (key("a"), done()))
        assert ended(body) == 'run_completed [1,2,"the hook has expired, and no payload that came in time is left"]'

    def test_whoever_waits_is_told_at_once(self) -> None:
        async def flow() -> list[str]:
            waiting = create_hook(token="t", expires="1h")
            told = await asyncio.gather(_take(waiting), _take(waiting), return_exceptions=True)
            return [type(error).__name__ for error in told]

        body = body_of(flow)
        turn(body, 1, (HOOK, Expired(due_ms=1)), decided=(registered(),))
        assert ended(body) == 'run_completed ["HookExpired","HookExpired"]'

    def test_iteration_ends_there(self) -> None:
        async def flow() -> list[Any]:
            async with create_hook(token="t", expires="1h") as waiting:
                return [payload async for payload in waiting]

        body = body_of(flow)
        turn(body, 1, (HOOK, got("1")), decided=(registered(),))
        turn(body, 2, (HOOK, got("2")), (HOOK, Expired(due_ms=1)))
        assert ended(body) == "run_completed [1,2]"
        assert disposed(body) == [], "an expired hook has nothing to give back"

    def test_a_disposed_hook_gives_what_it_has_then_says_so(self) -> None:
        async def flow() -> list[Any]:
            waiting = create_hook(token="t")
            await act("a")
            await waiting.dispose()
            await waiting.dispose()
            taken = [await waiting]
            try:
                await waiting
            except UsageError as error:
                taken.append(str(error))
            return taken

        body = body_of(flow)
        turn(body, 1, (HOOK, got("1")), decided=(registered(),))
        asked(body)
        turn(body, 2, (key("a"), done()))
        assert ended(body) == (
            'run_completed [1,"this hook was disposed, and has no payload left: await it before that"]'
        )
        assert disposed(body) == [HOOK], "once"

    def test_a_disposed_hook_gets_nothing_more(self) -> None:
        async def flow() -> Any:
            async with create_hook(token="t") as waiting:
                await waiting
            return await act("a")

        body = body_of(flow)
        turn(body, 1, (HOOK, got("1")), (HOOK, got("2")), decided=(registered(),))
        turn(body, 2, (HOOK, got("3")), (key("a"), done("9")))
        assert ended(body) == "run_completed 9"

    def test_disposing_ends_an_iteration(self) -> None:
        async def flow() -> list[Any]:
            waiting = create_hook(token="t")
            seen: list[Any] = []
            async for payload in waiting:
                seen.append(payload)
                if payload == "enough":
                    await waiting.dispose()
            return seen

        body = body_of(flow)
        turn(body, 1, (HOOK, got("1")), (HOOK, got('"enough"')), (HOOK, got("3")), decided=(registered(),))
        assert ended(body) == 'run_completed [1,"enough"]'

    def test_disposing_ends_another_tasks_iteration(self) -> None:
        async def flow() -> list[Any]:
            async with create_hook(token="t") as waiting:
                reader = asyncio.ensure_future(_all(waiting))
                await act("a")
            return await reader

        body = body_of(flow)
        turn(body, 1, decided=(registered(),))
        turn(body, 2, (HOOK, got("1")), (key("a"), done()))
        assert ended(body) == "run_completed [1]"

    def test_a_dispose_is_said_in_its_place_among_the_requests(self) -> None:
        async def flow() -> None:
            waiting = create_hook(token="t")
            await act("a")
            await waiting.dispose()
            create_hook(token="t")
            await act("b")

        body = body_of(flow)
        asked(body)
        turn(body, 1, (key("a"), done()), decided=(registered(),))
        assert [(key_, type(fact).__name__) for key_, fact in body.take_answer().requests] == [
            (HOOK, "HookDisposed"),
            ("0/hook#1", "HookCreated"),
            (key("b"), "StepCreated"),
        ]


async def _all(waiting: Any) -> list[Any]:
    return [payload async for payload in waiting]


class TestDecisions:
    """T5: what the World decides is handed over at the start of the next turn, or as a turn of its own."""

    def test_a_block_is_entered_once_the_hook_is_registered(self) -> None:
        body = body_of(block)
        assert asked(body) == [(HOOK, MADE)]
        turn(body, 1, decided=(registered(),))
        assert asked(body) == [(key("a"), step("app:a", '{"value":"t"}'))]

    def test_a_taken_token_is_told_on_entering(self) -> None:
        async def careful() -> str:
            try:
                async with create_hook(token="t"):
                    return "entered"
            except HookConflict as error:
                return f"{error.token} of {error.owner_run_id}: {error}"

        body = body_of(careful)
        turn(body, 1, decided=(registered(owner=OTHER),))
        assert ended(body) == (
            f"run_completed \"t of {OTHER}: the token 't' belongs to a hook of run {OTHER}: "
            'wait until it is disposed, or choose another"'
        )
        assert disposed(body) == [], "it has nothing to give back"
        assert ended(body_of(careful, (0, HOOK, taken("t")))) == ended(body)

    def test_without_a_block_at_the_first_await(self) -> None:
        async def careful() -> list[Any]:
            waiting = create_hook(token="t")
            first = await act("a")
            try:
                await waiting
            except HookConflict as error:
                return [first, error.owner_run_id]
            return []

        body = body_of(careful)
        turn(body, 1, decided=(registered(owner=OTHER),))
        assert ended(body) == "", "nothing is raised while nobody awaits it"
        turn(body, 2, (key("a"), done()))
        assert ended(body) == f'run_completed [1,"{OTHER}"]'

    def test_whoever_awaits_it_already_is_told(self) -> None:
        async def careful() -> str:
            waiting = create_hook(token="t")
            told = await asyncio.gather(_take(waiting), _all(waiting), return_exceptions=True)
            return " ".join(type(error).__name__ for error in told)

        body = body_of(careful)
        turn(body, 1, decided=(registered(owner=OTHER),))
        assert ended(body) == 'run_completed "HookConflict HookConflict"'

    def test_a_conflict_that_is_told_twice_is_the_same(self) -> None:
        async def careful() -> int:
            waiting = create_hook(token="t")
            told = 0
            for _ in range(2):
                try:
                    await waiting
                except HookConflict:
                    told += 1
            return told

        assert ended(body_of(careful, (0, HOOK, taken("t")))) == "run_completed 2"

    def test_disposing_of_a_hook_that_met_a_taken_token_does_nothing(self) -> None:
        async def flow() -> None:
            waiting = create_hook(token="t")
            await act("a")
            await waiting.dispose()

        body = body_of(flow, (0, HOOK, taken("t")), (0, key("a"), step("app:a")), (1, key("a"), done()))
        assert (disposed(body), ended(body)) == ([], "run_completed null")

    def test_what_is_decided_comes_before_the_deliveries_of_its_turn(self) -> None:
        seen: list[str] = []

        async def flow() -> None:
            async def enter() -> None:
                async with create_hook(token="t"):
                    seen.append("entered")

            async def work() -> None:
                await act("a")
                seen.append("a")

            await asyncio.gather(enter(), work())

        lines: list[Line] = [
            (0, "0.1/hook#0", MADE),
            (0, key("a", "0.2"), step("app:a")),
            (1, key("a", "0.2"), done()),
        ]
        body_of(flow, *lines)
        assert seen == ["entered", "a"]
        seen.clear()
        live = body_of(flow)
        turn(live, 1, (key("a", "0.2"), done()), decided=(registered("0.1/hook#0"),))
        assert seen == ["entered", "a"]

    def test_now_is_the_time_of_what_is_told(self) -> None:
        async def flow() -> list[int]:
            times = [int(now().timestamp())]
            async with create_hook(token="t") as waiting:
                times.append(int(now().timestamp()))
                await waiting
            times.append(int(now().timestamp()))
            return times

        live = body_of(flow)
        turn(live, 1, decided=(registered(at_ms=3 * SECOND),))
        turn(live, 2, (HOOK, got()))
        assert ended(live) == "run_completed [2,3,90]"
        alone = body_of(flow, (0, HOOK, MADE))
        assert alone.loop.now_ms == 3 * SECOND
        together = body_of(flow, (0, HOOK, MADE), (1, HOOK, got()))
        assert ended(together) == "run_completed [2,3,4]"

    def test_a_decision_that_nobody_was_told_is_a_turn_of_its_own(self) -> None:
        body = body_of(block, (0, HOOK, MADE))
        assert asked(body) == [(key("a"), step("app:a", '{"value":"t"}'))]
        assert body.machine.turn == 1

    def test_its_number_was_never_used(self) -> None:
        body = body_of(block, (0, HOOK, MADE), (4, HOOK, HookDisposed()))
        assert (body.machine.turn, asked(body) != []) == (5, True)

    def test_a_decision_is_told_once(self) -> None:
        """The turns that follow find nothing left to tell."""
        body = body_of(block, (0, HOOK, MADE), (1, key("a"), step("app:a", '{"value":"t"}')), (2, key("a"), done()))
        assert (asked(body), ended(body), body.machine.turn) == ([], "", 2)

    def test_a_decision_after_the_end_of_the_body_does_nothing(self) -> None:
        async def hasty() -> str:
            create_hook(token="t")
            return "gone"

        body = body_of(hasty, (0, HOOK, MADE))
        assert ended(body) == 'run_completed "gone"'

    def test_a_hook_that_is_missing_in_todays_code_diverges(self) -> None:
        async def other() -> None:
            await act("a")

        body = body_of(other, (0, HOOK, MADE))
        assert body.divergence is not None
        assert (body.divergence.recorded, body.divergence.attempted) == ("hook t", "step app:a({})")


class TestCancel:
    async def _block(self) -> None:
        async with create_hook(token="t") as waiting:
            await waiting

    def test_a_cancel_inside_the_block_disposes(self) -> None:
        body = body_of(self._block)
        asked(body)
        turn(body, 1, ("", CancelRequested()), decided=(registered(),))
        assert disposed(body) == [HOOK]
        assert ended(body) == "run_cancelled"

    def test_a_cancel_on_entering_disposes(self) -> None:
        """Nobody will leave the block."""

        async def flow() -> str:
            entering = asyncio.ensure_future(self._block())
            await act("a")
            entering.cancel()
            await asyncio.sleep(0)
            return "cancelled" if entering.cancelled() else "?"

        body = body_of(flow)
        asked(body)
        turn(body, 1, (key("a"), done()))
        assert disposed(body) == ["0.1/hook#0"]
        assert ended(body) == 'run_completed "cancelled"'

    def test_a_timeout_on_entering_disposes_too(self) -> None:
        async def flow() -> str:
            try:
                async with timeout("1s"), create_hook(token="t"):
                    return "entered"
            except TimeoutError:
                return "late"

        body = body_of(flow)
        asked(body)
        turn(body, 1, ("0/timeout#0", NAP))
        assert disposed(body) == [HOOK]
        assert ended(body) == 'run_completed "late"'

    def test_a_body_that_is_put_away_keeps_its_hooks(self) -> None:
        body = body_of(self._block)
        turn(body, 1, decided=(registered(),))
        asked(body)
        body.put_away()
        assert body.take_answer().requests == []

    def test_one_that_is_put_away_on_entering_keeps_them_too(self) -> None:
        body = body_of(self._block)
        asked(body)
        body.put_away()
        assert body.take_answer().requests == []

    def test_an_exception_in_the_block_disposes(self) -> None:
        async def flow() -> None:
            async with create_hook(token="t"):
                await act("a")

        body = body_of(flow)
        turn(body, 1, decided=(registered(),))
        asked(body)
        turn(body, 2, (key("a"), failed()))
        assert disposed(body) == [HOOK]
        assert ended(body) == "run_failed"


class TestTokens:
    async def _random(self) -> str:
        return f"{create_hook().token} {create_hook().token}"

    def test_a_random_token_is_the_bodys_source(self) -> None:
        body = opened(self._random, token="drawn")
        assert asked(body) == [(HOOK, hook("drawn", random=True)), ("0/hook#1", hook("drawn", random=True))]

    def test_a_recorded_one_comes_from_the_log(self) -> None:
        lines: list[Line] = [(0, HOOK, hook("kept", random=True)), (0, "0/hook#1", hook("too", random=True))]
        body = body_of(self._random, *lines)
        assert (asked(body), ended(body)) == ([], 'run_completed "kept too"')

    def test_one_that_met_a_conflict_too(self) -> None:
        """As unlikely as it is."""
        body = body_of(one_random, (0, HOOK, taken_random()))
        assert body.divergence is None

    def test_a_given_token_in_the_log_is_no_random_one(self) -> None:
        body = body_of(one_random, (0, HOOK, hook("mine")))
        assert body.divergence is not None
        assert body.divergence.recorded == "hook mine"


async def one_random() -> Any:
    return await create_hook()


def taken_random() -> AnyFact:
    return Conflict(hook=hook("kept", random=True), owner=OTHER)


# -- a whole life: live and in every replay alike


async def shop() -> list[Any]:
    """Hooks in blocks and without, in races, in branches, disposed, expired, and one whose token is taken."""
    told: list[Any] = []
    async with create_hook(token="approval") as approval:
        await act("a", approval.token)
        told.append(await race(approval, sleep("1h", result="late")))
    poll = create_hook(token="poll", expires="2h")
    try:
        async with create_hook(token="taken"):
            told.append("never")
    except HookConflict as error:
        told.append(error.owner_run_id)
    told += await asyncio.gather(_all(poll), act("b"))
    inner = create_hook()
    await act("c", "inner")
    told.append(await inner)
    await inner.dispose()
    told.append(int(now().timestamp()) > 0)
    return told


POLL, INNER = "0/hook#1", "0/hook#3"
B = key("b", "0.4")


@pytest.mark.parametrize("alone", [True, False])
class TestEveryPartOfALog:
    """What the World decided is told alone, or with what came next."""

    def _begun(self, alone: bool) -> Recorded:
        life = Recorded(shop, alone=alone, holders={"taken": OTHER})
        if not alone:
            life.deliver((HOOK, got("0")))  # with which the hook's registration is told
        return life.deliver((key("a"), done()))

    def test_turn_by_turn(self, alone: bool) -> None:
        life = self._begun(alone)
        life.each((HOOK, got('"yes"')), (POLL, got("1")), (POLL, got("2")), (POLL, Expired(due_ms=1)), (B, done()))
        life.each((key("c"), done()), (INNER, got('"in"')))
        first = '"yes"' if alone else "0"
        assert life.result() == f'run_completed [{first},"{OTHER}",[1,2],1,"in",true]'
        life.check()

    def test_in_one_go(self, alone: bool) -> None:
        life = self._begun(alone)
        life.deliver((HOOK, got('"yes"')), (HOOK, got('"no"')))
        life.deliver((POLL, got("1")), (B, done()), (POLL, got("2")), (POLL, Expired(due_ms=1)))
        life.deliver((key("c"), done()), (INNER, got('"in"')))
        first = '"yes"' if alone else "0"
        assert life.result() == f'run_completed [{first},"{OTHER}",[1,2],1,"in",true]'
        life.check()

    @pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
    def test_in_any_order(self, alone: bool, order: tuple[int, ...]) -> None:
        facts: list[tuple[str, AnyFact]] = [(POLL, got("1")), (POLL, got("2")), (B, done()), (POLL, Expired(due_ms=1))]
        life = self._begun(alone).deliver((HOOK, got('"yes"')))
        if not alone:
            life.deliver((HOOK, got('"late"')))
        shuffled = [facts[place] for place in order]
        life.each(*shuffled).each((key("c"), done()), (INNER, got('"in"')))
        before = shuffled[: shuffled.index(facts[3])]
        polled = [fact.payload for _, fact in before if fact in (got("1"), got("2"))]  # type: ignore[union-attr]
        shown = ",".join(bytes(payload).decode() for payload in polled)
        assert f'"{OTHER}",[{shown}],1,"in",true]' in life.result()
        life.check()

    def test_a_log_that_ends_in_a_wait_waits(self, alone: bool) -> None:
        life = self._begun(alone).each((HOOK, got('"yes"')), (HOOK, got('"late"')))
        again = opened(shop, *life.lines)
        assert (asked(again), ended(again)) == ([], "")
        assert again.hooks.keys() == life.body.hooks.keys()


def test_a_payload_that_comes_too_late_for_its_race_changes_nothing() -> None:
    life = Recorded(shop, holders={"taken": OTHER}).each((key("a"), done()), ("0.2/sleep#0", NAP))
    life.each((HOOK, got('"too late"')), (POLL, Expired(due_ms=1)), (B, done()), (key("c"), done()))
    life.deliver((INNER, got('"in"')))
    assert life.result() == f'run_completed ["late","{OTHER}",[],1,"in",true]'
    life.check()


def test_hooks_of_two_branches_have_numbers_of_their_own() -> None:
    async def flow() -> list[Any]:
        async def branch(token: str) -> Any:
            return await create_hook(token=token)

        return list(await asyncio.gather(branch("t"), branch("u")))

    body = body_of(flow)
    assert asked(body) == [("0.1/hook#0", MADE), ("0.2/hook#0", hook("u"))]
    lines: list[Line] = [(0, "0.1/hook#0", MADE), (0, "0.2/hook#0", hook("u")), (1, "0.2/hook#0", got("2"))]
    replayed = body_of(flow, *lines)
    turn(replayed, 2, ("0.1/hook#0", got("1")))
    assert ended(replayed) == "run_completed [1,2]"
