"""What an attempt logs becomes lines: which, how many, in which order, and that nobody else notices."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import msgspec
import pytest

from perdure.engine.capture import BYTES_MAX, HANDLER, LINES_MAX, TEXT_MAX, Capture, line_of
from perdure.model.log import Line
from perdure.replay.scope import SCOPE, Attempt
from tests.core.logs import raw

pytestmark = pytest.mark.anyio

app = logging.getLogger("tests.capture")
ROOT = logging.getLogger()


class Speaker(Attempt):
    """An attempt that keeps its lines here."""

    def __init__(self, level: int = logging.INFO) -> None:
        super().__init__(raw("wrun_1"), "0/step:x#0", "steps:x", 1, 0, None)  # pyright: ignore[reportArgumentType]
        self.written: list[bytes] = []
        call_soon = asyncio.get_running_loop().call_soon_threadsafe
        self.capture = Capture(call_soon, self.written.append, "steps:x", level)
        SCOPE.set(self)

    def logged(self, record: logging.LogRecord) -> None:
        self.capture.take(record)

    @property
    def lines(self) -> list[Line]:
        return [msgspec.json.decode(data, type=Line) for data in self.written]

    @property
    def messages(self) -> list[str]:
        return [line.message for line in self.lines]


@pytest.fixture
def plain_root() -> Iterator[Callable[[], None]]:
    """Called in a test, it makes this a process that has set up no logging: pytest's own handlers are away."""
    level = ROOT.level

    def forget() -> None:
        ROOT.handlers.clear()
        ROOT.setLevel(logging.WARNING)

    yield forget
    ROOT.handlers.clear()  # pytest adds its own anew
    ROOT.setLevel(level)


@pytest.fixture(autouse=True)
def all_ended() -> Iterator[None]:
    yield
    assert HANDLER not in ROOT.handlers, "an attempt of this test hasn't ended"


async def test_lines_come_in_order_and_after_the_end_none(plain_root: Callable[[], None]) -> None:
    plain_root()
    speaker = Speaker()
    app.info("one, %s", "two")
    app.debug("not asked for")
    app.error("three")
    assert speaker.written == [], "the step isn't held up"
    await asyncio.sleep(0)
    assert speaker.messages == ["one, two", "three"]
    app.warning("four")
    speaker.capture.end()
    app.warning("five")
    assert speaker.messages == ["one, two", "three", "four"]
    assert [(line.level, line.logger, line.step) for line in speaker.lines][:2] == [
        (logging.INFO, "tests.capture", "steps:x"),
        (logging.ERROR, "tests.capture", "steps:x"),
    ]


async def test_what_is_logged_elsewhere_is_nobodys(plain_root: Callable[[], None]) -> None:
    plain_root()
    speaker = Speaker()
    SCOPE.set(None)
    app.warning("outside")
    speaker.capture.end()
    assert speaker.written == []


async def test_what_comes_late_is_nobodys(plain_root: Callable[[], None]) -> None:
    """A thread that goes on, while another attempt is kept."""
    plain_root()
    speaker = Speaker()
    speaker.capture.end()
    other = Speaker()
    speaker.capture.take(record(msg="late"))
    await asyncio.sleep(0)
    other.capture.end()
    assert speaker.written == []


async def test_threads_of_the_step(plain_root: Callable[[], None]) -> None:
    plain_root()
    speaker = Speaker()

    def work() -> None:
        for number in range(100):
            app.info("%d", number)

    await asyncio.gather(*(asyncio.to_thread(work) for _ in range(4)))
    speaker.capture.end()
    numbers = [int(message) for message in speaker.messages]
    assert sorted(numbers) == sorted([*range(100)] * 4)


async def test_what_the_writing_itself_logs_is_no_line(plain_root: Callable[[], None]) -> None:
    plain_root()
    speaker = Speaker()

    def write(data: bytes) -> None:
        app.warning("written")
        speaker.written.append(data)

    speaker.capture._write = write  # pyright: ignore[reportPrivateUsage]
    app.warning("one")
    await asyncio.sleep(0)
    SCOPE.set(None)
    speaker.capture.end()
    assert speaker.messages == ["one"]


async def test_so_many_lines_and_then_a_count(plain_root: Callable[[], None]) -> None:
    plain_root()
    speaker = Speaker()
    for number in range(LINES_MAX + 3):
        app.info("%d", number)
    speaker.capture.end()
    *kept, last = speaker.lines
    assert [line.message for line in kept] == [str(number) for number in range(LINES_MAX)]
    assert (last.level, last.logger, last.dropped) == (logging.WARNING, "perdure", 3)
    assert last.message == "3 more were not kept: an attempt keeps 1000 lines, of 262144 bytes in all"


async def test_so_many_bytes_and_then_none_though_it_would_fit(plain_root: Callable[[], None]) -> None:
    plain_root()
    speaker = Speaker()
    for _ in range(60):
        app.info("x" * TEXT_MAX)
    app.info("short")
    speaker.capture.end()
    *kept, last = speaker.written
    assert BYTES_MAX - 2 * TEXT_MAX < sum(len(line) for line in kept) <= BYTES_MAX
    assert msgspec.json.decode(last, type=Line).dropped == 61 - len(kept)
    assert "short" not in speaker.messages


