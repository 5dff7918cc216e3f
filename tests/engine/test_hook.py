"""Reaching a run from outside: which hook a token leads to, and what becomes of a payload that is sent to it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import pytest
from msgspec import Raw

import perdure.engine.hook
from perdure.codec.fact import pack
from perdure.engine.engine import Engine
from perdure.engine.hook import FoundHook, find_hook, read_hook, resume, takes_payloads
from perdure.errors import DecodeError, HookNotFound, PayloadConflict
from perdure.model.event import HookReceived, RunCompleted
from perdure.model.ids import RunId, answer_id, token_hash
from perdure.testing.conformance.sample import ONE, append_to, born, done, mail_of, registering, row, run_id
from perdure.world import HookClosing, HookRecord, NewHook
from tests.core.hooks import hook
from tests.engine.stage import Stage

KEY = "0/hook#0"
LATER_MS = 5000


class Scene:
    """Somebody outside, and runs whose hooks are written by hand."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.world = stage, stage.world
        self.engine: Engine = stage.engine()
        self.seq = 3

    async def open(self, *tokens: str, run: int = 1, expires_ms: int | None = None) -> None:
        """A run with these hooks."""
        await born(self.world, run)
        created = [hook(token, expires_ms=expires_ms, metadata='{"for":"ann"}') for token in tokens]
        rows = [row("hook_created", key=f"0/hook#{n}", payload=pack(fact)) for n, fact in enumerate(created)]
        hooks = [
            NewHook(key=f"0/hook#{n}", token_hash=token_hash(fact.token), row=n, expires_at_ms=expires_ms)
            for n, fact in enumerate(created)
        ]
        await done(self.world, append_to(run, 3, rows=tuple(rows), hooks=tuple(hooks)))
        self.seq = 3 + len(rows)

    async def append(self, *types: str, run: int = 1, **more: Any) -> None:
        await done(self.world, append_to(run, self.seq, rows=tuple(row(type) for type in types), **more))
        self.seq += len(types)

    async def end(self, run: int = 1) -> None:
        """Takes the mail along, as a worker would."""
        letters = await self.world.read_mail(run_id(run))
        rows = [row(each.kind, key=each.key, payload=each.payload, mail_id=each.mail_id) for each in letters]
        rows.append(row("run_completed", payload=pack(RunCompleted(result=Raw(b"1")))))
        taken = tuple(each.mail_id for each in letters)
        await done(self.world, append_to(run, self.seq, rows=tuple(rows), mail_taken=taken, status="completed"))

    async def find(self, token: str, *, closed_too: bool = False) -> FoundHook:
        return await find_hook(self.engine, token, closed_too=closed_too)

    async def is_found(self, token: str, *, closed_too: bool = False) -> bool:
        try:
            await self.find(token, closed_too=closed_too)
        except HookNotFound as error:
            assert error.token == token
            return False
        return True

    async def payloads(self, run: int = 1) -> list[tuple[str, str]]:
        """What waits in the inbox: keys and payloads."""
        letters = await self.world.read_mail(run_id(run))
        return [(letter.key, letter.payload.decode()) for letter in letters]


