"""An attempt while it runs: what its step says reaches the worker's loop, from its thread too; silence ends it."""

import asyncio
from typing import Any

import pytest
from msgspec import Raw

from perdure.core.pending import OpenStep
from perdure.engine.running import Running
from perdure.engine.stream import Piece, Place
from perdure.engine.telemetry import RunTelemetry
from perdure.engine.timers import Timers
from perdure.errors import EncodeError
from perdure.model.ids import RunId, step_id
from perdure.worlds.memory import MemoryWorld
from tests.engine.stage import Stage

KEY = "0/step:app:charge#0"


class Owner:
    run_id = step_of = RunId("wrun_1")
    telemetry = RunTelemetry()

    def __init__(self) -> None:
        self.said: list[object] = []

    def slot_came(self, running: Running) -> None: ...

    def step_succeeded(self, running: Running, result: bytes) -> None: ...

    def step_failed(self, running: Running, definition: Any, error: BaseException) -> None: ...

    def step_progressed(self, running: Running, progress: bytes) -> None:
        self.said.append(progress)

    def step_wrote(self, running: Running, piece: Piece, *, kept: bool) -> bool:
        self.said.append((piece, kept))
        return kept

    async def step_drains(self, running: Running, place: Place) -> None:
        self.said.append(place)

    def step_set_attributes(self, running: Running, changes: dict[str, str | None]) -> None:
        self.said.append(changes)


def running_of(owner: Owner, open_step: OpenStep) -> Running:
    loop = asyncio.get_running_loop()
    return Running(loop, Timers(MemoryWorld(), loop), owner, open_step)


def running(progress: bytes | None = None) -> tuple[Running, Owner]:
    owner, open_step = Owner(), OpenStep(KEY, "app:charge", Raw(b"{}"), first_at_ms=1234)
    open_step.progress = None if progress is None else Raw(progress)
    return running_of(owner, open_step), owner


def test_it_is_the_scope_that_its_step_finds() -> None:
    async def scene() -> None:
        attempt, _ = running(b'{"done":3}')
        assert attempt.attempt == 0, "which one it is shows when it has its slot"
        attempt.attempt = 2
        assert (attempt.run_id, attempt.key, attempt.step_name, attempt.attempt) == ("wrun_1", KEY, "app:charge", 2)
        assert attempt.started_at_ms == 1234
        assert attempt.step_id == step_id(RunId("wrun_1"), KEY)
        assert attempt.progress == {"done": 3}

    Stage().play(scene)


@pytest.mark.parametrize(
    ("name", "takes_slot"),
    [("app:charge", True), ("perdure:run.result", False), ("perdure.agent:ask", True), ("my:perdure:", True)],
)
def test_only_built_in_steps_take_no_slot(name: str, takes_slot: bool) -> None:
    async def scene() -> None:
        open_step = OpenStep(KEY, name, Raw(b"{}"), first_at_ms=0)
        assert running_of(Owner(), open_step).takes_slot is takes_slot

    Stage().play(scene)


def test_progress_is_told_and_kept_for_the_next_attempt() -> None:
    async def scene() -> None:
        attempt, owner = running()
        attempt.listen(1.0)
        attempt.beat([1, 2])
        attempt.beat(None)
        assert owner.said == [b"[1,2]"]
        assert attempt.step.progress == Raw(b"[1,2]")

    Stage().play(scene)


def test_progress_that_cannot_be_recorded_is_the_steps_error() -> None:
    async def scene() -> None:
        attempt, owner = running()
        with pytest.raises(EncodeError, match=r"^progress\[0\] can't be recorded"):
            attempt.beat([object()])
        assert owner.said == []

    Stage().play(scene)


def test_a_chunk_says_which_attempt_wrote_it() -> None:
    async def scene() -> None:
        attempt, owner = running()
        attempt.attempt = 2
        other = RunId("wrun_2")
        assert attempt.write(other, "logs", b"1") is False
        assert attempt.write(other, "logs", None, kept=True) is True, "as its run says"
        await attempt.drain(other, "logs")
        place = Place(other, "logs")
        assert owner.said == [
            (Piece(place, b"1", attempt.step_id, 2), False),
            (Piece(place, None, attempt.step_id, 2), True),
            place,
        ]

    Stage().play(scene)


def test_a_thread_is_heard_on_the_workers_loop() -> None:
    async def scene() -> None:
        attempt, owner = running()
        attempt.thread = asyncio.get_running_loop().create_future()
        attempt.set_attributes({"a": "b"})
        attempt.beat("half")
        assert owner.said == [], "not in the middle of whatever the loop does"
        await asyncio.sleep(0.01)
        assert owner.said == [{"a": "b"}, b'"half"']

    Stage().play(scene)


def test_a_cancelled_attempts_progress_is_not_told() -> None:
    async def scene() -> None:
        attempt, owner = running()
        attempt.cancelled = True
        attempt.beat(1)
        assert owner.said == []

    Stage().play(scene)


class TestSilence:
    @staticmethod
    def silent_after(beats_at_s: list[float], limit_s: float) -> int | None:
        """When the attempt was cancelled for silence, in ms."""
        stage = Stage()

        async def scene() -> int | None:
            attempt, _ = running()
            attempt.task = asyncio.create_task(asyncio.sleep(60))
            attempt.listen(limit_s)
            for at_s in beats_at_s:
                asyncio.get_running_loop().call_at(at_s, attempt.beat, None)
            try:
                await attempt.task
            except asyncio.CancelledError:
                assert attempt.silent
                return stage.passed_ms
            return None

        return stage.play(scene)

    def test_ends_the_attempt(self) -> None:
        assert self.silent_after([], 2.0) == 2000

    def test_counts_from_the_last_sign_of_life(self) -> None:
        assert self.silent_after([1.5, 3.0, 4.5], 2.0) == 6500

    def test_is_nothing_without_a_limit(self) -> None:
        assert self.silent_after([], 0.0) is None