async def test_a_loop_that_has_ended_is_no_matter(
    plain_root: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    plain_root()

    def closed(*_: object, **__: object) -> None:
        raise RuntimeError("Event loop is closed")

    speaker = Speaker()
    speaker.capture._call_soon = closed  # pyright: ignore[reportPrivateUsage]
    app.info("one")
    speaker.capture.end()
    assert capsys.readouterr().err == ""


def record(**given: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "app", "levelno": 20, "levelname": "INFO", "created": 12.5, **given})


def test_a_line_has_what_the_record_says() -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        line = line_of(record(msg="%s", args=("m",), exc_info=sys.exc_info(), stack_info="Stack:\n  here"), "s")
    assert (line.at_ms, line.level, line.level_name, line.logger, line.message) == (12_500, 20, "", "app", "m")
    assert line.exception is not None
    assert line.exception.startswith("Traceback (most recent call last):\n")
    assert line.exception.endswith("\nValueError: bad\nStack:\n  here")
    assert line_of(record(msg="m"), "s").exception is None


def test_levels_of_ones_own_keep_their_name() -> None:
    assert line_of(record(msg="m", levelno=25, levelname="NOTICE"), "s").level_name == "NOTICE"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"msg": "half \ud800"}, "half \\ud800"),
        ({"msg": "é" * (TEXT_MAX + 1)}, "é" * (TEXT_MAX - 1) + "…"),
        ({"msg": 7}, "7"),
        (
            {"msg": "%d", "args": ("x",)},
            "'%d', with what doesn't fit into it (TypeError: %d format: a real number is required, not str)",
        ),
    ],
)
def test_every_message_is_a_text(given: dict[str, Any], message: str) -> None:
    line = line_of(record(**given), "s")
    assert line.message == message
    assert msgspec.json.decode(msgspec.json.encode(line), type=Line) == line


def test_of_a_long_traceback_the_end_is_kept() -> None:
    exception = line_of(record(msg="m", exc_text="a" + "b" * TEXT_MAX + "c"), "s").exception
    assert exception == "…" + "b" * (TEXT_MAX - 1) + "c"


class Angry:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


async def test_a_record_that_cannot_be_told_fails_no_step(
    plain_root: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    plain_root()
    speaker = Speaker()
    app.info(Angry())
    app.info("after")
    speaker.capture.end()
    assert speaker.messages == ["after"]
    assert "--- Logging error ---" in capsys.readouterr().err


class TestTheRestOfTheProcess:
    """Its logging is as it was, while attempts are kept, and after."""

    async def test_without_logging_set_up_the_last_resort_speaks_on(
        self, plain_root: Callable[[], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain_root()
        said = StringIO()
        last = logging.StreamHandler(said)
        last.setLevel(logging.WARNING)
        monkeypatch.setattr(logging, "lastResort", last)
        speaker = Speaker()
        app.info("quiet")
        app.warning("loud")
        own = logging.getLogger("tests.capture.own")
        own.addHandler(logging.NullHandler())
        own.warning("heard elsewhere")
        speaker.capture.end()
        assert said.getvalue() == "loud\n"
        assert speaker.messages == ["quiet", "loud", "heard elsewhere"]
        assert ROOT.level == logging.WARNING

    async def test_a_level_that_somebody_set_stays(self, plain_root: Callable[[], None]) -> None:
        plain_root()
        ROOT.addHandler(logging.NullHandler())
        speaker = Speaker()
        app.info("not let through")
        speaker.capture.end()
        assert (speaker.written, ROOT.level) == ([], logging.WARNING)

    async def test_a_level_that_is_set_meanwhile_stays(self, plain_root: Callable[[], None]) -> None:
        plain_root()
        first = Speaker(logging.INFO)
        ROOT.setLevel(logging.ERROR)
        second = Speaker(logging.DEBUG)
        for speaker in (first, second):
            speaker.capture.end()
        assert ROOT.level == logging.ERROR

    async def test_each_attempt_has_its_level(self, plain_root: Callable[[], None]) -> None:
        plain_root()
        first = Speaker(logging.INFO)
        second = Speaker(logging.DEBUG)
        app.debug("deep")
        SCOPE.set(first)
        app.debug("deep")
        first.capture.end()
        assert HANDLER in ROOT.handlers
        second.capture.end()
        assert (first.messages, second.messages) == ([], ["deep"])
        assert ROOT.level == logging.WARNING

    async def test_setting_up_logging_afterwards_works(self, plain_root: Callable[[], None]) -> None:
        plain_root()
        Speaker().capture.end()
        said = StringIO()
        logging.basicConfig(stream=said, level=logging.INFO)
        app.info("set up")
        assert said.getvalue() == "INFO:tests.capture:set up\n"
