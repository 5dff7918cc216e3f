"""A live run's timers, by the store's clock."""

import asyncio
from collections.abc import Callable

from perdure.core.pending import Pending
from perdure.engine.timers import Timers
from perdure.engine.wait import Waits
from perdure.model.event import CancelRequested, Fact, HookExpired, WaitCompleted
from tests.core.hooks import hook
from tests.core.logs import log, sleep
from tests.engine.stage import EPOCH_MS, Stage

KEY, OTHER = "0/sleep#0", "0.1/sleep#0"
HOOK, ENDLESS = "0/hook#0", "0/hook#1"


class Run:
    """`at` notes when what happened, in ms since the beginning."""

    def __init__(self, stage: Stage, pending: Pending) -> None:
        self.stage, self.pending = stage, pending
        self.departure = self
        self.happened: list[tuple[int, object]] = []

    def arrive(self, key: str, fact: Fact) -> None:
        self.happened.append((self.stage.passed_ms, (key, fact)))

    def force(self) -> None:
        self.happened.append((self.stage.passed_ms, "forced"))

    def note(self, key: str) -> None:
        self.happened.append((self.stage.passed_ms, key))


def play(
    act: Callable[[Run, Waits], None], pending: Pending | None = None, *, slow_ms: int = 0
) -> list[tuple[int, object]]:
    stage = Stage()

    class Slow:
        """A World whose clock is behind the loop's."""

        def now_ms(self) -> int:
            return stage.now_ms() - slow_ms

    async def scene() -> list[tuple[int, object]]:
        run = Run(stage, pending or Pending())
        act(run, Waits(run, Timers(Slow(), asyncio.get_running_loop())))  # type: ignore[arg-type]
        await asyncio.sleep(10)
        return run.happened

    return stage.play(scene)


def due(ms: int) -> int:
    return EPOCH_MS + ms


def asleep(*dues: int) -> Pending:
    return Pending(log(*((0, key, sleep(due(ms))) for key, ms in zip((KEY, OTHER), dues, strict=False))))


def test_a_wait_completes_when_it_is_due() -> None:
    happened = play(lambda run, waits: waits.arm(KEY, due(250)), asleep(250))
    assert happened == [(250, (KEY, WaitCompleted(due_ms=due(250))))]


def test_one_that_was_due_long_ago_completes_at_once() -> None:
    happened = play(lambda run, waits: waits.arm(KEY, due(-5000)), asleep(-5000))
    assert happened == [(0, (KEY, WaitCompleted(due_ms=due(-5000))))]


def test_one_that_the_log_has_completed_does_not_complete_again() -> None:
    assert play(lambda run, waits: waits.arm(KEY, due(250))) == []


def test_what_the_log_left_open_is_armed_if_the_body_waits_for_it() -> None:
    happened = play(lambda run, waits: waits.recover(lambda key: key == OTHER), asleep(100, 200))
    assert happened == [(200, (OTHER, WaitCompleted(due_ms=due(200))))]


def test_a_released_wait_is_still() -> None:
    def act(run: Run, waits: Waits) -> None:
        waits.arm(KEY, due(100))
        waits.release(KEY)
        waits.release(KEY)

    assert play(act, asleep(100)) == []


def test_after_close_all_are_still() -> None:
    def act(run: Run, waits: Waits) -> None:
        waits.at("a", due(10), run.note)
        waits.at("b", due(20), run.note)
        waits.close()

    assert play(act) == []


def test_a_later_timer_of_the_same_key_replaces_the_earlier() -> None:
    def act(run: Run, waits: Waits) -> None:
        waits.at("retry", due(100), run.note)
        waits.at("retry", due(300), run.note)

    assert play(act) == [(300, "retry")]


def test_a_hook_ends_when_its_time_is_over() -> None:
    """Whether or not the body waits for it: its token is given back."""
    hooked = Pending(log((0, HOOK, hook(expires_ms=due(300))), (0, ENDLESS, hook("endless"))))
    expired = (300, (HOOK, HookExpired(due_ms=due(300))))
    assert play(lambda run, waits: waits.arm(HOOK, due(300)), hooked) == [expired]
    assert play(lambda run, waits: waits.recover(lambda key: False), hooked) == [expired]


def test_one_that_was_given_back_does_not_end_again() -> None:
    assert play(lambda run, waits: waits.arm(HOOK, due(300))) == []


def test_what_came_too_early_comes_again_as_what_it_was() -> None:
    """By the store's clock, which has the last word."""

    def act(run: Run, waits: Waits) -> None:
        waits.arm(HOOK, due(350))
        waits.arm(KEY, due(450))

    pending = Pending(log((0, HOOK, hook(expires_ms=due(300))), (0, KEY, sleep(due(400)))))
    assert play(act, pending) == [
        (350, (HOOK, HookExpired(due_ms=due(300)))),
        (450, (KEY, WaitCompleted(due_ms=due(400)))),
    ]


def test_a_grace_ends_by_force() -> None:
    pending = Pending(log((1, "", CancelRequested(force_at_ms=due(400)))))
    assert play(lambda run, waits: waits.recover(lambda key: True), pending) == [(400, "forced")]


def test_without_a_grace_nothing_is_forced() -> None:
    pending = Pending(log((1, "", CancelRequested())))
    assert play(lambda run, waits: waits.arm_force(), pending) == []


def test_the_stores_clock_decides() -> None:
    """S1: the loop's clock may run ahead."""
    [(at_ms, key)] = play(lambda run, waits: waits.at("x", due(100), run.note), slow_ms=700)
    assert key == "x"
    assert 800 <= at_ms <= 805