def play(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    stage = Stage()

    async def scene() -> None:
        await act(Scene(stage))

    stage.play(scene)


# -- a token leads to its hook


def test_the_hook_and_what_its_body_asked_for() -> None:
    async def act(on: Scene) -> None:
        await on.open("first", "approval:1")
        found = await on.find("approval:1")
        assert found.created == hook("approval:1", metadata='{"for":"ann"}')
        assert (found.record.run_id, found.record.key, found.record.seq) == (run_id(1), "0/hook#1", 4)

    play(act)


@pytest.mark.parametrize("token", ["nobody's", "", "approval:1 ", "APPROVAL:1", "\ud800", "x" * 100_000])
def test_an_unknown_token(token: str) -> None:
    async def act(on: Scene) -> None:
        await on.open("approval:1")
        assert not await on.is_found(token)
        assert not await on.is_found(token, closed_too=True)

    play(act)


def test_the_sentence_is_always_the_same() -> None:
    assert str(HookNotFound("secret")) == (
        "no hook takes a payload under this token: it is unknown, disposed or expired, or its run has ended"
    )


def test_a_hash_that_two_tokens_had_would_lead_to_the_right_one_only() -> None:
    """The token lies in the log, and is compared."""

    async def act(on: Scene) -> None:
        await born(on.world)
        forged = NewHook(key=KEY, token_hash=token_hash("guessed"), row=0)
        await done(on.world, registering(1, 3, forged, rows=(row("hook_created", payload=pack(hook("real"))),)))
        assert not await on.is_found("guessed")

    play(act)


def test_a_disposed_hook_is_found_only_by_who_asks_for_closed_ones() -> None:
    async def act(on: Scene) -> None:
        await on.open("approval:1")
        await on.append("hook_disposed", hooks=(HookClosing(key=KEY),))
        assert not await on.is_found("approval:1")
        assert await on.is_found("approval:1", closed_too=True)

    play(act)


def test_an_expired_hook_too() -> None:
    async def act(on: Scene) -> None:
        await on.open("approval:1", expires_ms=on.stage.now_ms() + LATER_MS)
        assert await on.is_found("approval:1")
        await asyncio.sleep(LATER_MS / 1000 - 0.001)
        assert await on.is_found("approval:1")
        await asyncio.sleep(0.001)
        assert not await on.is_found("approval:1")
        assert await on.is_found("approval:1", closed_too=True)

    play(act)


def test_the_hook_of_a_run_that_has_ended_too() -> None:
    async def act(on: Scene) -> None:
        await on.open("approval:1")
        await on.end()
        assert not await on.is_found("approval:1")
        assert await on.is_found("approval:1", closed_too=True)

    play(act)


def test_a_token_leads_to_who_has_it_now() -> None:
    async def act(on: Scene) -> None:
        await on.open("approval:1", run=1)
        await on.end(1)
        await on.open("approval:1", run=2)
        for closed_too in (False, True):
            assert (await on.find("approval:1", closed_too=closed_too)).record.run_id == run_id(2)

    play(act)


def test_a_log_that_cant_be_read_is_told() -> None:
    async def act(on: Scene) -> None:
        await born(on.world)
        new = NewHook(key=KEY, token_hash=token_hash("approval:1"), row=0)
        await done(on.world, registering(1, 3, new, rows=(row("hook_created", payload=b"\x01sealed"),)))
        with pytest.raises(DecodeError):
            await on.find("approval:1")

    play(act)


def test_a_row_without_a_log_is_no_hook() -> None:
    """Its run was deleted meanwhile."""

    async def act(on: Scene) -> None:
        gone = record(run_id(9))
        assert await read_hook(on.engine, gone) is None

    play(act)


@pytest.mark.parametrize(
    ("closed", "expires_at_ms", "takes"),
    [(False, None, True), (True, None, False), (False, 101, True), (False, 100, False), (True, 101, False)],
)
def test_whether_it_takes_payloads(closed: bool, expires_at_ms: int | None, takes: bool) -> None:
    assert takes_payloads(record(run_id(1), closed=closed, expires_at_ms=expires_at_ms), 100) is takes


def record(run: RunId, *, closed: bool = False, expires_at_ms: int | None = None) -> HookRecord:
    return HookRecord(
        run_id=run,
        key=KEY,
        token_hash="h",
        seq=3,
        webhook=False,
        expires_at_ms=expires_at_ms,
        closed=closed,
        created_at_ms=1,
    )


# -- a payload is sent


def test_it_waits_in_the_inbox_under_the_hooks_key_in_order() -> None:
    async def act(on: Scene) -> None:
        await on.open("a", "b")
        for token, payload in (("b", b"1"), ("a", b"2"), ("b", b"3")):
            await resume(on.engine, await on.find(token), payload)
        assert await on.payloads() == [
            ("0/hook#1", '{"payload":1,"sent_ms":1700000000000}'),
            ("0/hook#0", '{"payload":2,"sent_ms":1700000000000}'),
            ("0/hook#1", '{"payload":3,"sent_ms":1700000000000}'),
        ]

    play(act)


def test_each_sending_is_a_letter_of_its_own() -> None:
    async def act(on: Scene) -> None:
        await on.open("a")
        found = await on.find("a")
        first, second = await resume(on.engine, found, b"1"), await resume(on.engine, found, b"1")
        assert first != second
        assert await mail_of(on.world) == [first, second]

    play(act)


def test_a_blocked_run_takes_payloads() -> None:
    async def act(on: Scene) -> None:
        await on.open("a")
        await on.append("run_blocked", status="blocked")
        await resume(on.engine, await on.find("a"), b"1")
        assert await on.payloads() == [(KEY, '{"payload":1,"sent_ms":1700000000000}')]

    play(act)


@pytest.mark.parametrize("meanwhile", ["disposed", "ended", "expired"])
def test_a_hook_that_is_over_by_the_time_it_arrives(meanwhile: str) -> None:
    """The token was resolved before."""

    async def act(on: Scene) -> None:
        await on.open("a", expires_ms=on.stage.now_ms() + LATER_MS)
        found = await on.find("a")
        match meanwhile:
            case "disposed":
                await on.append("hook_disposed", hooks=(HookClosing(key=KEY),))
            case "ended":
                await on.end()
            case _:
                await asyncio.sleep(LATER_MS / 1000)
        with pytest.raises(HookNotFound):
            await resume(on.engine, found, b"1")
        with pytest.raises(HookNotFound):
            await resume(on.engine, found, b"1", "key")
        assert await on.payloads() == []

    play(act)


def test_every_try_names_the_hook_that_the_token_led_to() -> None:
    """M3: who takes the token meanwhile doesn't get what was meant for another."""

    async def act(on: Scene) -> None:
        await on.open("a", run=1)
        found = await on.find("a")
        await on.end(1)
        await on.open("a", run=2)
        with pytest.raises(HookNotFound):
            await resume(on.engine, found, b"1")
        assert (await on.payloads(1), await on.payloads(2)) == ([], [])

    play(act)


# -- with a key


def test_a_second_try_is_accepted_without_effect() -> None:
    async def act(on: Scene) -> None:
        await on.open("a")
        found = await on.find("a")
        first = await resume(on.engine, found, b'{"n":1}', "key")
        assert (
            await resume(on.engine, found, b'{"n":1}', "key") == first == answer_id(run_id(1), token_hash("a"), "key")
        )
        assert await on.payloads() == [(KEY, '{"payload":{"n":1},"sent_ms":1700000000000}')]

    play(act)


def test_a_second_try_is_none_for_the_next_hook_under_the_token() -> None:
    """A step that is tried again looks its token up again: the run may have given it to another hook meanwhile."""

    async def act(on: Scene) -> None:
        await on.open("a")
        first = await resume(on.engine, await on.find("a"), b"1", "key")
        await on.append(hooks=(HookClosing(key=KEY),))
        again = NewHook(key="0/hook#9", token_hash=token_hash("a"), row=0)
        asked = row("hook_created", key=again.key, payload=pack(hook("a")))
        await done(on.world, append_to(1, on.seq, rows=(asked,), hooks=(again,)))
        found = await on.find("a")
        assert found.record.key == "0/hook#9"
        assert await resume(on.engine, found, b"1", "key") == first
        assert await on.payloads() == [(KEY, '{"payload":1,"sent_ms":1700000000000}')]
        await resume(on.engine, found, b"1", "next")
        assert len(await on.payloads()) == 2

    play(act)


def test_another_key_is_another_payload() -> None:
    async def act(on: Scene) -> None:
        await on.open("a", "b")
        a, b = await on.find("a"), await on.find("b")
        ids = [await resume(on.engine, found, b"1", key) for found, key in ((a, "k"), (a, "l"), (b, "k"))]
        assert len(set(ids)) == 3
        assert len(await on.payloads()) == 3

    play(act)


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("rejected", [None, "payload: no int"])
def test_the_same_key_with_another_payload_conflicts(taken: bool, rejected: str | None) -> None:
    """Whether the first one waits in the inbox, or is in the log."""

    async def act(on: Scene) -> None:
        await on.open("a")
        found = await on.find("a")
        mail_id = await resume(on.engine, found, b"1", "key")
        if taken:
            fact = HookReceived(payload=Raw(b"1"), rejected=rejected)
            received = row("hook_received", key=KEY, payload=pack(fact), mail_id=mail_id)
            await done(on.world, append_to(1, on.seq, rows=(received,), mail_taken=(mail_id,)))
        with pytest.raises(PayloadConflict) as caught:
            await resume(on.engine, found, b"2", "key")
        assert str(caught.value) == (
            "the idempotency key 'key' was used with another payload: give the same payload, or another key"
        )
        await resume(on.engine, found, b"1", "key")
        assert len(await on.payloads()) == (0 if taken else 1)

    play(act)


@pytest.mark.parametrize("place", [3, 4, 202, 203, 204, 450])
def test_a_key_is_found_wherever_in_the_log_its_payload_stands(place: int) -> None:
    """The log is read from its end, page by page: to its first row, and none is left out."""

    async def act(on: Scene) -> None:
        await on.open("a")
        found = await on.find("a")
        mail_id = await resume(on.engine, found, b"1", "key")
        received = row("hook_received", key=KEY, payload=pack(HookReceived(payload=Raw(b"1"))), mail_id=mail_id)
        rows = [row("wake_requested") for _ in range(450)]
        rows[place - 4 if place > 3 else 0] = received
        await done(on.world, append_to(1, on.seq, rows=tuple(rows), mail_taken=(mail_id,)))
        await resume(on.engine, found, b"1", "key")
        with pytest.raises(PayloadConflict):
            await resume(on.engine, found, b"2", "key")

    play(act)


def test_a_fresh_payload_is_found_without_reading_all_of_a_long_log() -> None:
    """Else sending n payloads with keys would read n² rows."""

    async def act(on: Scene) -> None:
        await on.open("a")
        found = await on.find("a")
        mail_id = await resume(on.engine, found, b"1", "key")
        await on.append(*["wake_requested"] * 1000)
        received = row("hook_received", key=KEY, payload=pack(HookReceived(payload=Raw(b"1"))), mail_id=mail_id)
        await done(on.world, append_to(1, on.seq, rows=(received,), mail_taken=(mail_id,)))
        read: list[int | None] = []
        read_log = on.world.read_log

        async def counted(run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Any:
            read.append(limit)
            return await read_log(run_id, from_seq, limit)

        on.world.read_log = counted  # type: ignore[method-assign]
        await resume(on.engine, found, b"1", "key")
        assert read == [200]

    play(act)


@pytest.mark.parametrize("page", [1, 2, 3, 100])
@pytest.mark.parametrize("further", [0, 1, 5])
def test_the_first_payload_is_found_in_a_long_log(monkeypatch: pytest.MonkeyPatch, page: int, further: int) -> None:
    monkeypatch.setattr(perdure.engine.hook, "PAGE", page)

    async def act(on: Scene) -> None:
        await on.open("a")
        found = await on.find("a")
        mail_id = await resume(on.engine, found, b"1", "key")
        received = row("hook_received", key=KEY, payload=pack(HookReceived(payload=Raw(b"1"))), mail_id=mail_id)
        later = (row("step_heartbeat"),) * further
        await done(on.world, append_to(1, on.seq, rows=(received, *later), mail_taken=(mail_id,)))
        assert await resume(on.engine, found, b"1", "key") == mail_id
        with pytest.raises(PayloadConflict):
            await resume(on.engine, found, b"2", "key")

    play(act)


def test_a_second_try_is_accepted_after_the_end_of_the_run() -> None:
    async def act(on: Scene) -> None:
        await on.open("a")
        found = await on.find("a")
        await resume(on.engine, found, b"1", "key")
        await on.end()
        again = await on.find("a", closed_too=True)
        await resume(on.engine, again, b"1", "key")
        with pytest.raises(PayloadConflict):
            await resume(on.engine, again, b"2", "key")
        with pytest.raises(HookNotFound):
            await resume(on.engine, again, b"1", "another key")

    play(act)


def test_a_worker_here_is_told_to_look() -> None:
    async def act(on: Scene) -> None:
        await on.open("a")
        looked: list[RunId] = []

        class Worker:
            worker_id = ONE
            runs: ClassVar[dict[RunId, Any]] = {}

            def look(self, run_id: RunId) -> None:
                looked.append(run_id)

        on.engine.worker = Worker()  # type: ignore[assignment]
        await resume(on.engine, await on.find("a"), b"1")
        on.engine.worker = None
        assert looked == [run_id(1)]

    play(act)
